//! Many node groups, each with a launch template that names a security group of its own.

use std::time::Duration;

use aws_sdk_ec2::types::RequestLaunchTemplateData;
use aws_sdk_eks::types::{LaunchTemplateSpecification, NodegroupScalingConfig, NodegroupStatus};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use local_cloud::{Error, gateway::ClusterRewrite, process::wait_until, scenario::CLUSTER};

use super::resources::group;
use crate::environment::Environment;

/// How many node groups are created at the same time.
const AT_ONCE: usize = 8;

/// MiniStack's node groups are ACTIVE within about a second.
const ACTIVE_BOUND: Duration = Duration::from_mins(1);

/// The cluster's node groups: its own and those that are added here.
pub(crate) struct NodeGroups {
    count: usize,
    rewrite: ClusterRewrite,
}

impl NodeGroups {
    /// Starts with the cluster's own node groups.
    pub(crate) fn new(environment: &Environment) -> Self {
        Self { count: environment.cluster.node_groups.len(), rewrite: environment.cluster.rewrite() }
    }

    /// Creates node groups until there are `size` in total.
    ///
    /// # Errors
    /// [`Error::Aws`], and [`Error::TimedOut`] when one does not become ACTIVE.
    pub(crate) async fn grow_to(&mut self, environment: &Environment, size: usize) -> Result<(), Error> {
        let created: Vec<_> = stream::iter(self.count..size)
            .map(|number| create_node_group(environment, number))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        self.count = self.count.max(size);
        self.rewrite
            .launch_templates
            .extend(created.into_iter().map(|(name, template)| (name, (template, "1".to_owned()))));
        environment.cloud.gateway().set_cluster(CLUSTER, self.rewrite.clone());
        Ok(())
    }
}

/// Creates one, and returns its name and the id of its launch template.
async fn create_node_group(environment: &Environment, number: usize) -> Result<(String, String), Error> {
    let admin = environment.cloud.admin();
    let (ec2, eks) = (aws_sdk_ec2::Client::new(&admin), aws_sdk_eks::Client::new(&admin));
    let name = format!("grown-{number}");
    let group = group(&ec2, &environment.cluster.vpc_id, &format!("node-group-{number}")).await?;
    let template = ec2
        .create_launch_template()
        .launch_template_name(&name)
        .launch_template_data(RequestLaunchTemplateData::builder().security_group_ids(group).build())
        .send()
        .await
        .map_err(Error::aws("CreateLaunchTemplate"))?
        .launch_template
        .and_then(|template| template.launch_template_id)
        .ok_or(Error::Incomplete { operation: "CreateLaunchTemplate", field: "launchTemplateId" })?;
    eks.create_nodegroup()
        .cluster_name(CLUSTER)
        .nodegroup_name(&name)
        .node_role(format!("arn:aws:iam::{}:role/{CLUSTER}-managed-nodes", environment.cloud.account()))
        .set_subnets(environment.cluster.subnet_ids.first().map(|id| vec![id.clone()]))
        .launch_template(LaunchTemplateSpecification::builder().id(&template).version("1").build())
        .scaling_config(NodegroupScalingConfig::builder().min_size(0).desired_size(0).max_size(1).build())
        .send()
        .await
        .map_err(Error::aws("CreateNodegroup"))?;
    wait_until("the node group is ACTIVE", ACTIVE_BOUND, async || {
        let group = eks.describe_nodegroup().cluster_name(CLUSTER).nodegroup_name(&name).send().await.ok()?.nodegroup?;
        (group.status() == Some(&NodegroupStatus::Active)).then_some(())
    })
    .await?;
    Ok((name, template))
}
