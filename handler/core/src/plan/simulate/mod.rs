//! The snapshot after a plan, and the plan's writes, both before any of them is done: for a preview, which plans two stages from
//! one snapshot.
//!
//! A simulation assumes that nothing else changes the account. It does not know what a service assigns: ids and ARNs of new objects
//! of EKS are empty, and the time of a creation is later than all that was read.

mod eks;
mod iam;
mod tags;

pub use tags::writes;

use super::step::{EditAwsAuth, Plan, Step};
use crate::desired::spec::Spec;
use crate::documents::config_map::{self, Edit};
use crate::observed::{AwsAuth, Observed};

/// Returns the snapshot as it is after the plan. `spec` names the objects that the snapshot was taken of: the plan may be of
/// another generation, whose objects have other names.
///
/// What was asked of IAM stays as it was: which node roles the function may pass, and which policies exist.
pub fn simulate(plan: &Plan, spec: &Spec, observed: &Observed) -> Observed {
    let mut world = observed.clone();
    world.discovery = tags::simulate(plan, &observed.discovery);
    for (_, step, _) in plan.steps() {
        match step {
            Step::Iam(step) => iam::simulate(step, spec, &mut world),
            Step::Eks(step) => eks::simulate(step, spec, &mut world),
            Step::AwsAuth(step) => edit_aws_auth(step, &mut world.aws_auth),
            // Steps on tags are simulated together: one of them depends on what the others left.
            Step::Ec2(_) => {}
        }
    }
    world
}

/// An edit that fails changes nothing, and a ConfigMap that was not read stays unread.
fn edit_aws_auth(step: &EditAwsAuth, aws_auth: &mut AwsAuth) {
    if *aws_auth == AwsAuth::NotRead {
        return;
    }
    match config_map::edit(aws_auth.config_map(), &step.change) {
        Ok(Edit::Create(map) | Edit::Replace(map)) => *aws_auth = AwsAuth::Present(map),
        Ok(Edit::Delete) => *aws_auth = AwsAuth::Missing,
        Ok(Edit::None) | Err(_) => {}
    }
}
