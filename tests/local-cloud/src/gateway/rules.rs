//! The rules of a gateway: faults, errors, delays and rewritten responses. A test adds and removes them while the gateway
//! runs.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use super::{call::Call, effect::Effect, when::When};

/// The current rules. A clone is another handle of the same rules.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl Rules {
    /// Creates an empty set of rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule after the existing ones. The handle counts the calls that the rule applied to. The rule remains if the
    /// handle is dropped.
    pub fn add(&self, when: When, effect: Effect) -> Installed {
        let installed = Installed { hits: Arc::default(), rules: self.clone() };
        let hits = Arc::clone(&installed.hits);
        self.lock().push(Rule { when, effect, seen: 0, hits });
        installed
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Returns the effects of all rules that apply to this call, in the order of the rules.
    pub(crate) fn apply(&self, call: &Call) -> Vec<Effect> {
        self.lock().iter_mut().filter_map(|rule| rule.apply(call)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rule that was added.
#[derive(Clone, Debug)]
pub struct Installed {
    hits: Arc<AtomicUsize>,
    rules: Rules,
}

impl Installed {
    /// The number of calls that the rule applied to. A test of a fault that applied to no call proves nothing.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// Removes the rule.
    pub fn remove(self) {
        self.rules.lock().retain(|rule| !Arc::ptr_eq(&rule.hits, &self.hits));
    }
}

#[derive(Debug)]
struct Rule {
    when: When,
    effect: Effect,
    seen: usize,
    hits: Arc<AtomicUsize>,
}

impl Rule {
    fn apply(&mut self, call: &Call) -> Option<Effect> {
        if !self.when.matches(call) {
            return None;
        }
        self.seen += 1;
        self.when.includes(self.seen).then(|| {
            self.hits.fetch_add(1, Ordering::Relaxed);
            self.effect.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use std::time::Duration;

    use hyper::{Request, body::Bytes};

    use super::*;

    fn call(service: &str, operation: &str, param: (&str, &str)) -> Call {
        let (parts, body) = Request::new(Bytes::new()).into_parts();
        let params = BTreeMap::from([(param.0.to_owned(), param.1.to_owned())]);
        Call::unfinished(&parts, body, service.to_owned(), operation.to_owned(), params)
    }

    fn applied(rules: &Rules, call: &Call) -> Vec<&'static str> {
        rules.apply(call).iter().map(Effect::name).collect()
    }

    #[test]
    fn rule_applies_only_to_selected_calls() {
        let rules = Rules::new();
        rules.add(When::call("iam", "CreateRole").with("RoleName", "a"), Effect::Throttle);
        rules.add(When::service("ec2"), Effect::Error500);
        rules.add(When::any().passing(|call| call.operation == "GetRole"), Effect::Hang);
        let create = |name| call("iam", "CreateRole", ("RoleName", name));
        assert_eq!(applied(&rules, &create("a")), ["throttled"]);
        assert!(applied(&rules, &create("b")).is_empty());
        assert_eq!(applied(&rules, &call("ec2", "CreateTags", ("a", ""))), ["error 500"]);
        assert_eq!(applied(&rules, &call("iam", "GetRole", ("a", ""))), ["hung"]);
    }

    #[test]
    fn each_rule_counts_its_own_calls() {
        let rules = Rules::new();
        let nth = rules.add(When::any().nth(2), Effect::Reset);
        let first = rules.add(When::any().first(2), Effect::Throttle);
        let every = rules.add(When::any(), Effect::Delay(Duration::ZERO));
        let call = call("iam", "GetRole", ("a", ""));
        assert_eq!(applied(&rules, &call), ["throttled", "delayed"]);
        assert_eq!(applied(&rules, &call), ["reset", "throttled", "delayed"]);
        assert_eq!(applied(&rules, &call), ["delayed"]);
        assert_eq!((nth.hits(), first.hits(), every.hits()), (1, 2, 3));
        every.remove();
        assert!(applied(&rules, &call).is_empty());
    }
}
