//! Why a command came to nothing, as it is told on the terminal.

use karpenter_prereqs_function::chain_after;
use std::error::Error;
use std::fmt;

/// Why a command came to nothing: one message, with its causes.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// The message as it is.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A file that could not be used so.
    pub(crate) fn file(verb: &str, path: impl fmt::Display, error: &std::io::Error) -> Self {
        Self(format!("{verb} {path}: {error}"))
    }

    /// What failed, and all that caused it.
    pub(crate) fn chain(what: impl fmt::Display, error: &dyn Error) -> Self {
        Self(chain_after(what, error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
