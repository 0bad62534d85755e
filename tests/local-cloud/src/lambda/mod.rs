//! Simulates Lambda, and CloudFormation's side of a custom resource, for a real `bootstrap` process: the Runtime API, the
//! events, and the presigned URLs for responses.
//!
//! ```text
//!  event ──► Function ──► Runtime API ◄── bootstrap ──► AWS, Kubernetes (gateway)
//!    ▲ ResponseURL                            │ PUT
//!  ResponseBucket ◄───────────────────────────┘ ──► judge
//! ```
//!
//! [`bucket`] checks the responses by the protocol's rules in code of its own (`judge`), never with the function's types.

pub mod bucket;
pub mod environments;
pub mod event;
pub mod function;
mod judge;
pub mod options;
pub mod response;
mod runtime_api;

pub use self::{
    bucket::{Behaviour, NoResponse, ResponseBucket, ResponseUrl},
    environments::Environments,
    event::{Event, EventIds, Resource},
    function::{Function, Invocation, LogLine, Outcome},
    options::FunctionOptions,
    response::{CfnResponse, Put},
};

use rustls::crypto::ring;

/// Returns `count` random lowercase hex digits.
pub(crate) fn random_hex(count: usize) -> String {
    let mut bytes = vec![0; count.div_ceil(2)];
    // It reads the kernel's generator, which does not fail on a running system. Equal ids would only fail a test.
    let _ = ring::default_provider().secure_random.fill(&mut bytes);
    hex(&bytes)[..count].to_owned()
}

/// Returns bytes as lowercase hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Returns a random id in the form of a UUID.
fn random_uuid() -> String {
    let hex = random_hex(32);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
