//! Why a command failed, as one message for the terminal.

use karpenter_prereqs_function::chain_after;
use std::error::Error;
use std::fmt;

/// Why a command failed: one message with its causes. [`Display`](fmt::Display) prints it without the name of the program.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// Takes the message as it is.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Returns `cannot <verb> <path>: <error>` for a file, or for a standard stream.
    pub(crate) fn file(verb: &str, path: impl fmt::Display, error: &std::io::Error) -> Self {
        Self(format!("cannot {verb} {path}: {error}"))
    }

    /// Returns `<what>: <error>: <cause> …`. `what` says what failed, for example `cannot read the event`.
    pub(crate) fn chain(what: impl fmt::Display, error: &dyn Error) -> Self {
        Self(chain_after(what, error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
