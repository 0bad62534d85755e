//! What can go wrong while the world is read and changed, and how it is told.

use crate::cluster::ClusterError;
use crate::error_chain::{causes, chain};
use karpenter_prereqs_core::desired::properties::PropertyError;
use karpenter_prereqs_core::plan::Refused;
use std::fmt;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The event is no request.
    #[error(transparent)]
    Event(karpenter_prereqs_core::request::event::EventError),
    /// The properties are wrong.
    #[error("{}", PropertyError::all(.0))]
    Properties(Vec<PropertyError>),
    /// Something stands in the way of the plan.
    #[error(transparent)]
    Refused(Refused),
    /// An AWS service refused a call, or could not be reached.
    #[error(transparent)]
    Aws(AwsError),
    /// The Kubernetes API refused a call, or could not be reached.
    #[error(transparent)]
    Cluster(ClusterError),
    /// The text of aws-auth changed, since it was looked at, into something that cannot be edited.
    #[error("edit the ConfigMap kube-system/aws-auth, which was left as it is")]
    AwsAuth(#[source] karpenter_prereqs_core::documents::aws_auth::AwsAuthError),
    /// Somebody else tagged at the same time.
    #[error(
        "{ids} got another value of the tag `{key}` while it was being tagged: another resource or person took it; its mark was taken off again"
    )]
    LostRace {
        /// The subnets and security groups.
        ids: String,
        /// The tag.
        key: String,
    },
    /// CloudFormation no longer wants it.
    #[error("{did}: {why}")]
    Overtaken {
        /// What was done about it.
        did: &'static str,
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation has had its answer long ago, and it was not begun.
    #[error("{why}")]
    Answered {
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation no longer wants it, and it was not begun.
    #[error("{why}")]
    Withdrawn {
        /// What CloudFormation shows.
        why: String,
    },
    /// The event is older than CloudFormation's patience.
    #[error("the event is {age} s old, and CloudFormation gave up on it after {patience} s (ServiceTimeout)")]
    Stale {
        /// Seconds since the event was issued.
        age: i64,
        /// Its `ServiceTimeout`.
        patience: u32,
    },
    /// The deadline came first.
    #[error(
        "ran out of time while {during}: nothing more is done; deploy again to go on from there, with a longer ServiceTimeout or function time-out if it recurs"
    )]
    OutOfTime {
        /// What was going on.
        during: String,
    },
    /// A bug.
    #[error("the function panicked while {during}: {message}; this is a bug, please report it with the function's log")]
    Panicked {
        /// What was going on.
        during: String,
        /// The panic's message.
        message: String,
    },
    /// A failed replacement whose new objects could not all be taken back.
    #[error("{failure}; and what had been made for the replacement could not be taken back")]
    NotTakenBack {
        /// What failed first.
        failure: String,
        /// What failed then.
        #[source]
        source: Box<Self>,
    },
}

/// A call to an AWS service that did not succeed: verb and object, the service's code and words, the request's id.
#[derive(Debug)]
pub(crate) struct AwsError {
    what: String,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
}

impl AwsError {
    /// What a call of the SDK ended with. `what` is the call as verb and object.
    pub(crate) fn new<E, R>(
        what: impl fmt::Display,
        error: &aws_smithy_runtime_api::client::result::SdkError<E, R>,
    ) -> Self
    where
        E: std::error::Error + aws_smithy_types::error::metadata::ProvideErrorMetadata + 'static,
        R: fmt::Debug,
    {
        let metadata = error.as_service_error().map(aws_smithy_types::error::metadata::ProvideErrorMetadata::meta);
        let message = metadata.and_then(|metadata| metadata.message()).map_or_else(|| causes(error), str::to_owned);
        Self {
            what: what.to_string(),
            code: metadata.and_then(|metadata| metadata.code()).map(str::to_owned),
            message,
            request_id: metadata.and_then(|metadata| metadata.extra("aws_request_id")).map(str::to_owned),
        }
    }

    /// What failed before any call was made.
    pub(crate) fn local(what: impl fmt::Display, error: &dyn std::error::Error) -> Self {
        Self { what: what.to_string(), code: None, message: chain(error), request_id: None }
    }

    /// The service's words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether the service's code is one of these.
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// Whether the caller was refused; `AccessDenied` in IAM, `UnauthorizedOperation` in EC2,
    /// `AccessDeniedException` in EKS.
    pub(crate) fn is_denied(&self) -> bool {
        self.is(&["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
    }
}

impl AwsError {
    /// Whether the service was asked too often: `Throttling` in IAM, STS and CloudFormation, `RequestLimitExceeded` in
    /// EC2, `ThrottlingException` and `TooManyRequestsException` in EKS.
    fn is_throttled(&self) -> bool {
        self.is(&["Throttling", "RequestLimitExceeded", "ThrottlingException", "TooManyRequestsException"])
    }
}

impl std::error::Error for AwsError {}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.what)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

/// The roots of trouble that has a name of its own.
impl Error {
    /// Whether AWS refused the caller.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Aws(error) if error.is_denied())
    }

    /// The text for `Reason`.
    pub(crate) fn reason(&self) -> String {
        let text = chain(self);
        match self {
            Self::Aws(error) if error.is_throttled() => format!(
                "{text}: AWS throttled this for as long as there was time; deploy again when less goes on in the account, or with a longer ServiceTimeout and function time-out"
            ),
            _ => text,
        }
    }
}
