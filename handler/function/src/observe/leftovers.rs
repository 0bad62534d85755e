//! Objects that Karpenter may have created and not deleted: instance profiles, instances and launch templates. Only a teardown
//! reads them.

use super::{Purpose, SnapshotQuery};
use crate::clients::aws::{Clients, ec2, iam};
use crate::error::AwsError;
use karpenter_prereqs_core::observed::{InstanceProfile, Running};
use std::collections::BTreeSet;

/// Objects that Karpenter may have created and not deleted. Empty for a reconciliation.
#[derive(Default)]
pub(super) struct Leftovers {
    /// The instance profiles that hold the node role, without the profile of the spec. [`super::roles::read`] reads that one for
    /// every purpose, and adds it.
    pub(super) profiles_of_node_role: Vec<InstanceProfile>,
    /// Whether the profile of the spec holds the node role too.
    pub(super) includes_own_profile: bool,
    /// The pending and running instances with one of these profiles, or with the profile of the spec. Empty if the property
    /// `RunningNodes` is `Ignore`.
    pub(super) running: Vec<Running>,
    /// The names of the launch templates that Karpenter created for the cluster.
    pub(super) launch_templates: Vec<String>,
}

/// Reads the instance profiles that hold the node role, and the instances that run with them or with the profile of the spec.
/// Reads Karpenter's launch templates.
///
/// # Errors
/// A call failed. A denied read of launch templates is only logged, because no Delete must fail for them.
pub(super) async fn read(clients: &Clients, query: SnapshotQuery<'_>) -> Result<Leftovers, AwsError> {
    if query.purpose != Purpose::TearDown {
        return Ok(Leftovers::default());
    }
    let spec = query.spec;
    let nodes = async {
        let held = iam::profiles_of_role(&clients.iam, spec.node_role_name()).await?;
        let is_own = |name: &str| name.eq_ignore_ascii_case(&spec.instance_profile_name);
        let includes_own_profile = held.iter().any(|(name, _)| is_own(name));
        let others = held.iter().filter(|(name, _)| !is_own(name));
        let profiles = others.map(|(name, _)| iam::instance_profile(&clients.iam, name));
        let arns: BTreeSet<_> = held.iter().map(|(_, arn)| arn.clone()).chain([spec.instance_profile_arn()]).collect();
        let arns: Vec<_> = arns.into_iter().collect();
        let running = async {
            if spec.ignores_running_nodes { Ok(Vec::new()) } else { ec2::running_instances(&clients.ec2, &arns).await }
        };
        let (profiles, running) = futures::try_join!(futures::future::try_join_all(profiles), running)?;
        Ok((profiles.into_iter().flatten().collect(), includes_own_profile, running))
    };
    let templates = async {
        match ec2::karpenter_launch_templates(&clients.ec2, &spec.cluster_name).await {
            Err(error) if error.is_denied() => {
                tracing::warn!(%error, "launch templates of Karpenter could not be read");
                Ok(Vec::new())
            }
            found => found,
        }
    };
    let ((profiles_of_node_role, includes_own_profile, running), launch_templates) =
        futures::try_join!(nodes, templates)?;
    Ok(Leftovers { profiles_of_node_role, includes_own_profile, running, launch_templates })
}
