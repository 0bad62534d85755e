//! From JSON to the values of properties.

use super::Kind;
use super::rules::{IAM_TAG_KEY, IAM_TAG_VALUE, TAGS_MAX};
use serde_json::Value;
use std::collections::BTreeMap;

/// A value that passed its row's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// Of [`Kind::Text`] and [`Kind::OneOf`].
    Text(String),
    /// Of [`Kind::List`]: in order, without repeats.
    List(Vec<String>),
    /// Of [`Kind::Tags`].
    Tags(BTreeMap<String, String>),
}

impl Kind {
    /// The value, if the rule accepts it.
    pub(super) fn parse(self, value: &Value) -> Option<Given> {
        match self {
            Self::Text(rule) => scalar(value).filter(|text| (rule.is)(text)).map(Given::Text),
            Self::OneOf(words) => scalar(value).filter(|text| words.contains(&text.as_str())).map(Given::Text),
            Self::SomeOf(words) => list(value, |item| words.contains(&item)).map(Given::List),
            Self::List(rule) => list(value, rule.is).map(Given::List),
            Self::Tags => tags(value).map(Given::Tags),
        }
    }
}

fn list(value: &Value, is_good: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let items = match value {
        Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>()?,
        _ => scalar(value)?.split(',').map(|item| item.trim().to_owned()).collect(),
    };
    let mut list: Vec<String> = Vec::new();
    for item in items.into_iter().filter(|item| !item.is_empty()) {
        if !is_good(&item) {
            return None;
        }
        if !list.contains(&item) {
            list.push(item);
        }
    }
    Some(list)
}

/// Whether it counts as not given.
pub(super) fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_absent),
        _ => false,
    }
}

/// Text as it is, a number or boolean as CloudFormation would have written it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn tags(value: &Value) -> Option<BTreeMap<String, String>> {
    let pairs = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| Some((key.clone(), scalar(value)?))).collect::<Option<Vec<_>>>()?
        }
        Value::Array(items) => items
            .iter()
            .map(|item| Some((scalar(item.get("Key")?)?, scalar(item.get("Value")?)?)))
            .collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    let count = pairs.len();
    let tags: BTreeMap<_, _> = pairs.into_iter().collect();
    let good = tags.len() == count
        && count <= TAGS_MAX
        && tags.iter().all(|(key, value)| (IAM_TAG_KEY.is)(key) && (IAM_TAG_VALUE.is)(value));
    good.then_some(tags)
}
