//! Computes a [`Plan`] from a [`Spec`](crate::desired::spec::Spec) and a snapshot ([`Observed`](crate::observed::Observed)): the
//! steps that are missing, and their dependencies.
//!
//! [`reconcile()`] serves a Create, an Update and an event that is delivered again. It compares the desired state with the
//! snapshot and plans the difference, so a second run plans nothing. [`tear_down`] plans the removal of one or more generations.
//! Neither carries out a step. Both run the preflight checks, so that each [`Problem`] is found before the first write.
//!
//! | Module | Contents |
//! |---|---|
//! | `target`, `context` | The arguments of a plan, and those of all planners |
//! | `step/` | The steps by service, and the plan |
//! | `problem`, `warning`, `bounds` | Reasons not to start, hints for the user, and the limits that the function sets for stacks |
//! | `tag_protocol` | The decision on the tags of one subnet or security group |
//! | `objects/` | One file for each object: how it is created, updated and deleted |
//! | `reconcile`, `teardown`, `restore` | The whole plan, with the order of the objects |
//! | `lifecycle` | The stages of a request: which generations are reconciled, torn down and undone, and in which order |
//! | `existing` | The reaction to an object that already exists when a step creates it |
//! | `simulate/` | The writes of a plan, and the snapshot after it |

pub mod bounds;
mod context;
mod existing;
pub mod lifecycle;
mod objects;
mod problem;
mod reconcile;
mod restore;
mod simulate;
mod step;
mod tag_protocol;
mod target;
mod teardown;
mod version_warnings;
mod warning;

pub use context::{Recheck, TornDown};
pub use existing::{ExistingInEks, ExistingInIam, Resolution, resolve_in_eks, resolve_in_iam};
pub use objects::likely_edit;
pub use objects::node_access::JoinMethod;
pub use objects::pass_role::{needs_simulation, unproven_node_roles};
pub use problem::{Problem, ProblemText, Problems};
pub use reconcile::{ReconcilePlan, reconcile, reconcile_with_problems, second_pass};
pub use restore::properties_to_restore;
pub use simulate::{simulate, writes};
pub use step::{
    Claim, EC2_LINUX, Ec2Step, EditAwsAuth, Effect, EksStep, IamStep, Plan, RoleKind, Step, StepId, Verb, Write,
};
pub use tag_protocol::{is_unclaimed, tags_to_delete};
pub use target::Target;
pub use teardown::{TeardownPlan, tear_down};
pub use warning::Warning;
