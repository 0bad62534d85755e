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

/// What the note of a generation that is about to go begins with. No key does: it has no `=`.
const LEAVING: char = '=';

impl DiscoveryTag {
    /// `key=value`: what a mark beside it says that it stands for.
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

    /// `=key=value`: what the mark of a generation that is about to go says, while it looks who else does. It is no
    /// reason for the tag to stay.
    pub fn leaving(note: &str) -> String {
        format!("{LEAVING}{note}")
    }

    /// What a mark said before it was about to go; what it says, when it is not.
    pub fn live(note: &str) -> &str {
        note.strip_prefix(LEAVING).unwrap_or(note)
    }

    /// The tag that a mark's value stands for; `None` when it has no `=`. No key has one: the property refuses it.
    pub fn from_note(note: &str) -> Option<Self> {
        let (key, value) = Self::live(note).split_once('=')?;
        Some(Self { key: key.to_owned(), value: value.to_owned() })
    }
}
