//! Subnets and security groups: those of the node groups, those that are named, and those that carry a marker.

use super::{Look, Purpose};
use crate::clients::aws::{Clients, ec2, eks};
use crate::error::AwsError;
use futures::{StreamExt as _, TryStreamExt as _};
use karpenter_prereqs_core::observed::{Cluster, Discovery};
use std::collections::BTreeSet;

/// How many node groups are described at once: EKS throttles above some ten calls a second.
const AT_ONCE: usize = 10;

/// Reads what there is to tag, with its tags. A release looks for markers alone.
pub(super) async fn discover(
    clients: &Clients,
    look: Look<'_>,
    cluster: Option<&Cluster>,
    node_groups: &[String],
) -> Result<Discovery, AwsError> {
    let mut discovery = Discovery::default();
    let spec = look.spec;
    if let Some(cluster) = cluster {
        of_node_groups(clients, &spec.cluster_name, cluster, node_groups, &mut discovery).await?;
    }
    let ids = |explicit: &Option<Vec<String>>, found: &BTreeSet<String>| match (look.purpose, explicit) {
        (Purpose::TearDown, _) => BTreeSet::new(),
        (Purpose::Reconcile, Some(ids)) => ids.iter().cloned().collect(),
        (Purpose::Reconcile, None) => found.clone(),
    };
    let subnet_ids = ids(&spec.subnet_ids, &discovery.subnet_ids);
    let security_group_ids = ids(&spec.security_group_ids, &discovery.security_group_ids);
    (discovery.subnets, discovery.security_groups) = futures::try_join!(
        ec2::tagged(&clients.ec2, ec2::Kind::Subnet, &subnet_ids, look.markers),
        ec2::tagged(&clients.ec2, ec2::Kind::SecurityGroup, &security_group_ids, look.markers),
    )?;
    Ok(discovery)
}

/// The names of the node groups whose subnets and security groups are looked for: none where lists name both. They are
/// asked for beside the cluster itself, whose name is all that they need.
pub(super) async fn node_groups(clients: &Clients, look: Look<'_>) -> Result<Vec<String>, AwsError> {
    let spec = look.spec;
    let named = spec.subnet_ids.is_some() && spec.security_group_ids.is_some();
    if look.purpose == Purpose::TearDown || named {
        return Ok(Vec::new());
    }
    eks::node_group_names(&clients.eks, &spec.cluster_name).await
}

/// The union over all node groups: their subnets; and the security groups of their launch templates, or the
/// cluster's where a node group has no template or its template names none
/// (<https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html>).
async fn of_node_groups(
    clients: &Clients,
    cluster_name: &str,
    cluster: &Cluster,
    names: &[String],
    discovery: &mut Discovery,
) -> Result<(), AwsError> {
    let groups: Vec<_> = futures::stream::iter(names)
        .map(|name| eks::node_group(&clients.eks, cluster_name, name))
        .buffer_unordered(AT_ONCE)
        .try_filter_map(async |group| Ok(group))
        .try_collect()
        .await?;
    let templates: BTreeSet<_> = groups.iter().map(|group| group.launch_template.clone()).collect();
    let of_templates: Vec<_> = futures::stream::iter(templates)
        .map(|template| async move {
            match template {
                Some((id, version)) => ec2::launch_template_groups(&clients.ec2, &id, &version).await,
                None => Ok(BTreeSet::new()),
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for found in of_templates {
        if found.is_empty() {
            discovery.security_group_ids.extend(cluster.security_group_id.clone());
        }
        discovery.security_group_ids.extend(found);
    }
    discovery.subnet_ids = groups.iter().flat_map(|group| group.subnets.iter().cloned()).collect();
    discovery.node_groups = groups.into_iter().map(|group| group.name).collect();
    discovery.node_groups.sort();
    Ok(())
}
