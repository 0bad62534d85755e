//! The simulation of a plan: the snapshot after it, and its writes. A preview needs both, because it plans two stages from one
//! snapshot and writes nothing.
//!
//! A simulation assumes that nothing else changes the account. It does not know the values that a service assigns. Ids and ARNs
//! of new EKS objects are empty, and the creation time of a new object is later than any time in the snapshot.

mod ec2;
mod eks;
mod iam;

pub use ec2::writes;

use super::step::{EditAwsAuth, Plan, Step};
use crate::desired::spec::Spec;
use crate::documents::config_map::{self, Edit};
use crate::observed::{AwsAuth, Observed};
use std::sync::Arc;

/// Returns the snapshot after the plan. `spec` names the objects in the snapshot. The plan may be of another generation, whose
/// objects have other names.
///
/// The decisions of IAM do not change: the node roles that the function may pass, and the policies that exist.
pub fn simulate(plan: &Plan, spec: &Spec, observed: &Observed) -> Observed {
    let mut snapshot = observed.clone();
    snapshot.discovery = ec2::simulate(plan, &observed.discovery);
    for (_, step, _) in plan.steps() {
        match step {
            Step::Iam(step) => iam::simulate(step, spec, &mut snapshot),
            Step::Eks(step) => eks::simulate(step, spec, &mut snapshot),
            Step::AwsAuth(step) => edit_aws_auth(step, &mut snapshot.aws_auth),
            // `ec2::simulate` has simulated all steps on tags, because the result of one depends on the others.
            Step::Ec2(_) => {}
        }
    }
    snapshot
}

/// Simulates an edit. An edit that fails changes nothing, and a ConfigMap that was not read stays unread.
fn edit_aws_auth(step: &EditAwsAuth, aws_auth: &mut AwsAuth) {
    if *aws_auth == AwsAuth::NotRead {
        return;
    }
    match config_map::edit(aws_auth.config_map(), &step.change) {
        Ok(Edit::Create(map) | Edit::Replace(map)) => *aws_auth = AwsAuth::Present(Arc::new(map)),
        Ok(Edit::Delete) => *aws_auth = AwsAuth::Missing,
        Ok(Edit::None) | Err(_) => {}
    }
}
