//! The tag by which Karpenter finds subnets and security groups, and what an ownership marker says of it.

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

/// The first character of a departing marker's value. No key begins with it: the property refuses `=`.
const LEAVING: char = '=';

impl DiscoveryTag {
    /// Returns `key=value`, the marker value for this tag.
    pub fn noted(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    /// The tag alone, as tags.
    pub fn tags(&self) -> Tags {
        Tags::from([(self.key.clone(), self.value.clone())])
    }

    /// Whether it is among the tags, with its value.
    pub fn is_among(&self, tags: &Tags) -> bool {
        tags.get(&self.key) == Some(&self.value)
    }

    /// Returns `=key=value`, the value of a departing marker. The marker then does not keep the tag.
    pub fn leaving(note: &str) -> String {
        format!("{LEAVING}{note}")
    }

    /// Returns the marker value without the `=` of a departing marker.
    pub fn live(note: &str) -> &str {
        note.strip_prefix(LEAVING).unwrap_or(note)
    }

    /// Returns the tag for a marker value, departing or not; `None` if the value has no `key=value`. No key has a `=`: the property
    /// refuses it.
    pub fn from_note(note: &str) -> Option<Self> {
        let (key, value) = Self::live(note).split_once('=')?;
        Some(Self { key: key.to_owned(), value: value.to_owned() })
    }
}
