//! Reads the values of properties from JSON.

use super::Kind;
use super::rules::{IAM_TAG_KEY, IAM_TAG_VALUE, TAGS_MAX};
use serde_json::Value;
use std::collections::BTreeMap;

/// A valid value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyValue {
    /// The value of [`Kind::Text`] or [`Kind::OneOf`].
    Text(String),
    /// The value of [`Kind::List`] or [`Kind::SomeOf`]: in order, without repeats.
    List(Vec<String>),
    /// The value of [`Kind::Tags`].
    Tags(BTreeMap<String, String>),
}

impl Kind {
    /// Reads a value. Returns `None` if it is invalid.
    pub(super) fn parse(self, value: &Value) -> Option<PropertyValue> {
        match self {
            Self::Text(rule) => scalar(value).filter(|text| (rule.is)(text)).map(PropertyValue::Text),
            Self::OneOf(words) => scalar(value).filter(|text| words.contains(&text.as_str())).map(PropertyValue::Text),
            Self::SomeOf(words) => list(value, |item| words.contains(&item)).map(PropertyValue::List),
            Self::List(rule) => list(value, rule.is).map(PropertyValue::List),
            Self::Tags => tags(value).map(PropertyValue::Tags),
        }
    }
}

/// Reads a list, or a text with commas between the items. Empty items do not count. Returns `None` if an item is invalid.
fn list(value: &Value, is_valid: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let items = match value {
        Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>()?,
        _ => scalar(value)?.split(',').map(|item| item.trim().to_owned()).collect(),
    };
    let mut list: Vec<String> = Vec::new();
    for item in items.into_iter().filter(|item| !item.is_empty()) {
        if !is_valid(&item) {
            return None;
        }
        if !list.contains(&item) {
            list.push(item);
        }
    }
    Some(list)
}

/// Returns whether a value counts as absent.
pub(super) fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_absent),
        _ => false,
    }
}

/// Reads a text, or a number or Boolean as the text that CloudFormation makes of it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Reads a map of tags, or a list of maps with `Key` and `Value`. Returns `None` if a tag is invalid, if a key occurs twice, or
/// if there are more than [`TAGS_MAX`] tags.
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
    let is_valid = tags.len() == count
        && count <= TAGS_MAX
        && tags.iter().all(|(key, value)| (IAM_TAG_KEY.is)(key) && (IAM_TAG_VALUE.is)(value));
    is_valid.then_some(tags)
}
