//! Why a run fails, and the text of its `Reason`.

mod aws;
pub(crate) mod chain;
mod kubernetes;

pub(crate) use aws::AwsError;
pub(crate) use kubernetes::KubernetesError;

use chain::chain;
use karpenter_prereqs_core::desired::properties::PropertyError;
use karpenter_prereqs_core::documents::aws_auth::AwsAuthError;
use karpenter_prereqs_core::plan::Problems;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The event is not a request.
    #[error(transparent)]
    Event(karpenter_prereqs_core::request::event::EventError),
    /// The properties are not valid.
    #[error("{}", PropertyError::all(.0))]
    Properties(Vec<PropertyError>),
    /// The preflight checks found problems.
    #[error(transparent)]
    Problems(Problems),
    /// A call to an AWS service failed.
    #[error(transparent)]
    Aws(AwsError),
    /// The Kubernetes API could not be used.
    #[error(transparent)]
    Kubernetes(KubernetesError),
    /// Since the snapshot, aws-auth was changed into a text that cannot be edited.
    #[error(transparent)]
    AwsAuth(AwsAuthError),
    /// Another writer set the discovery tag at the same moment.
    #[error(
        "{ids} got another value of the tag `{key}` while they were tagged. The marker of this resource was removed from them"
    )]
    LostRace {
        /// The subnets and security groups.
        ids: String,
        /// The tag.
        key: String,
        /// How many of the resources that lost the race with this one try again before it.
        turn: usize,
    },
    /// CloudFormation cancelled the request, and its changes were undone.
    #[error("{why}. {did}")]
    Undone {
        /// What was done, as a sentence without its period.
        did: &'static str,
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation got its response before, and nothing was changed.
    #[error("{why}")]
    Superseded {
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation cancelled the request, and nothing was changed.
    #[error("{why}")]
    Cancelled {
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation does not wait for the response any more.
    #[error(
        "the event is {age} s old, and CloudFormation stopped waiting for its response after {service_timeout} s (ServiceTimeout)"
    )]
    Stale {
        /// Seconds since the event was issued.
        age: i64,
        /// Its `ServiceTimeout` in seconds.
        service_timeout: u32,
    },
    /// The deadline passed.
    #[error("the deadline passed while {during}")]
    OutOfTime {
        /// What was in progress.
        during: String,
    },
    /// A bug.
    #[error("the function panicked while {during}: {message}")]
    Panicked {
        /// What was in progress.
        during: String,
        /// The panic's message.
        message: String,
    },
    /// A replacement failed, and its new objects could not all be deleted.
    #[error("{failure}. Not all objects of the failed replacement could be deleted")]
    NotUndone {
        /// The reason of the failure.
        failure: String,
        /// Why they could not be deleted.
        #[source]
        source: Box<Self>,
    },
}

impl Error {
    /// Returns `KP` and four digits, for example `KP0206`. A code is never used for another error. docs/troubleshooting.md lists all.
    /// `None` for errors whose text has the codes of its parts.
    pub(crate) fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Properties(_) | Self::Problems(_) | Self::NotUndone { .. } => return None,
            Self::Aws(error) if error.is_throttled() => "KP0202",
            Self::Aws(_) => "KP0201",
            Self::Kubernetes(error) => error.code(),
            Self::AwsAuth(_) => "KP0212",
            Self::LostRace { .. } => "KP0213",
            Self::Undone { .. } => "KP0214",
            Self::Superseded { .. } => "KP0215",
            Self::Cancelled { .. } => "KP0216",
            Self::Stale { .. } => "KP0217",
            Self::OutOfTime { .. } => "KP0218",
            Self::Panicked { .. } => "KP0219",
            Self::Event(_) => "KP0220",
        })
    }

    /// Returns what to do about it: sentences without the last period. `None` if none is known, or if the error's text has it.
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Aws(error) if error.is_throttled() => Some("AWS throttled this call until the deadline. Retry later, or raise ServiceTimeout and the function's time-out".to_owned()),
            Self::Kubernetes(error) => error.remedy(),
            Self::AwsAuth(error) => Some(error.remedy().to_owned()),
            Self::LostRace { .. } => Some("Another stack or user sets the same tag. Choose another DiscoveryTagKey, or set TagConflict to Skip".to_owned()),
            Self::OutOfTime { .. } => Some("Retry to continue. If this recurs, raise ServiceTimeout and the function's time-out".to_owned()),
            Self::Panicked { .. } => Some("This is a bug. Report it with the function's log".to_owned()),
            _ => None,
        }
    }

    /// Returns `<code>: <message>: <causes>. <remedy>`, the text for `Reason`.
    pub(crate) fn reason(&self) -> String {
        let code = self.code().map(|code| format!("{code}: ")).unwrap_or_default();
        let text = match self {
            Self::NotUndone { source, .. } => format!("{self}: {}", source.reason()),
            _ => chain(self),
        };
        let remedy = self.remedy().map(|remedy| format!(". {remedy}")).unwrap_or_default();
        format!("{code}{}{remedy}", text.trim_end_matches('.'))
    }
}
