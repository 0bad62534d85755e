//! An `Allow` statement in the parts that [`union`](super::union::union) compares.

use super::document::{Condition, Scalar, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// A grant: actions on resources under conditions. [`Statement::from`] is its form in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) sid: String,
    /// The actions, in the order of the statement.
    pub(super) actions: Vec<String>,
    /// The resources, in the order of the statement.
    pub(super) resources: Vec<String>,
    /// The values by operator and key. One of the values must match.
    pub(super) conditions: BTreeMap<(&'static str, String), BTreeSet<String>>,
}

impl Grant {
    pub(super) fn new<A: Into<String>, R: Into<String>>(
        sid: &str,
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            sid: sid.to_owned(),
            actions: actions.into_iter().map(Into::into).collect(),
            resources: resources.into_iter().map(Into::into).collect(),
            conditions: BTreeMap::new(),
        }
    }

    /// Returns the same grant under one more condition.
    pub(super) fn when<V: Into<String>>(
        mut self,
        operator: &'static str,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.conditions.insert((operator, key.into()), values.into_iter().map(Into::into).collect());
        self
    }

    /// Returns whether the other grant allows an action on a resource at least under the conditions of this grant.
    pub(super) fn is_covered(&self, action: &str, resource: &str, other: &Self) -> bool {
        let has_action = other.actions.iter().any(|others| others == action);
        has_action
            && other.resources.iter().any(|others| matches(others, resource))
            && other
                .conditions
                .iter()
                .all(|(key, wider)| self.conditions.get(key).is_some_and(|narrower| narrower.is_subset(wider)))
    }
}

impl From<Grant> for Statement {
    fn from(grant: Grant) -> Self {
        let mut condition = Condition::new();
        for ((operator, key), values) in grant.conditions {
            let values = values.into_iter().map(Scalar::from).collect();
            condition.entry(operator.to_owned()).or_default().insert(key, values);
        }
        Self {
            sid: Some(grant.sid),
            resource: Some(grant.resources.into_iter().collect()),
            condition,
            ..Self::allow(grant.actions)
        }
    }
}

/// Returns whether a pattern, which may end in `*`, matches everything that the other pattern matches.
fn matches(pattern: &str, other: &str) -> bool {
    pattern == other || pattern.strip_suffix('*').is_some_and(|prefix| other.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wide_grant_covers_narrow_grant_only() {
        let wide = Grant::new("Wide", ["a"], ["arn:x/*"]).when("StringEquals", "k", ["1", "2"]);
        let narrow = Grant::new("Narrow", ["a", "b"], ["arn:x/y*"]).when("StringEquals", "k", ["1"]).when(
            "StringLike",
            "l",
            ["*"],
        );
        assert!(narrow.is_covered("a", "arn:x/y*", &wide));
        assert!(!narrow.is_covered("b", "arn:x/y*", &wide));
        assert!(!wide.is_covered("a", "arn:x/*", &narrow));
        assert!(!narrow.is_covered("a", "arn:z", &wide));
        let other_value = Grant::new("Other", ["a"], ["*"]).when("StringEquals", "k", ["2"]);
        assert!(!narrow.is_covered("a", "arn:x/y*", &other_value));
        // A `*` in the middle of a pattern does not count as a wildcard here.
        assert!(!matches("arn:*:x", "arn:1:x") && matches("*", "arn:1:x"));
    }

    #[test]
    fn grant_is_written_in_iam_grammar() {
        let grant =
            Grant::new("One", ["a"], ["x", "y"]).when("StringEquals", "k", ["1"]).when("StringEquals", "l", ["1", "2"]);
        let expected = json!({
            "Sid": "One", "Effect": "Allow", "Action": "a", "Resource": ["x", "y"],
            "Condition": {"StringEquals": {"k": "1", "l": ["1", "2"]}},
        });
        assert_eq!(json!(Statement::from(grant)), expected);
    }
}
