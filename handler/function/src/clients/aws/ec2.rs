//! Amazon EC2: subnets, security groups, launch templates, instances and tags.

use crate::error::AwsError;
use aws_sdk_ec2::{Client, types};
use karpenter_prereqs_core::identity::ownership::{Marker, Tags};
use karpenter_prereqs_core::observed::Running;
use std::collections::{BTreeMap, BTreeSet};

/// The most values of one filter
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
const FILTER_VALUES_MAX: usize = 200;

/// The kind of a resource that gets the discovery tag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Subnet,
    SecurityGroup,
}

/// Returns the tags of the resources with these ids, and of all resources with a marker or previous-tag marker of `markers`.
/// Resources that do not exist are left out.
///
/// # Errors
/// A call failed.
pub(crate) async fn read_tags(
    client: &Client,
    kind: Kind,
    ids: &BTreeSet<String>,
    markers: &BTreeSet<Marker>,
) -> Result<BTreeMap<String, Tags>, AwsError> {
    let ids: Vec<_> = ids.iter().cloned().collect();
    let mut filters: Vec<_> = ids.chunks(FILTER_VALUES_MAX).map(|ids| filter(kind.id_filter(), ids.to_vec())).collect();
    let keys =
        markers.iter().flat_map(|marker| [marker.key().to_owned(), marker.previous_tag_key()]).collect::<Vec<_>>();
    if !keys.is_empty() {
        filters.push(filter("tag-key", keys));
    }
    let found = futures::future::try_join_all(filters.into_iter().map(|filter| describe(client, kind, filter))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Returns the ids of the security groups that a version of a launch template names, directly or in its network interfaces. Empty
/// if it names none.
///
/// # Errors
/// The call failed.
pub(crate) async fn launch_template_groups(
    client: &Client,
    id: &str,
    version: &str,
) -> Result<BTreeSet<String>, AwsError> {
    let call = client.describe_launch_template_versions().launch_template_id(id).versions(version);
    let found = call
        .send()
        .await
        .map_err(|error| AwsError::new(format!("describe version {version} of launch template {id}"), &error))?;
    let data = found.launch_template_versions().iter().filter_map(|version| version.launch_template_data());
    Ok(data
        .flat_map(|data| {
            let interface_groups = data
                .network_interfaces()
                .iter()
                .flat_map(types::LaunchTemplateInstanceNetworkInterfaceSpecification::groups);
            data.security_group_ids().iter().chain(interface_groups)
        })
        .cloned()
        .collect())
}

/// Returns the pending and running instances with one of these instance profiles, which are given by their ARNs.
///
/// # Errors
/// A call failed.
pub(crate) async fn running_instances(client: &Client, profile_arns: &[String]) -> Result<Vec<Running>, AwsError> {
    let mut running = Vec::new();
    for arns in profile_arns.chunks(FILTER_VALUES_MAX) {
        let states = ["pending", "running"].map(str::to_owned).to_vec();
        let call = client
            .describe_instances()
            .filters(filter("instance-state-name", states))
            .filters(filter("iam-instance-profile.arn", arns.to_vec()));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new("describe the instances of the node role", &error))?;
            let instances =
                page.reservations.unwrap_or_default().into_iter().flat_map(|it| it.instances.unwrap_or_default());
            running.extend(instances.filter_map(|instance| {
                let arn = instance.iam_instance_profile?.arn?;
                let instance_profile = arn.rsplit('/').next().unwrap_or_default().to_owned();
                Some(Running { id: instance.instance_id?, instance_profile })
            }));
        }
    }
    Ok(running)
}

/// Returns the names of the launch templates that Karpenter created for a cluster. Their tags show this.
///
/// # Errors
/// A call failed.
pub(crate) async fn karpenter_launch_templates(client: &Client, cluster: &str) -> Result<Vec<String>, AwsError> {
    let call = client
        .describe_launch_templates()
        .filters(filter(&format!("tag:kubernetes.io/cluster/{cluster}"), vec!["owned".to_owned()]))
        .filters(filter("tag-key", vec!["karpenter.sh/nodepool".to_owned()]));
    let mut names = Vec::new();
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("describe Karpenter's launch templates", &error))?;
        names.extend(page.launch_templates.unwrap_or_default().into_iter().filter_map(|it| it.launch_template_name));
    }
    Ok(names)
}

/// Creates these tags on these resources, and overwrites existing values.
///
/// # Errors
/// The call failed, for example because one of the resources does not exist.
pub(crate) async fn create_tags(client: &Client, ids: &[String], tags: &Tags) -> Result<(), AwsError> {
    let call = client.create_tags().set_resources(Some(ids.to_vec())).set_tags(Some(pairs(tags)));
    call.send().await.map(drop).map_err(|error| AwsError::new(format!("tag {}", ids.join(", ")), &error))
}

/// Creates these tags on those of these resources that exist, and overwrites existing values.
///
/// # Errors
/// A call failed.
pub(crate) async fn create_tags_on_existing(client: &Client, ids: &[String], tags: &Tags) -> Result<(), AwsError> {
    call_on_existing(ids, async |ids| create_tags(client, &ids, tags).await).await
}

/// Deletes these tags from those of these resources that exist. A tag with another value stays.
///
/// # Errors
/// A call failed.
pub(crate) async fn delete_tags(client: &Client, ids: &[String], tags: &Tags) -> Result<(), AwsError> {
    let delete = async |ids: Vec<String>| {
        let call = client.delete_tags().set_resources(Some(ids.clone())).set_tags(Some(pairs(tags)));
        call.send().await.map(drop).map_err(|error| AwsError::new(format!("untag {}", ids.join(", ")), &error))
    };
    call_on_existing(ids, delete).await
}

/// Makes one call for all resources. If one of them does not exist, the call fails for all, so one call is made for each.
async fn call_on_existing(
    ids: &[String],
    call: impl AsyncFn(Vec<String>) -> Result<(), AwsError>,
) -> Result<(), AwsError> {
    match call(ids.to_vec()).await {
        Err(error) if error.is_not_found() => {
            for id in ids {
                match call(vec![id.clone()]).await {
                    Err(error) if error.is_not_found() => {}
                    other => other?,
                }
            }
            Ok(())
        }
        other => other,
    }
}

impl Kind {
    fn id_filter(self) -> &'static str {
        match self {
            Self::Subnet => "subnet-id",
            Self::SecurityGroup => "group-id",
        }
    }

    /// Returns the kind of the resource with this id.
    pub(crate) fn of(id: &str) -> Self {
        if id.starts_with("subnet-") { Self::Subnet } else { Self::SecurityGroup }
    }
}

async fn describe(client: &Client, kind: Kind, filter: types::Filter) -> Result<Vec<(String, Tags)>, AwsError> {
    let mut found = Vec::new();
    match kind {
        Kind::Subnet => {
            let mut pages = client.describe_subnets().filters(filter).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| AwsError::new("describe subnets", &error))?;
                found.extend(
                    page.subnets
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(|subnet| Some((subnet.subnet_id?, to_tags(subnet.tags)))),
                );
            }
        }
        Kind::SecurityGroup => {
            let mut pages = client.describe_security_groups().filters(filter).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| AwsError::new("describe security groups", &error))?;
                found.extend(
                    page.security_groups
                        .unwrap_or_default()
                        .into_iter()
                        .filter_map(|group| Some((group.group_id?, to_tags(group.tags)))),
                );
            }
        }
    }
    Ok(found)
}

fn filter(name: &str, values: Vec<String>) -> types::Filter {
    types::Filter::builder().name(name).set_values(Some(values)).build()
}

fn pairs(tags: &Tags) -> Vec<types::Tag> {
    tags.iter().map(|(key, value)| types::Tag::builder().key(key).value(value).build()).collect()
}

fn to_tags(tags: Option<Vec<types::Tag>>) -> Tags {
    tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}
