//! What can go wrong while a local cloud is brought up or used.

use std::{error::Error as StdError, fmt, io, path::PathBuf, process::ExitStatus, time::Duration};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A failure of the local cloud, or of a call that was made to it.
///
/// `Debug` prints the message and its causes, one a line, as a failed `unwrap` in a test shows it:
/// the last lines of a log are of no use as an escaped string.
#[derive(thiserror::Error)]
pub enum Error {
    /// A file or folder of the cloud could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program could not be started at all.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program ended although it was to run on.
    #[error("{program} ended with {status}; the end of {}:\n{tail}", log.display())]
    Ended {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// A condition did not come true in time.
    #[error("waited {bound:?} in vain until {condition}{hint}")]
    TimedOut {
        /// What was waited for, as a clause: "the API server is ready".
        condition: String,
        /// How long.
        bound: Duration,
        /// Where to look, or nothing.
        hint: String,
    },
    /// A build or installation script of this repository failed.
    #[error("{script} failed with {status}; run it by itself to see why")]
    Script {
        /// The script.
        script: PathBuf,
        /// How it ended.
        status: ExitStatus,
    },
    /// A certificate could not be made.
    #[error("cannot make the certificate of {subject}")]
    Certificate {
        /// Whose certificate.
        subject: String,
        /// Why not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A call to an AWS API failed, or was refused.
    #[error("AWS refused or failed {operation}")]
    Aws {
        /// The operation, as AWS spells it.
        operation: &'static str,
        /// AWS's error code, where the answer had one.
        code: Option<String>,
        /// The SDK's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// AWS would have refused a call; the emulator was not asked.
    #[error("AWS would refuse {operation}: {message} ({code})")]
    Refusal {
        /// The operation, as AWS spells it.
        operation: &'static str,
        /// AWS's error code.
        code: &'static str,
        /// Why.
        message: String,
    },
    /// An AWS API answered without something that every such answer has.
    #[error("the answer to {operation} has no {field}")]
    Incomplete {
        /// The operation, as AWS spells it.
        operation: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A call to the Kubernetes API failed, or was refused.
    #[error("cannot {action} in the Kubernetes API")]
    Kubernetes {
        /// What was tried.
        action: &'static str,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// A stack came to rest in another state than the one asked for.
    #[error("stack {stack} is {status}:\n{}", reasons.join("\n"))]
    Stack {
        /// The stack.
        stack: String,
        /// Its state.
        status: String,
        /// What `CloudFormation` says of each resource that failed: `LogicalId: reason`.
        reasons: Vec<String>,
    },
    /// Something is not as it must be; the message says what, and what to do.
    #[error("{0}")]
    Unusable(String),
}

impl Error {
    /// A conversion for `map_err` on calls of the AWS SDK.
    pub fn aws<E>(operation: &'static str) -> impl FnOnce(E) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        move |source| Self::Aws { operation, code: source.code().map(str::to_owned), source: Box::new(source) }
    }

    /// A conversion for `map_err` on calls of the Kubernetes client.
    pub fn kubernetes(action: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kubernetes { action, source: Box::new(source) }
    }

    /// A conversion for `map_err` on work with files.
    pub fn file(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { verb, path, source }
    }

    /// AWS's error code, if this is a refusal by AWS that has one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Aws { code, .. } => code.as_deref(),
            Self::Refusal { code, .. } => Some(code),
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
