//! What Karpenter may have left behind when the resource goes.

use super::{Aim, Look};
use crate::aws::{Clients, ec2, iam};
use crate::error::AwsError;
use karpenter_prereqs_core::observed::{InstanceProfile, Running};
use std::collections::BTreeSet;

/// Read for a release alone.
#[derive(Default)]
pub(super) struct Leftovers {
    pub(super) profiles_of_node_role: Vec<InstanceProfile>,
    pub(super) running: Vec<Running>,
    pub(super) launch_templates: Vec<String>,
}

/// Reads what Karpenter may have left: which profiles hold the node role, which instances run with them or with ours, and
/// its launch templates.
pub(super) async fn read(clients: &Clients, look: Look<'_>) -> Result<Leftovers, AwsError> {
    if look.aim == Aim::Converge {
        return Ok(Leftovers::default());
    }
    let (spec, scope) = (look.spec, &look.spec.scope);
    let nodes = async {
        let profiles = iam::profiles_of_role(&clients.iam, spec.node_role_name()).await?;
        let held = profiles.iter().map(|profile| scope.instance_profile_arn(&profile.path, &profile.name));
        let arns: BTreeSet<_> = held.chain([spec.instance_profile_arn()]).collect();
        let arns: Vec<_> = arns.into_iter().collect();
        let running = if spec.ignores_running_nodes { Vec::new() } else { ec2::running(&clients.ec2, &arns).await? };
        Ok((profiles, running))
    };
    let templates = async {
        match ec2::launch_templates_of_karpenter(&clients.ec2, &spec.cluster_name).await {
            // They are told of in the log, and no more: no Delete fails for want of them.
            Err(error) if error.is_denied() => {
                tracing::warn!(%error, "it is not known which launch templates Karpenter left");
                Ok(Vec::new())
            }
            found => found,
        }
    };
    let ((profiles_of_node_role, running), launch_templates) = futures::try_join!(nodes, templates)?;
    Ok(Leftovers { profiles_of_node_role, running, launch_templates })
}
