//! One statement that allows, as data: what it covers of another can be told.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An `Allow` statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: String,
    /// In the order in which they are written.
    pub(super) actions: Vec<String>,
    /// In the order in which they are written.
    pub(super) resources: Vec<String>,
    /// By operator and key: the values, any of which will do.
    pub(super) conditions: BTreeMap<(&'static str, String), BTreeSet<String>>,
}

impl Statement {
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

    /// The same under one more condition.
    pub(super) fn when<V: Into<String>>(
        mut self,
        operator: &'static str,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.conditions.insert((operator, key.into()), values.into_iter().map(Into::into).collect());
        self
    }

    /// Whether whatever this allows of an action on a resource, the other allows too.
    pub(super) fn is_covered(&self, action: &str, resource: &str, other: &Self) -> bool {
        let has_action = other.actions.iter().any(|others| others == action);
        has_action
            && other.resources.iter().any(|others| matches(others, resource))
            && other
                .conditions
                .iter()
                .all(|(key, wider)| self.conditions.get(key).is_some_and(|narrower| narrower.is_subset(wider)))
    }

    /// As IAM takes it; one of a list is written as text.
    pub(super) fn document(&self) -> Value {
        let mut statement = Map::new();
        statement.insert("Sid".to_owned(), json!(self.sid));
        statement.insert("Effect".to_owned(), json!("Allow"));
        statement.insert("Action".to_owned(), one_or_all(&self.actions));
        statement.insert("Resource".to_owned(), one_or_all(&self.resources));
        let mut conditions: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for ((operator, key), values) in &self.conditions {
            conditions.entry(operator).or_default().insert(key.clone(), one_or_all(values));
        }
        if !conditions.is_empty() {
            statement.insert("Condition".to_owned(), json!(conditions));
        }
        Value::Object(statement)
    }
}

/// Whether a pattern that may end in `*` matches all that the other does.
fn matches(pattern: &str, other: &str) -> bool {
    pattern == other || pattern.strip_suffix('*').is_some_and(|prefix| other.starts_with(prefix))
}

/// One as text, several as a list.
pub(super) fn one_or_all<'a>(texts: impl IntoIterator<Item = &'a String>) -> Value {
    match texts.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => json!(one),
        several => json!(several),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_covers_another_with_more_conditions_and_fewer_resources() {
        let wide = Statement::new("Wide", ["a"], ["arn:x/*"]).when("StringEquals", "k", ["1", "2"]);
        let narrow = Statement::new("Narrow", ["a", "b"], ["arn:x/y*"]).when("StringEquals", "k", ["1"]).when(
            "StringLike",
            "l",
            ["*"],
        );
        assert!(narrow.is_covered("a", "arn:x/y*", &wide));
        assert!(!narrow.is_covered("b", "arn:x/y*", &wide));
        assert!(!wide.is_covered("a", "arn:x/*", &narrow));
        assert!(!narrow.is_covered("a", "arn:z", &wide));
        let other_value = Statement::new("Other", ["a"], ["*"]).when("StringEquals", "k", ["2"]);
        assert!(!narrow.is_covered("a", "arn:x/y*", &other_value));
        // The wildcard must come from the pattern: `*` in the middle is text here.
        assert!(!matches("arn:*:x", "arn:1:x") && matches("*", "arn:1:x"));
    }

    #[test]
    fn a_statement_is_written_as_iam_takes_it() {
        let statement = Statement::new("One", ["a"], ["x", "y"]).when("StringEquals", "k", ["1"]).when(
            "StringEquals",
            "l",
            ["1", "2"],
        );
        let expected = json!({
            "Sid": "One", "Effect": "Allow", "Action": "a", "Resource": ["x", "y"],
            "Condition": {"StringEquals": {"k": "1", "l": ["1", "2"]}},
        });
        assert_eq!(statement.document(), expected);
    }
}
