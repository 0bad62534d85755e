//! Lambda and `CloudFormation`'s side of a custom resource, for one real `bootstrap` process: the
//! Runtime API that it polls, the events that it gets, and the presigned URL that it answers to.
//!
//! ```text
//!  event ──► Function ──► Runtime API ◄── bootstrap ──► AWS, Kubernetes (gateway)
//!    ▲ ResponseURL                            │ PUT
//!  Answers ◄──────────────────────────────────┘ ──► judge
//! ```
//!
//! [`answers`] judges what it gets by the protocol's rules in code of its own (`judge`), never by
//! the function's types.

pub mod answer;
pub mod answers;
pub mod environments;
pub mod event;
pub mod function;
mod judge;
pub mod options;
mod runtime_api;

pub use self::{
    answer::{Answer, Put},
    answers::{Answers, Behaviour, ResponseUrl, Unanswered},
    environments::Environments,
    event::{Event, EventIds, Resource},
    function::{Function, Invocation, LogLine, Outcome},
    options::FunctionOptions,
};

use rustls::crypto::ring;

/// Lowercase hex digits, `count` of them.
pub(crate) fn random_hex(count: usize) -> String {
    let mut bytes = vec![0; count.div_ceil(2)];
    // It reads the kernel's generator, which does not fail on a running system; equal ids would
    // only be a test's own fault to bear.
    let _ = ring::default_provider().secure_random.fill(&mut bytes);
    hex(&bytes)[..count].to_owned()
}

/// Bytes as lowercase hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A random id in the form of a UUID.
fn random_uuid() -> String {
    let hex = random_hex(32);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
