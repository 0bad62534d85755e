//! Subnets and security groups: those of the node groups, those that the properties name, and those that have a marker.

use super::{Purpose, SnapshotQuery};
use crate::clients::aws::{Clients, ec2, eks};
use crate::error::AwsError;
use futures::{StreamExt as _, TryStreamExt as _};
use karpenter_prereqs_core::observed::{Cluster, Discovery};
use std::collections::BTreeSet;

/// The most node groups or launch templates that are described at the same time. EKS throttles above about 10 calls a second.
const MAX_PARALLEL_CALLS: usize = 10;

/// Reads the subnets and security groups to tag, with their tags. A teardown reads only those that have a marker.
///
/// Without `cluster`, no node groups are read. `node_groups` are their names.
///
/// # Errors
/// A call failed.
pub(super) async fn discover(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    cluster: Option<&Cluster>,
    node_groups: &[String],
) -> Result<Discovery, AwsError> {
    let mut discovery = Discovery::default();
    let spec = query.spec;
    if let Some(cluster) = cluster {
        discover_from_node_groups(clients, &spec.cluster_name, cluster, node_groups, &mut discovery).await?;
    }
    let ids = |explicit: &Option<Vec<String>>, found: &BTreeSet<String>| match (query.purpose, explicit) {
        (Purpose::TearDown, _) => BTreeSet::new(),
        (Purpose::Reconcile | Purpose::Survey, Some(ids)) => ids.iter().cloned().collect(),
        (Purpose::Reconcile | Purpose::Survey, None) => found.clone(),
    };
    let subnet_ids = ids(&spec.subnet_ids, &discovery.subnet_ids);
    let security_group_ids = ids(&spec.security_group_ids, &discovery.security_group_ids);
    (discovery.subnets, discovery.security_groups) = futures::try_join!(
        ec2::read_tags(&clients.ec2, ec2::Kind::Subnet, &subnet_ids, query.markers),
        ec2::read_tags(&clients.ec2, ec2::Kind::SecurityGroup, &security_group_ids, query.markers),
    )?;
    Ok(discovery)
}

/// Returns the names of the cluster's node groups. Empty for a teardown, and if the properties name both the subnets and the
/// security groups. The call needs only the cluster's name, so it runs at the same time as the read of the cluster.
///
/// # Errors
/// A call failed.
pub(super) async fn node_groups(clients: &Clients, query: SnapshotQuery<'_>) -> Result<Vec<String>, AwsError> {
    let spec = query.spec;
    let has_explicit_ids = spec.subnet_ids.is_some() && spec.security_group_ids.is_some();
    if query.purpose == Purpose::TearDown || has_explicit_ids {
        return Ok(Vec::new());
    }
    eks::node_group_names(&clients.eks, &spec.cluster_name).await
}

/// Adds the subnets of all node groups, and the security groups of their launch templates. A node group without a launch
/// template, or whose launch template names no security group, uses the cluster security group
/// (<https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html>).
async fn discover_from_node_groups(
    clients: &Clients,
    cluster_name: &str,
    cluster: &Cluster,
    names: &[String],
    discovery: &mut Discovery,
) -> Result<(), AwsError> {
    let groups: Vec<_> = futures::stream::iter(names)
        .map(|name| eks::node_group(&clients.eks, cluster_name, name))
        .buffer_unordered(MAX_PARALLEL_CALLS)
        .try_filter_map(async |group| Ok(group))
        .try_collect()
        .await?;
    let templates: BTreeSet<_> = groups.iter().map(|group| group.launch_template.clone()).collect();
    let template_security_groups: Vec<_> = futures::stream::iter(templates)
        .map(|template| async move {
            match template {
                Some((id, version)) => ec2::launch_template_groups(&clients.ec2, &id, &version).await,
                None => Ok(BTreeSet::new()),
            }
        })
        .buffer_unordered(MAX_PARALLEL_CALLS)
        .try_collect()
        .await?;
    for found in template_security_groups {
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
