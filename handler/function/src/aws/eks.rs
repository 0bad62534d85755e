//! Amazon EKS: the cluster, its node groups, an access entry.

use crate::error::AwsError;
use aws_sdk_eks::{Client, types};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use karpenter_prereqs_core::observed::{AuthenticationMode, Cluster};

/// What EKS says when a thing is not there.
const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];

/// A node group, as far as discovery depends on it.
#[derive(Debug)]
pub(crate) struct NodeGroup {
    pub(crate) name: String,
    pub(crate) subnets: Vec<String>,
    /// The id and the version of the launch template, if the user gave one.
    pub(crate) launch_template: Option<(String, String)>,
}

/// The cluster of that name; `None` when there is none.
pub(crate) async fn cluster(client: &Client, name: &str) -> Result<Option<Cluster>, AwsError> {
    let what = || format!("describe cluster `{name}`");
    match client.describe_cluster().name(name).send().await {
        Ok(found) => Ok(found.cluster.map(read_cluster)),
        Err(error) => none_if_not_found(AwsError::new(what(), &error)),
    }
}

/// The names of the cluster's managed node groups; none when there is no such cluster.
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

/// The node group; `None` when it is gone, or going.
pub(crate) async fn node_group(client: &Client, cluster: &str, name: &str) -> Result<Option<NodeGroup>, AwsError> {
    let what = || format!("describe node group `{name}` of cluster `{cluster}`");
    let found = match client.describe_nodegroup().cluster_name(cluster).nodegroup_name(name).send().await {
        Ok(found) => found.nodegroup,
        Err(error) => return none_if_not_found(AwsError::new(what(), &error)),
    };
    let staying = found.filter(|group| group.status != Some(types::NodegroupStatus::Deleting));
    Ok(staying.map(|group| NodeGroup {
        name: name.to_owned(),
        subnets: group.subnets.unwrap_or_default(),
        launch_template: group
            .launch_template
            .and_then(|template| Some((template.id?, template.version.unwrap_or_else(|| "$Default".to_owned())))),
    }))
}

/// The type of the cluster's access entry for a principal; `None` when there is no entry.
pub(crate) async fn access_entry_type(
    client: &Client,
    cluster: &str,
    principal_arn: &str,
) -> Result<Option<String>, AwsError> {
    let what = || format!("describe the access entry of {principal_arn} in cluster `{cluster}`");
    match client.describe_access_entry().cluster_name(cluster).principal_arn(principal_arn).send().await {
        Ok(found) => Ok(found.access_entry.and_then(|entry| entry.r#type)),
        Err(error) => none_if_not_found(AwsError::new(what(), &error)),
    }
}

fn none_if_not_found<T>(error: AwsError) -> Result<Option<T>, AwsError> {
    if error.is(NOT_FOUND) { Ok(None) } else { Err(error) }
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
