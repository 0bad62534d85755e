//! Amazon EKS: the cluster, its node groups, access entries, Pod Identity associations and add-ons.

use crate::error::AwsError;
use aws_sdk_eks::{Client, types};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use karpenter_prereqs_core::identity::kubernetes::ServiceAccount;
use karpenter_prereqs_core::observed::{AccessEntry, AuthenticationMode, Cluster, PodIdentityAssociation};

/// A managed node group, as far as discovery depends on it.
#[derive(Debug)]
pub(crate) struct NodeGroup {
    pub(crate) name: String,
    pub(crate) subnets: Vec<String>,
    /// The id and the version of the launch template; absent if the user chose none.
    pub(crate) launch_template: Option<(String, String)>,
}

/// Returns the cluster with this name; `None` if it does not exist.
///
/// # Errors
/// The call failed.
pub(crate) async fn cluster(client: &Client, name: &str) -> Result<Option<Cluster>, AwsError> {
    let what = || format!("describe cluster `{name}`");
    match client.describe_cluster().name(name).send().await {
        Ok(found) => Ok(found.cluster.map(read_cluster)),
        Err(error) => none_if_not_found(AwsError::new(what(), &error)),
    }
}

/// Returns the names of the cluster's managed node groups. Empty if the cluster does not exist.
///
/// # Errors
/// A call failed.
pub(crate) async fn node_group_names(client: &Client, cluster: &str) -> Result<Vec<String>, AwsError> {
    let mut names = Vec::new();
    let mut pages = client.list_nodegroups().cluster_name(cluster).into_paginator().send();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => names.extend(page.nodegroups.unwrap_or_default()),
            Err(error) => {
                return none_if_not_found(AwsError::new(
                    format!("list the node groups of cluster `{cluster}`"),
                    &error,
                ))
                .map(Option::unwrap_or_default);
            }
        }
    }
    Ok(names)
}

/// Returns the node group; `None` if it does not exist or is being deleted.
///
/// # Errors
/// The call failed.
pub(crate) async fn node_group(client: &Client, cluster: &str, name: &str) -> Result<Option<NodeGroup>, AwsError> {
    let what = || format!("describe node group `{name}` of cluster `{cluster}`");
    let found = match client.describe_nodegroup().cluster_name(cluster).nodegroup_name(name).send().await {
        Ok(found) => found.nodegroup,
        Err(error) => return none_if_not_found(AwsError::new(what(), &error)),
    };
    let kept = found.filter(|group| group.status != Some(types::NodegroupStatus::Deleting));
    Ok(kept.map(|group| NodeGroup {
        name: name.to_owned(),
        subnets: group.subnets.unwrap_or_default(),
        launch_template: group
            .launch_template
            .and_then(|template| Some((template.id?, template.version.unwrap_or_else(|| "$Default".to_owned())))),
    }))
}

/// Returns the cluster's access entry for a principal; `None` if it does not exist.
///
/// # Errors
/// The call failed.
pub(crate) async fn access_entry(
    client: &Client,
    cluster: &str,
    principal_arn: &str,
) -> Result<Option<AccessEntry>, AwsError> {
    let what = || format!("describe the access entry of {principal_arn} in cluster `{cluster}`");
    match client.describe_access_entry().cluster_name(cluster).principal_arn(principal_arn).send().await {
        Ok(found) => Ok(found.access_entry.map(|entry| AccessEntry {
            arn: entry.access_entry_arn.unwrap_or_default(),
            kind: entry.r#type.unwrap_or_default(),
            tags: entry.tags.unwrap_or_default().into_iter().collect(),
            created_at: entry.created_at.and_then(|at| Timestamp::from_second(at.secs()).ok()).unwrap_or_default(),
        })),
        Err(error) => none_if_not_found(AwsError::new(what(), &error)),
    }
}

/// Returns the Pod Identity association of a service account; `None` if it does not exist.
///
/// # Errors
/// A call failed.
pub(crate) async fn pod_identity_association(
    client: &Client,
    cluster: &str,
    account: &ServiceAccount,
) -> Result<Option<PodIdentityAssociation>, AwsError> {
    let ServiceAccount { namespace, name } = account;
    let listed = client
        .list_pod_identity_associations()
        .cluster_name(cluster)
        .namespace(namespace)
        .service_account(name)
        .send()
        .await;
    let listed = match listed {
        Ok(listed) => listed.associations.unwrap_or_default(),
        Err(error) => {
            let what = format!("list the Pod Identity association of `{namespace}/{name}` in cluster `{cluster}`");
            return none_if_not_found(AwsError::new(what, &error));
        }
    };
    match listed.into_iter().find_map(|association| association.association_id) {
        Some(id) => association(client, cluster, &id).await,
        None => Ok(None),
    }
}

/// Returns the Pod Identity association with this id; `None` if it does not exist.
///
/// # Errors
/// The call failed.
pub(crate) async fn association(
    client: &Client,
    cluster: &str,
    id: &str,
) -> Result<Option<PodIdentityAssociation>, AwsError> {
    match client.describe_pod_identity_association().cluster_name(cluster).association_id(id).send().await {
        Ok(found) => Ok(found.association.map(|association| PodIdentityAssociation {
            id: id.to_owned(),
            arn: association.association_arn.unwrap_or_default(),
            role_arn: association.role_arn.unwrap_or_default(),
            has_session_tags: association.disable_session_tags != Some(true),
            tags: association.tags.unwrap_or_default().into_iter().collect(),
        })),
        Err(error) => {
            let what = format!("describe the Pod Identity association `{id}` of cluster `{cluster}`");
            none_if_not_found(AwsError::new(what, &error))
        }
    }
}

/// Returns whether the cluster has the add-on.
///
/// # Errors
/// The call failed.
pub(crate) async fn has_addon(client: &Client, cluster: &str, name: &str) -> Result<bool, AwsError> {
    match client.describe_addon().cluster_name(cluster).addon_name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let error = AwsError::new(format!("describe add-on `{name}` of cluster `{cluster}`"), &error);
            none_if_not_found::<()>(error).map(|_| false)
        }
    }
}

fn none_if_not_found<T>(error: AwsError) -> Result<Option<T>, AwsError> {
    if error.is_not_found() { Ok(None) } else { Err(error) }
}

fn read_cluster(cluster: types::Cluster) -> Cluster {
    let authority = cluster.certificate_authority.and_then(|authority| authority.data).unwrap_or_default();
    let mode = cluster.access_config.and_then(|config| config.authentication_mode);
    Cluster {
        status: cluster.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        endpoint: cluster.endpoint.unwrap_or_default(),
        certificate_authority: STANDARD
            .decode(authority)
            .ok()
            .and_then(|pem| String::from_utf8(pem).ok())
            .unwrap_or_default(),
        issuer: cluster.identity.and_then(|identity| identity.oidc).and_then(|oidc| oidc.issuer),
        authentication_mode: match mode {
            Some(types::AuthenticationMode::Api) => AuthenticationMode::Api,
            Some(types::AuthenticationMode::ApiAndConfigMap) => AuthenticationMode::ApiAndConfigMap,
            _ => AuthenticationMode::ConfigMap,
        },
        security_group_id: cluster.resources_vpc_config.and_then(|config| config.cluster_security_group_id),
    }
}
