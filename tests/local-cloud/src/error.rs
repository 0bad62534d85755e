//! The errors of a local cloud.

use std::{error::Error as StdError, fmt, io, path::PathBuf, process::ExitStatus, time::Duration};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A failure of the local cloud, or of a call to it.
///
/// `Debug` prints the message and its causes, one a line. A failed `unwrap` in a test prints this, and the last lines of a
/// log would not be readable as an escaped string.
#[derive(thiserror::Error)]
pub enum Error {
    /// A file or folder of the cloud could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// What was tried, as a verb: "read".
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// A program ended too early.
    #[error("{program} ended with {status}; the end of {}:\n{tail}", log.display())]
    Ended {
        /// The program.
        program: String,
        /// Its exit status.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A condition was not met in time.
    #[error("timed out after {bound:?}: waited until {condition}{hint}")]
    TimedOut {
        /// The condition, as a clause: "the API server is ready".
        condition: String,
        /// The maximum time to wait.
        bound: Duration,
        /// The end of a log, or empty.
        hint: String,
    },
    /// A build or installation script of this repository failed.
    #[error("{script} failed with {status}. Run it alone to see the reason")]
    Script {
        /// The script.
        script: PathBuf,
        /// Its exit status.
        status: ExitStatus,
    },
    /// A certificate could not be created.
    #[error("cannot create the certificate of {subject}")]
    Certificate {
        /// The subject of the certificate.
        subject: String,
        /// The error of the library.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A call to an AWS API failed, or AWS rejected it.
    #[error("AWS call {operation} failed")]
    Aws {
        /// The operation, as AWS spells it.
        operation: &'static str,
        /// AWS's error code, if the response has one.
        code: Option<String>,
        /// The SDK's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// AWS would reject a call, and the emulator would not. The call was not made.
    #[error("AWS would reject {operation}: {message} ({code})")]
    Rejected {
        /// The operation, as AWS spells it.
        operation: &'static str,
        /// AWS's error code.
        code: &'static str,
        /// The reason.
        message: String,
    },
    /// The response of an AWS API lacks a required field.
    #[error("the response of {operation} has no {field}")]
    Incomplete {
        /// The operation, as AWS spells it.
        operation: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A call to the Kubernetes API failed, or the API server rejected it.
    #[error("cannot {action} in the Kubernetes API")]
    Kubernetes {
        /// What was tried: "get the ConfigMap kube-system/aws-auth".
        action: &'static str,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// An operation on a stack ended with another status than the expected one.
    #[error("stack {stack} is {status}:\n{}", reasons.join("\n"))]
    Stack {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// The reasons of the resources that failed: `LogicalId: reason`.
        reasons: Vec<String>,
    },
    /// A requirement is not met. The message has the requirement and the remedy.
    #[error("{0}")]
    Unusable(String),
}

impl Error {
    /// Returns a conversion for `map_err`, for calls of the AWS SDK.
    pub fn aws<E>(operation: &'static str) -> impl FnOnce(E) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        move |source| Self::Aws { operation, code: source.code().map(str::to_owned), source: Box::new(source) }
    }

    /// Returns a conversion for `map_err`, for calls of the Kubernetes client.
    pub fn kubernetes(action: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kubernetes { action, source: Box::new(source) }
    }

    /// Returns a conversion for `map_err`, for work with files.
    pub fn file(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { verb, path, source }
    }

    /// Returns AWS's error code, if AWS rejected or would reject the call with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Aws { code, .. } => code.as_deref(),
            Self::Rejected { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
