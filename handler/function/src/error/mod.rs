//! What can go wrong while the world is read and changed, and how it is told.

mod aws;
pub(crate) mod chain;
mod kubernetes;

pub(crate) use aws::AwsError;
pub(crate) use kubernetes::KubernetesError;

use chain::chain;
use karpenter_prereqs_core::desired::properties::PropertyError;
use karpenter_prereqs_core::plan::Problems;

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
    Problems(Problems),
    /// An AWS service refused a call, or could not be reached.
    #[error(transparent)]
    Aws(AwsError),
    /// The Kubernetes API refused a call, or could not be reached.
    #[error(transparent)]
    Kubernetes(KubernetesError),
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
        /// How many of the resources that lost the race with this one try again before it.
        turn: usize,
    },
    /// CloudFormation no longer wants it.
    #[error("{did}: {why}")]
    Undone {
        /// What was done about it.
        did: &'static str,
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation has had its answer long ago, and it was not begun.
    #[error("{why}")]
    Superseded {
        /// What CloudFormation shows.
        why: String,
    },
    /// CloudFormation no longer wants it, and it was not begun.
    #[error("{why}")]
    Cancelled {
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

impl Error {
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
