//! Which errors of which operations are retried, and for how long.
//!
//! An error that no rule names is final at once. Each rule has a backoff and a predicate in `rules`. The times come from
//! [`Deadlines`], which divides the time that Lambda and CloudFormation allow. A run has two parts, its work and its undo, each
//! with a deadline. A rule applies on Create, Update and Delete, unless it names one of them.
//!
//! Each rule is applied in the file of the last column, below `handler/function/src`. The settle time is a fifth of the whole
//! time, and at most one minute, so it is one minute of a 15-minute run. In a preview it is 15 seconds.
//!
//! | Rule | Operations | Errors | Retried for | Applied in |
//! |---|---|---|---|---|
//! | [`sdk`] | every AWS call but the query of the stack status | throttling | until the deadline of the part of the run | `clients/aws/mod.rs` |
//! | [`sdk`] | every AWS call but the query of the stack status | transient and server errors | the settle time, from the service's first failure | `clients/aws/mod.rs` |
//! | [`Deadlines::retries_of_status_query`] | the query of the stack status | throttling | the settle time | `lifecycle/still_wanted.rs` |
//! | [`Deadlines::retries_of_status_query`] | the query of the stack status | transient and server errors | half of the time for the query | `lifecycle/still_wanted.rs` |
//! | `permissions` | the first snapshot of a Create | `AccessDenied` | the settle time | `lifecycle/reconcile.rs` |
//! | `simulation` | the simulation of `iam:PassRole` | `implicitDeny` | half of the settle time | `observe/pass_role.rs` |
//! | `settling` | IAM's steps | `ConcurrentModification`, `EntityTemporarilyUnmodifiable`, `DeleteConflict` | the settle time | `apply/iam.rs` |
//! | `settling` | IAM's steps that need an object of this run | `NoSuchEntity`, `AccessDenied` | the settle time | `apply/iam.rs` |
//! | `settling` | IAM's removals, where this run created the objects | `AccessDenied` | the settle time | `apply/iam.rs` |
//! | `settling` | EKS' steps | `InvalidParameterException` with the words `invalid principal` in its message | the settle time | `apply/eks.rs` |
//! | `settling` | EKS' steps that need an object of this run | every `InvalidParameterException` | the settle time | `apply/eks.rs` |
//! | `settling` | creations in IAM and EKS | the object exists, and a read does not find it | the settle time | `apply/once.rs` |
//! | `shown_tags` | reads of tags after a write | EC2 does not show the write yet | a quarter of the settle time | `apply/ec2.rs` |
//! | `lost_race` | a whole plan | two resources tagged at the same moment | three more plans, one resource after the other | `lifecycle/reconcile.rs` |
//! | `is_gone` | a whole plan | a step does not find an object that the snapshot has, or EKS has not seen its role for the settle time | one more plan | `lifecycle/reconcile.rs` |
//! | `kubernetes_read` | the read of aws-auth for a snapshot | 429, 500, 502, 503, 504 | the settle time | `clients/kubernetes/mod.rs` |
//! | `kubernetes_read` | the read of aws-auth for a snapshot | no connection | a quarter of the settle time | `clients/kubernetes/mod.rs` |
//! | `kubernetes_read` | the read of aws-auth for a snapshot | 401 | a third of the settle time; all of it once the token was accepted | `clients/kubernetes/mod.rs` |
//! | `aws_auth_edit` | the edit of aws-auth, and its dry run | an update conflict | until shortly before the deadline of the part of the run | `apply/aws_auth.rs` |
//! | `aws_auth_edit` | the edit of aws-auth, and its dry run | 429, 500, 502, 503, 504, no connection; 401 once the token was accepted | the settle time | `apply/aws_auth.rs` |
//! | `response` | the PUT to the presigned URL | all | until the deadline for the response | `respond.rs` |
//! | [`Retries::config_of_credentials`] | `AssumeRole` | those that the SDK retries by default | six attempts | `clients/aws/mod.rs` |

mod deadlines;
mod rules;
mod sdk;

pub(crate) use deadlines::Deadlines;
pub(crate) use rules::{
    StepFacts, is_gone, is_permission_pending, is_retried_in_eks, is_retried_in_iam, response,
    retry_time_of_aws_auth_edit, retry_time_of_kubernetes_read, wait_after_lost_race,
};
pub(crate) use sdk::{DeadlineClassifier, Retries};
