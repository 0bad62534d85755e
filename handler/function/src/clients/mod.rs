//! The clients of the services that a run calls. All use one implementation of HTTP.

pub(crate) mod aws;
pub mod http;
pub(crate) mod kubernetes;
