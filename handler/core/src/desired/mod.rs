//! The desired state: the table and rules of the properties, and the [`spec::Spec`] that they result in.

pub mod discovery_tag;
pub mod properties;
pub mod spec;
