//! Which calls a rule is for.

use std::{fmt, sync::Arc};

use super::call::Call;

/// Which calls a rule is for.
#[derive(Clone, Default)]
pub struct When {
    service: Option<String>,
    operation: Option<String>,
    writes: bool,
    params: Vec<(String, String)>,
    tests: Vec<Arc<Test>>,
    occurrence: Occurrence,
}

impl When {
    /// Every call.
    pub fn any() -> Self {
        Self::default()
    }

    /// Every call that can change something.
    pub fn write() -> Self {
        Self { writes: true, ..Self::default() }
    }

    /// Every call to a service.
    pub fn service(service: impl Into<String>) -> Self {
        Self { service: Some(service.into()), ..Self::default() }
    }

    /// Every call of one operation.
    pub fn call(service: impl Into<String>, operation: impl Into<String>) -> Self {
        Self { operation: Some(operation.into()), ..Self::service(service) }
    }

    /// Only those with this parameter.
    #[must_use]
    pub fn with(mut self, param: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((param.into(), value.into()));
        self
    }

    /// Only those that pass a test.
    #[must_use]
    pub fn passing(mut self, test: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Arc::new(test));
        self
    }

    /// Only the first of them.
    #[must_use]
    pub fn once(self) -> Self {
        self.first(1)
    }

    /// Only the first `count` of them.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.occurrence = Occurrence::First(count);
        self
    }

    /// Only the `n`th of them, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        self.occurrence = Occurrence::Nth(n);
        self
    }

    /// Only the `n`th of them and all after it, counted from 1.
    #[must_use]
    pub fn from_nth(mut self, n: usize) -> Self {
        self.occurrence = Occurrence::From(n);
        self
    }

    /// Whether it is for the `seen`th of the calls that match, counted from 1.
    pub(crate) const fn includes(&self, seen: usize) -> bool {
        match self.occurrence {
            Occurrence::Every => true,
            Occurrence::First(count) => seen <= count,
            Occurrence::Nth(n) => seen == n,
            Occurrence::From(n) => n <= seen,
        }
    }

    pub(crate) fn matches(&self, call: &Call) -> bool {
        self.service.as_ref().is_none_or(|service| *service == call.service)
            && self.operation.as_ref().is_none_or(|operation| *operation == call.operation)
            && (!self.writes || call.is_write())
            && self.params.iter().all(|(name, value)| call.param(name) == Some(value))
            && self.tests.iter().all(|test| test(call))
    }
}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("When")
            .field("service", &self.service)
            .field("operation", &self.operation)
            .field("writes", &self.writes)
            .field("params", &self.params)
            .field("tests", &self.tests.len())
            .field("occurrence", &self.occurrence)
            .finish()
    }
}

type Test = dyn Fn(&Call) -> bool + Send + Sync;

#[derive(Clone, Copy, Debug, Default)]
enum Occurrence {
    #[default]
    Every,
    First(usize),
    Nth(usize),
    From(usize),
}
