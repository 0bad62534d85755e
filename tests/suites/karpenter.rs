//! The chain that ends the runbook, with the real Karpenter: a stack makes the prerequisites; Karpenter, installed with the
//! stack's HelmValues, comes by the controller role with a token of its service account and launches an instance with our
//! profile in a subnet that our tag names; that instance is a node to the real API server; Karpenter ends it; and the stack
//! goes, with the account as before. `make karpenter` runs it: to build Karpenter takes some minutes.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ec2::types::{Instance, InstanceStateName};
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Deployment,
    gateway::Call,
    karpenter::{Karpenter, Launched, Installation},
    node::assume_role,
    process::wait_until,
    scenario::AWS_AUTH,
    world::World,
};

const STACK: &str = "karpenter-demo";

/// A cloud with a cluster and the stack, made with these parameters, and Karpenter on it.
struct Setting {
    karpenter: Karpenter,
    deployment: Deployment,
    cluster: Cluster,
    cloud: Cloud,
    before: World,
}

impl Setting {
    async fn start(parameters: &[(&str, &str)]) -> Self {
        let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
        let cluster = cloud.create_cluster("demo", ClusterOptions::default()).await.unwrap();
        cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
        let before = World::read(&cloud, Some(&cluster)).await.unwrap();
        let mut deployment = Deployment::prepare(&cloud, &cluster, STACK).await.unwrap();
        for (name, value) in parameters {
            deployment.set(name, value);
        }
        deployment.create().await.unwrap();
        let outputs = deployment.stack().outputs().await.unwrap();
        let release = Installation {
            namespace: &outputs["Namespace"],
            helm_values: &outputs["HelmValues"],
            instance_profile: &outputs["InstanceProfileName"],
            discovery: "demo",
        };
        cloud.gateway().journal().clear();
        let karpenter = Karpenter::start(&cloud, &cluster, &release).await.unwrap();
        Self { karpenter, deployment, cluster, cloud, before }
    }

    async fn instance(&self, launched: &Launched) -> Instance {
        let ec2 = aws_sdk_ec2::Client::new(&self.cloud.admin());
        let found = ec2.describe_instances().instance_ids(&launched.instance_id).send().await.unwrap();
        found.reservations()[0].instances()[0].clone()
    }

    /// The instance has our profile, is in a subnet of the cluster's with the groups that our tag names, and its session is
    /// a node to the API server.
    async fn is_a_node(&self, launched: &Launched) {
        let instance = self.instance(launched).await;
        let profile = instance.iam_instance_profile().and_then(|profile| profile.arn()).unwrap_or_default();
        assert!(profile.ends_with("instance-profile/KarpenterNodeInstanceProfile-demo"), "{profile}");
        let subnet = instance.subnet_id().unwrap_or_default().to_owned();
        assert!(self.cluster.subnet_ids.contains(&subnet), "{subnet}");
        let role = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";
        let session = assume_role(&self.cloud.admin(), role, &launched.instance_id).await.unwrap();
        let identity = self.cluster.wait_admitted(&session).await.unwrap();
        assert_eq!(identity.username, format!("system:node:{}", instance.private_dns_name().unwrap_or_default()));
        assert!(identity.groups.contains(&"system:nodes".to_owned()), "{:?}", identity.groups);
    }

    async fn state(&self, launched: &Launched) -> InstanceStateName {
        self.instance(launched).await.state().and_then(|state| state.name()).unwrap().clone()
    }

    /// What was denied, as IAM names actions.
    fn denied(&self) -> BTreeSet<String> {
        let denied = |call: &Call| {
            let code = call.error_code.as_deref().unwrap_or_default();
            ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"].contains(&code)
        };
        let calls = self.cloud.gateway().journal().calls().into_iter().filter(denied);
        calls.map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }

    /// Karpenter's objects go, Karpenter goes, the stack goes.
    async fn end(mut self) {
        self.karpenter.delete_config().await.unwrap();
        drop(self.karpenter);
        self.deployment.delete().await.unwrap();
        let after = World::read(&self.cloud, Some(&self.cluster)).await.unwrap();
        self.before.assert_same(&after, "after the stack was deleted");
    }
}

/// With the release that runs, nothing that it asks for is denied.
#[tokio::test]
#[ignore = "builds Karpenter: `make karpenter` runs it"]
async fn karpenter_launches_a_node_and_ends_it_with_the_permissions_of_its_release() {
    let mut setting = Setting::start(&[("KarpenterVersion", "1.14.3"), ("Namespace", "kube-system")]).await;
    let launched = setting.karpenter.launch("one").await.unwrap();
    setting.is_a_node(&launched).await;
    setting.karpenter.terminate("one").await.unwrap();
    setting.karpenter.wait_terminated("one").await.unwrap();
    let state = setting.state(&launched).await;
    assert!(matches!(state, InstanceStateName::ShuttingDown | InstanceStateName::Terminated), "{state}");
    assert_eq!(setting.denied(), BTreeSet::new());
    setting.end().await;
}

/// With the baseline it launches a node, and is denied what Warnings tells the user: to end it, for one.
#[tokio::test]
#[ignore = "builds Karpenter: `make karpenter` runs it"]
async fn with_the_baseline_karpenter_launches_a_node_and_cannot_end_it() {
    let mut setting = Setting::start(&[]).await;
    let warnings = setting.deployment.stack().outputs().await.unwrap()["Warnings"].clone();
    let launched = setting.karpenter.launch("one").await.unwrap();
    setting.is_a_node(&launched).await;
    setting.karpenter.terminate("one").await.unwrap();
    let tried = async || setting.denied().contains("ec2:TerminateInstances").then_some(());
    wait_until("Karpenter has tried to end the instance", Duration::from_mins(2), tried).await.unwrap();
    assert_eq!(setting.state(&launched).await, InstanceStateName::Running);
    let denied = setting.denied();
    assert_eq!(denied, ["ec2:DescribeInstanceStatus", "ec2:TerminateInstances"].map(str::to_owned).into());
    for action in &denied {
        assert!(warnings.contains(action.as_str()), "{action} is not in: {warnings}");
    }
    let ec2 = aws_sdk_ec2::Client::new(&setting.cloud.admin());
    ec2.terminate_instances().instance_ids(&launched.instance_id).send().await.unwrap();
    setting.karpenter.wait_terminated("one").await.unwrap();
    setting.end().await;
}
