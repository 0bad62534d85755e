//! The cloud that the demo plays in: an EKS cluster as people have it, and the stack, not created yet.

use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Deployment,
    node::Node,
    scenario::{AWS_AUTH, CLUSTER},
    world::World,
};
use tokio::sync::OnceCell;

use super::{Failure, Page};

/// What the demo plays with. The cloud goes with it.
pub(crate) struct Stage {
    /// The stack.
    pub(crate) deployment: Deployment,
    /// The cluster, of five subnets of which the last is in no node group.
    pub(crate) cluster: Cluster,
    /// The cloud.
    pub(crate) cloud: Cloud,
    /// What stood there before the stack.
    pub(crate) before: World,
    /// The instance that joins.
    pub(crate) node: OnceCell<Node>,
}

impl Stage {
    /// Brings the cloud up and tells what it is like.
    pub(crate) async fn set(page: &mut Page) -> Result<Self, Failure> {
        page.heading("A cloud with an EKS cluster")?;
        let cloud = page.step("MiniStack, and the gateway before it", Cloud::start(CloudOptions::default())).await?;
        let options = ClusterOptions { subnets: 5, ..ClusterOptions::default() };
        let cluster = page
            .step("EKS cluster, etcd, kube-apiserver, aws-iam-authenticator", cloud.create_cluster(CLUSTER, options))
            .await?;
        cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        let deployment = page.step("the function's code into S3", Deployment::prepare(&cloud, &cluster, STACK)).await?;
        let before = World::read(&cloud, Some(&cluster)).await?;
        let stage = Self { deployment, cluster, cloud, before, node: OnceCell::new() };
        stage.describe(page)?;
        Ok(stage)
    }

    /// What stands there now.
    pub(crate) async fn world(&self) -> Result<World, Failure> {
        Ok(World::read(&self.cloud, Some(&self.cluster)).await?)
    }

    /// The Name tag of a subnet or security group.
    pub(crate) fn name(&self, id: &str) -> String {
        let tags: serde_json::Value = serde_json::from_str(self.before.get(id).unwrap_or_default()).unwrap_or_default();
        tags["Name"].as_str().unwrap_or(id).to_owned()
    }

    fn describe(&self, page: &mut Page) -> Result<(), Failure> {
        let names = |ids: &[String]| ids.iter().map(|id| self.name(id)).collect::<Vec<_>>().join(" ");
        page.gap()?;
        page.line(format_args!("EKS cluster {CLUSTER}, which lets in its creator and whom aws-auth names"))?;
        let head = ["NODE GROUP", "SUBNETS", "LAUNCH TEMPLATE", "SECURITY GROUPS OF ITS NODES"].map(str::to_owned);
        let groups = self.cluster.node_groups.iter().map(|group| {
            let template = group.launch_template_id.clone().unwrap_or_else(|| "none".to_owned());
            [group.name.clone(), names(&group.subnet_ids), template, names(&group.security_group_ids)]
        });
        let rows: Vec<_> = std::iter::once(head).chain(groups).collect();
        page.table(&rows)
    }
}

/// The stack's name.
const STACK: &str = "karpenter-demo";
