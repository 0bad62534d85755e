//! The managed node groups of a cluster, in the forms that discovery must handle.

use std::{ops::Range, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_ec2::types::{LaunchTemplateInstanceNetworkInterfaceSpecificationRequest, RequestLaunchTemplateData};
use aws_sdk_eks::types::{LaunchTemplateSpecification, NodegroupScalingConfig, NodegroupStatus};

use super::network::{Network, create_security_group};
use crate::{error::Error, process::wait_until};

/// The options of a node group.
#[derive(Debug, Clone)]
pub struct NodeGroupOptions {
    /// The name.
    pub name: String,
    /// Its subnets, as a range of the cluster's subnets.
    pub subnets: Range<usize>,
    /// Its launch template.
    pub launch_template: LaunchTemplate,
}

/// A node group's launch template, and the number of security groups in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchTemplate {
    /// There is no launch template.
    None,
    /// The launch template names no security group.
    WithoutSecurityGroups,
    /// It names this many in `SecurityGroupIds`.
    SecurityGroups(usize),
    /// It names this many in its network interface.
    NetworkInterface(usize),
}

/// A node group.
#[derive(Debug, Clone)]
pub struct NodeGroup {
    /// The name.
    pub name: String,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// The security groups of its nodes: those of the launch template, or the cluster security group.
    pub security_group_ids: Vec<String>,
    /// The launch template's id, if it has one.
    pub launch_template_id: Option<String>,
}

impl NodeGroup {
    pub(super) async fn create(
        admin: &SdkConfig,
        cluster: &str,
        node_role_arn: &str,
        network: &Network,
        options: NodeGroupOptions,
    ) -> Result<Self, Error> {
        let NodeGroupOptions { name, subnets, launch_template } = options;
        let subnet_ids = network
            .subnet_ids
            .get(subnets.clone())
            .ok_or_else(|| {
                Error::Unusable(format!(
                    "node group {name} is to be in subnets {subnets:?} of {}",
                    network.subnet_ids.len()
                ))
            })?
            .to_vec();
        let mut security_group_ids = Vec::new();
        for index in 0..launch_template.security_groups() {
            let group = format!("{cluster}-{name}-{index}");
            security_group_ids.push(create_security_group(admin, &network.vpc_id, &group).await?);
        }
        let launch_template_id = match launch_template.data(&security_group_ids) {
            Some(data) => Some(create_launch_template(admin, &format!("{cluster}-{name}"), data).await?),
            None => None,
        };

        let eks = aws_sdk_eks::Client::new(admin);
        let template =
            launch_template_id.as_ref().map(|id| LaunchTemplateSpecification::builder().id(id).version("1").build());
        eks.create_nodegroup()
            .cluster_name(cluster)
            .nodegroup_name(&name)
            .node_role(node_role_arn)
            .set_subnets(Some(subnet_ids.clone()))
            .set_launch_template(template)
            .scaling_config(NodegroupScalingConfig::builder().min_size(0).desired_size(0).max_size(1).build())
            .send()
            .await
            .map_err(Error::aws("CreateNodegroup"))?;
        wait_until("the node group is ACTIVE", ACTIVE_BOUND, async || {
            let group = eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(&name);
            let group = group.send().await.ok()?.nodegroup?;
            (group.status() == Some(&NodegroupStatus::Active)).then_some(())
        })
        .await?;

        if security_group_ids.is_empty() {
            security_group_ids.push(network.cluster_security_group_id.clone());
        }
        Ok(Self { name, subnet_ids, security_group_ids, launch_template_id })
    }
}

impl LaunchTemplate {
    fn security_groups(self) -> usize {
        match self {
            Self::None | Self::WithoutSecurityGroups => 0,
            Self::SecurityGroups(count) | Self::NetworkInterface(count) => count,
        }
    }

    fn data(self, security_group_ids: &[String]) -> Option<RequestLaunchTemplateData> {
        let data = RequestLaunchTemplateData::builder();
        let ids = Some(security_group_ids.to_vec());
        match self {
            Self::None => None,
            Self::WithoutSecurityGroups => Some(data.ebs_optimized(true).build()),
            Self::SecurityGroups(_) => Some(data.set_security_group_ids(ids).build()),
            Self::NetworkInterface(_) => {
                let interface = LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
                    .device_index(0)
                    .set_groups(ids)
                    .build();
                Some(data.network_interfaces(interface).build())
            }
        }
    }
}

async fn create_launch_template(
    admin: &SdkConfig,
    name: &str,
    data: RequestLaunchTemplateData,
) -> Result<String, Error> {
    aws_sdk_ec2::Client::new(admin)
        .create_launch_template()
        .launch_template_name(name)
        .launch_template_data(data)
        .send()
        .await
        .map_err(Error::aws("CreateLaunchTemplate"))?
        .launch_template
        .and_then(|template| template.launch_template_id)
        .ok_or(Error::Incomplete { operation: "CreateLaunchTemplate", field: "launchTemplateId" })
}

/// MiniStack's node groups are ACTIVE within about 1 s.
const ACTIVE_BOUND: Duration = Duration::from_secs(20);
