//! What Karpenter may have left behind when the resource goes.

use super::{Look, Purpose};
use crate::clients::aws::{Clients, ec2, iam};
use crate::error::AwsError;
use karpenter_prereqs_core::observed::{InstanceProfile, Running};
use std::collections::BTreeSet;

/// Read for a release alone.
#[derive(Default)]
pub(super) struct Leftovers {
    /// Without the one of the wanted name, which is read whoever it holds.
    pub(super) profiles_of_node_role: Vec<InstanceProfile>,
    /// Whether that one is among them.
    pub(super) holds_own: bool,
    pub(super) running: Vec<Running>,
    pub(super) launch_templates: Vec<String>,
}

/// Reads what Karpenter may have left: which profiles hold the node role, which instances run with them or with ours, and
/// its launch templates.
pub(super) async fn read(clients: &Clients, look: Look<'_>) -> Result<Leftovers, AwsError> {
    if look.purpose == Purpose::Reconcile {
        return Ok(Leftovers::default());
    }
    let spec = look.spec;
    let nodes = async {
        let held = iam::profiles_of_role(&clients.iam, spec.node_role_name()).await?;
        let is_own = |name: &str| name.eq_ignore_ascii_case(&spec.instance_profile_name);
        let holds_own = held.iter().any(|(name, _)| is_own(name));
        let others = held.iter().filter(|(name, _)| !is_own(name));
        let profiles = others.map(|(name, _)| iam::instance_profile(&clients.iam, name));
        let arns: BTreeSet<_> = held.iter().map(|(_, arn)| arn.clone()).chain([spec.instance_profile_arn()]).collect();
        let arns: Vec<_> = arns.into_iter().collect();
        let running =
            async { if spec.ignores_running_nodes { Ok(Vec::new()) } else { ec2::running(&clients.ec2, &arns).await } };
        let (profiles, running) = futures::try_join!(futures::future::try_join_all(profiles), running)?;
        Ok((profiles.into_iter().flatten().collect(), holds_own, running))
    };
    let templates = async {
        match ec2::launch_templates_of_karpenter(&clients.ec2, &spec.cluster_name).await {
            // They are told of in the log, and no more: no Delete fails for want of them.
            Err(error) if error.is_denied() => {
                tracing::warn!(%error, "launch templates of Karpenter could not be read");
                Ok(Vec::new())
            }
            found => found,
        }
    };
    let ((profiles_of_node_role, holds_own, running), launch_templates) = futures::try_join!(nodes, templates)?;
    Ok(Leftovers { profiles_of_node_role, holds_own, running, launch_templates })
}
