//! Which errors of which operations are retried, and for how long.
//!
//! An error that no rule names is final at once. Each rule has a backoff and a predicate in `rules`. The times come from
//! [`Deadlines`], which divides the time that Lambda and CloudFormation allow.
//!
//! | Rule | Operations | Errors | Retried for |
//! |---|---|---|---|
//! | [`sdk`] | every AWS call | throttling | until the deadline of the part of the run |
//! | | | transient and server errors | the settle time, from the service's first failure |
//! | `permissions` | the first snapshot of a Create | `AccessDenied` | the settle time |
//! | `simulation` | the simulation of `iam:PassRole` | `implicitDeny` | half of the settle time |
//! | `settling` | IAM's steps | `ConcurrentModification`, `EntityTemporarilyUnmodifiable`, `DeleteConflict` | the settle time |
//! | | IAM's steps on an object of this run | `NoSuchEntity`, `AccessDenied` | the settle time |
//! | | IAM's removals, where this run created the objects | `AccessDenied` | the settle time |
//! | | EKS' steps | `InvalidParameterException` for a role that EKS does not see yet | the settle time |
//! | | creations | the object exists, and a read does not find it | the settle time |
//! | `shown_tags` | reads of tags after a write | EC2 does not show the write yet | a quarter of the settle time |
//! | `lost_race` | a whole plan | two resources tagged at the same moment | three more plans, one resource after the other |
//! | `kubernetes_read` | reads of aws-auth, access reviews | 429, 500, 502, 503, 504 | the settle time |
//! | | | no connection | a quarter of it |
//! | | | 401 | a third of it; all of it once the token was accepted |
//! | `aws_auth_edit` | the edit of aws-auth | an update conflict | until the deadline for work |
//! | | | 429, 5xx, no connection; 401 once the token was accepted | the settle time |
//! | `response` | the PUT to the presigned URL | all | until the deadline for the response |
//! | [`Retries::config_of_credentials`] | `AssumeRole` | those that the SDK retries by default | six attempts |

mod deadlines;
mod rules;
mod sdk;

pub(crate) use deadlines::Deadlines;
pub(crate) use rules::{
    StepFacts, is_permission_pending, is_retried_in_eks, is_retried_in_iam, response, retry_time_of_aws_auth_edit,
    retry_time_of_kubernetes_read, wait_after_lost_race,
};
pub(crate) use sdk::{DeadlineClassifier, Retries};
