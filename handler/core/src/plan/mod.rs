//! ([`Spec`](crate::desired::spec::Spec), [`Observed`](crate::observed::Observed)) → [`Plan`]: the steps that are missing, and what
//! each of them needs first.
//!
//! One path serves Create, Update and an event that is delivered again: [`reconcile()`] compares what is wanted with
//! what is there and plans the difference, so a second run plans nothing. [`tear_down`] takes one or more
//! generations away. Neither does anything, and both look at everything before they plan anything: what
//! can be refused is refused here, before the first write.
//!
//! | Module | What |
//! |---|---|
//! | `target`, `context` | what is reconciled; what all planners take |
//! | `step/` | one write, by service; the plan |
//! | `problem`, `warning`, `bounds` | a reason not to begin; what the user should know; what the function lets a stack ask for |
//! | `discovery_tag` | what the tags of one subnet or security group say, and what becomes of them |
//! | `objects/` | one file for each object: how it is created, changed and removed |
//! | `reconcile`, `teardown`, `put_back` | the whole plan, in which order the objects come |
//! | `lifecycle` | the stages of a request: what is reconciled, torn down and undone, in which order |
//! | `existing` | an object that exists though the plan creates it |
//! | `simulate/` | the writes of a plan, and the snapshot after it |

pub mod bounds;
mod context;
mod discovery_tag;
mod existing;
mod karpenter_version;
pub mod lifecycle;
mod objects;
mod problem;
mod put_back;
mod reconcile;
mod simulate;
mod step;
mod target;
mod teardown;
mod warning;

pub use context::{Departing, Recheck};
pub use discovery_tag::{is_unclaimed, tags_to_delete};
pub use existing::{ExistingInEks, ExistingInIam, Resolution, resolve_in_eks, resolve_in_iam};
pub use objects::likely_verb;
pub use objects::node_access::JoinMethod;
pub use objects::pass_role::{needs_simulation, unproven_node_roles};
pub use problem::{Problem, ProblemText, Problems};
pub use put_back::put_back;
pub use reconcile::{ReconcilePlan, reconcile, reconcile_with_problems, second_pass};
pub use simulate::{simulate, writes};
pub use step::{
    Claim, EC2_LINUX, Ec2Step, EditAwsAuth, Effect, EksStep, IamStep, Plan, RoleKind, Step, StepId, Verb, Write,
};
pub use target::Target;
pub use teardown::{TeardownPlan, tear_down};
pub use warning::Warning;
