//! The rules that a gateway follows: faults, refusals, delays and rewritten answers, installed while
//! it runs.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use super::{call::Call, effect::Effect, when::When};

/// The rules in force. A clone is another handle on the same rules.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl Rules {
    /// No rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a rule in force, after those that are. The handle tells whether it ever struck; it may
    /// be dropped, the rule stays.
    pub fn add(&self, when: When, effect: Effect) -> Installed {
        let installed = Installed { hits: Arc::default(), rules: self.clone() };
        let hits = Arc::clone(&installed.hits);
        self.lock().push(Rule { when, effect, seen: 0, hits });
        installed
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The effects of all rules that are for this call, in the order of their installation.
    pub(crate) fn strike(&self, call: &Call) -> Vec<Effect> {
        self.lock().iter_mut().filter_map(|rule| rule.strike(call)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rule that was put in force.
#[derive(Clone, Debug)]
pub struct Installed {
    hits: Arc<AtomicUsize>,
    rules: Rules,
}

impl Installed {
    /// How many calls it struck. A test of a fault that struck none proves nothing.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }

    /// Takes the rule away.
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
    fn strike(&mut self, call: &Call) -> Option<Effect> {
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

    fn struck(rules: &Rules, call: &Call) -> Vec<&'static str> {
        rules.strike(call).iter().map(Effect::name).collect()
    }

    #[test]
    fn a_rule_is_for_the_calls_it_names() {
        let rules = Rules::new();
        rules.add(When::call("iam", "CreateRole").with("RoleName", "a"), Effect::Throttle);
        rules.add(When::service("ec2"), Effect::Error500);
        rules.add(When::any().passing(|call| call.operation == "GetRole"), Effect::Hang);
        let create = |name| call("iam", "CreateRole", ("RoleName", name));
        assert_eq!(struck(&rules, &create("a")), ["throttled"]);
        assert!(struck(&rules, &create("b")).is_empty());
        assert_eq!(struck(&rules, &call("ec2", "CreateTags", ("a", ""))), ["error 500"]);
        assert_eq!(struck(&rules, &call("iam", "GetRole", ("a", ""))), ["hung"]);
    }

    #[test]
    fn occurrences_are_counted_by_rule() {
        let rules = Rules::new();
        let nth = rules.add(When::any().nth(2), Effect::Reset);
        let first = rules.add(When::any().first(2), Effect::Throttle);
        let every = rules.add(When::any(), Effect::Delay(Duration::ZERO));
        let call = call("iam", "GetRole", ("a", ""));
        assert_eq!(struck(&rules, &call), ["throttled", "delayed"]);
        assert_eq!(struck(&rules, &call), ["reset", "throttled", "delayed"]);
        assert_eq!(struck(&rules, &call), ["delayed"]);
        assert_eq!((nth.hits(), first.hits(), every.hits()), (1, 2, 3));
        every.remove();
        assert!(struck(&rules, &call).is_empty());
    }
}
