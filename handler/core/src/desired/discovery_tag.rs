//! The tag by which Karpenter finds subnets and security groups, and its form as a marker value.

use crate::identity::ownership::Tags;
use serde::Serialize;

/// The tag by which Karpenter finds subnets and security groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DiscoveryTag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// The first character of a departing marker's value. No tag key begins with it, because the property rejects `=` in a key.
const DEPARTING: char = '=';

impl DiscoveryTag {
    /// Returns `key=value`, the marker value for this tag.
    pub fn marker_value(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    /// Returns a map with this tag alone.
    pub fn tags(&self) -> Tags {
        Tags::from([(self.key.clone(), self.value.clone())])
    }

    /// Returns whether the tags contain the key with this value.
    pub fn is_among(&self, tags: &Tags) -> bool {
        tags.get(&self.key) == Some(&self.value)
    }

    /// Returns `=key=value`, the value of a departing marker. The marker then does not keep the tag.
    pub fn departing(value: &str) -> String {
        format!("{DEPARTING}{value}")
    }

    /// Returns the marker value without the `=` of a departing marker.
    pub fn without_departing(value: &str) -> &str {
        value.strip_prefix(DEPARTING).unwrap_or(value)
    }

    /// Returns the tag for a marker value, departing or not. Returns `None` if the value has no `key=value`. The first `=` ends
    /// the key, because the property rejects `=` in a key.
    pub fn from_marker_value(value: &str) -> Option<Self> {
        let (key, value) = Self::without_departing(value).split_once('=')?;
        Some(Self { key: key.to_owned(), value: value.to_owned() })
    }
}
