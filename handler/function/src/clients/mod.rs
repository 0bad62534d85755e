//! The services that a run calls, over one HTTP client.

pub(crate) mod aws;
pub mod http;
pub(crate) mod kubernetes;
