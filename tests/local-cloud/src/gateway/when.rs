//! Selects the calls of a rule.

use std::{fmt, sync::Arc};

use super::call::Call;

/// Selects the calls of a rule.
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
    /// Selects every call.
    pub fn any() -> Self {
        Self::default()
    }

    /// Selects every call that can change something.
    pub fn write() -> Self {
        Self { writes: true, ..Self::default() }
    }

    /// Selects every call to a service.
    pub fn service(service: impl Into<String>) -> Self {
        Self { service: Some(service.into()), ..Self::default() }
    }

    /// Selects every call of one operation.
    pub fn call(service: impl Into<String>, operation: impl Into<String>) -> Self {
        Self { operation: Some(operation.into()), ..Self::service(service) }
    }

    /// Selects only calls with this parameter.
    #[must_use]
    pub fn with(mut self, param: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((param.into(), value.into()));
        self
    }

    /// Selects only calls that pass a test.
    #[must_use]
    pub fn passing(mut self, test: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Arc::new(test));
        self
    }

    /// Selects only the first of them.
    #[must_use]
    pub fn once(self) -> Self {
        self.first(1)
    }

    /// Selects only the first `count` of them.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.occurrence = Occurrence::First(count);
        self
    }

    /// Selects only the `n`th of them, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: usize) -> Self {
        self.occurrence = Occurrence::Nth(n);
        self
    }

    /// Selects only the `n`th of them and all later ones, counted from 1.
    #[must_use]
    pub fn from_nth(mut self, n: usize) -> Self {
        self.occurrence = Occurrence::From(n);
        self
    }

    /// Returns whether it selects the `seen`th of the matching calls, counted from 1.
    pub(crate) const fn includes(&self, seen: usize) -> bool {
        match self.occurrence {
            Occurrence::Every => true,
            Occurrence::First(count) => seen <= count,
            Occurrence::Nth(n) => seen == n,
            Occurrence::From(n) => n <= seen,
        }
    }

    /// Returns whether a call matches. The number of the call is not considered.
    pub fn matches(&self, call: &Call) -> bool {
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
