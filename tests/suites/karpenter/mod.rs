//! The whole runbook with the real Karpenter:
//!
//! 1. A stack creates the prerequisites, and Karpenter is installed with the stack's HelmValues.
//! 2. Karpenter assumes the controller role with a token of its service account.
//! 3. Karpenter launches an instance, with the stack's instance profile, in a subnet with the discovery tag.
//! 4. The API server accepts the instance as a node.
//! 5. Karpenter terminates the instance. The stack is deleted, and the account is as before.
//!
//! `make karpenter` runs this suite, because the build of Karpenter takes some minutes.

mod chart;
mod controller;
mod objects;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ec2::types::{Instance, InstanceStateName};
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Deployment, gateway::Call, node::assume_role, process::wait_until,
    scenario::AWS_AUTH, world::World,
};

use self::{
    controller::{Installation, Karpenter},
    objects::Launched,
};

const STACK: &str = "karpenter-demo";

/// A cloud with a cluster, the created stack, and a running Karpenter.
struct Setting {
    karpenter: Karpenter,
    deployment: Deployment,
    cluster: Cluster,
    cloud: Cloud,
    before: World,
}

impl Setting {
    /// Starts everything. The stack has these parameters beside the default ones.
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

    /// Asserts that the instance has the stack's instance profile, is in a subnet of the cluster, and is a node for the API
    /// server.
    async fn assert_node(&self, launched: &Launched) {
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

    /// Returns the IAM actions of the calls that were denied.
    fn denied(&self) -> BTreeSet<String> {
        let denied = |call: &Call| {
            let code = call.error_code.as_deref().unwrap_or_default();
            ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"].contains(&code)
        };
        let calls = self.cloud.gateway().journal().calls().into_iter().filter(denied);
        calls.map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }

    /// Deletes Karpenter's objects, stops Karpenter, and deletes the stack. Asserts that the account is as before.
    async fn end(mut self) {
        self.karpenter.delete_config().await.unwrap();
        drop(self.karpenter);
        self.deployment.delete().await.unwrap();
        let after = World::read(&self.cloud, Some(&self.cluster)).await.unwrap();
        self.before.assert_same(&after, "after the stack was deleted");
    }
}

/// With the permissions of the Karpenter version that runs, no call of Karpenter is denied.
#[tokio::test]
#[ignore = "builds Karpenter: `make karpenter` runs it"]
async fn karpenter_with_its_version_launches_and_terminates_node() {
    let mut setting = Setting::start(&[("KarpenterVersion", "1.14.3"), ("Namespace", "kube-system")]).await;
    let launched = setting.karpenter.launch("one").await.unwrap();
    setting.assert_node(&launched).await;
    setting.karpenter.terminate("one").await.unwrap();
    setting.karpenter.wait_terminated("one").await.unwrap();
    let state = setting.state(&launched).await;
    assert!(matches!(state, InstanceStateName::ShuttingDown | InstanceStateName::Terminated), "{state}");
    assert_eq!(setting.denied(), BTreeSet::new());
    setting.end().await;
}

/// With the baseline permissions, Karpenter launches a node. The actions that it is denied, such as the termination of the
/// instance, are those in the attribute Warnings.
#[tokio::test]
#[ignore = "builds Karpenter: `make karpenter` runs it"]
async fn karpenter_with_baseline_launches_but_cannot_terminate() {
    let mut setting = Setting::start(&[]).await;
    let warnings = setting.deployment.stack().outputs().await.unwrap()["Warnings"].clone();
    let launched = setting.karpenter.launch("one").await.unwrap();
    setting.assert_node(&launched).await;
    setting.karpenter.terminate("one").await.unwrap();
    let is_denied = async || setting.denied().contains("ec2:TerminateInstances").then_some(());
    wait_until("Karpenter is denied to terminate the instance", Duration::from_mins(2), is_denied).await.unwrap();
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
