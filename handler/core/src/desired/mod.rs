//! What the properties ask for: their table and rules, and the [`spec::Spec`] that comes of them.

pub mod discovery_tag;
pub mod properties;
pub mod spec;
