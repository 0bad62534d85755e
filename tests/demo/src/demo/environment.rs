//! The environment of the demo: a cloud with a typical EKS cluster, and a stack that is not created yet.

use aws_credential_types::Credentials;
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Deployment,
    node::Node,
    scenario::{AWS_AUTH, CLUSTER},
    world::World,
};
use tokio::sync::OnceCell;

use super::{Failure, Reporter};
use crate::administrator::administrator;

/// The cloud, the cluster and the stack. Dropping it stops the cloud.
pub(crate) struct Environment {
    /// The stack.
    pub(crate) deployment: Deployment,
    /// The cluster, with five subnets. The last one is in no node group.
    pub(crate) cluster: Cluster,
    /// The cloud.
    pub(crate) cloud: Cloud,
    /// A session of the account's administrator.
    pub(crate) administrator: Credentials,
    /// A snapshot before the stack.
    pub(crate) before: World,
    /// The instance that joins.
    pub(crate) node: OnceCell<Node>,
}

impl Environment {
    /// Starts the cloud, and prints a description.
    pub(crate) async fn start(reporter: &mut Reporter) -> Result<Self, Failure> {
        reporter.heading("A cloud with an EKS cluster")?;
        let cloud = reporter.step("MiniStack and the gateway", Cloud::start(CloudOptions::default())).await?;
        let options = ClusterOptions { subnets: 5, ..ClusterOptions::default() };
        let cluster = reporter
            .step("EKS cluster, etcd, kube-apiserver, aws-iam-authenticator", cloud.create_cluster(CLUSTER, options))
            .await?;
        cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
        let deployment =
            reporter.step("upload of the function to S3", Deployment::prepare(&cloud, &cluster, STACK)).await?;
        let administrator = administrator(&cloud).await?;
        let before = World::read(&cloud, Some(&cluster)).await?;
        let environment = Self { deployment, cluster, cloud, administrator, before, node: OnceCell::new() };
        environment.describe(reporter)?;
        Ok(environment)
    }

    /// Reads the current snapshot.
    pub(crate) async fn world(&self) -> Result<World, Failure> {
        Ok(World::read(&self.cloud, Some(&self.cluster)).await?)
    }

    /// Terminates the instance, if it runs. The stack cannot be deleted before.
    pub(crate) async fn end_node(&self, reporter: &mut Reporter) -> Result<(), Failure> {
        let Some(node) = self.node.get() else { return Ok(()) };
        reporter
            .step("terminating the instance, because Delete fails while nodes run", self.cluster.end_node(node))
            .await
    }

    /// Returns the Name tag of a subnet or security group.
    pub(crate) fn name(&self, id: &str) -> String {
        let tags: serde_json::Value = serde_json::from_str(self.before.get(id).unwrap_or_default()).unwrap_or_default();
        tags["Name"].as_str().unwrap_or(id).to_owned()
    }

    fn describe(&self, reporter: &mut Reporter) -> Result<(), Failure> {
        let names = |ids: &[String]| ids.iter().map(|id| self.name(id)).collect::<Vec<_>>().join(" ");
        reporter.blank_line()?;
        reporter
            .line(format_args!("EKS cluster {CLUSTER}, which authenticates its creator and the entries of aws-auth"))?;
        let head = ["NODE GROUP", "SUBNETS", "LAUNCH TEMPLATE", "SECURITY GROUPS OF ITS NODES"].map(str::to_owned);
        let groups = self.cluster.node_groups.iter().map(|group| {
            let template = group.launch_template_id.clone().unwrap_or_else(|| "none".to_owned());
            [group.name.clone(), names(&group.subnet_ids), template, names(&group.security_group_ids)]
        });
        let rows: Vec<_> = std::iter::once(head).chain(groups).collect();
        reporter.table(&rows)
    }
}

/// The name of the stack.
const STACK: &str = "karpenter-demo";
