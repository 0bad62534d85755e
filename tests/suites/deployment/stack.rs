//! The stack that users deploy. The function runs in MiniStack's Lambda with the template's execution role.
//!
//! The tests check the result at the real API server, at STS and in the account.

use std::collections::{BTreeMap, BTreeSet};

use crate::security::execution_role;
use aws_sdk_ec2::types::Tag;
use aws_sdk_eks::types::AuthenticationMode;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{Api, api::PostParams};
use local_cloud::{
    Cloud, CloudOptions, Cluster, ClusterOptions, Deployment, Error, deployment::expected_outputs,
    execution_role::actions, gateway::Call, scenario::AWS_AUTH, world::World,
};
use serde_json::{Value, json};

const STACK: &str = "karpenter-demo";
const MORE_POLICY: &str = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy";

/// A cloud with a cluster, and the stack that prepares the cluster for Karpenter.
struct Setting {
    deployment: Deployment,
    cluster: Cluster,
    cloud: Cloud,
}

impl Setting {
    async fn start(options: ClusterOptions) -> Self {
        let cloud = Cloud::start(CloudOptions::default()).await.unwrap();
        let cluster = cloud.create_cluster("demo", options).await.unwrap();
        cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
        let deployment = Deployment::prepare(&cloud, &cluster, STACK).await.unwrap();
        Self { deployment, cluster, cloud }
    }

    async fn world(&self) -> World {
        World::read(&self.cloud, Some(&self.cluster)).await.unwrap()
    }

    /// Asserts that each call to AWS is one of the granted actions, and that none was denied.
    fn assert_granted(&self, granted: &BTreeSet<String>) {
        for call in self.cloud.gateway().journal().calls().iter().filter(|call| call.service != "kubernetes") {
            let action = format!("{}:{}", call.service, call.operation);
            assert!(granted.contains(&action), "the template does not grant {action}: {call}");
            assert_ne!(call.status, Some(403), "{call}");
            assert!(!call.error_code.as_deref().is_some_and(|code| code.contains("Denied")), "{call}");
        }
    }

    /// Updates the stack. Returns the writes of the function during the Update.
    async fn update(&self) -> Vec<Call> {
        let mark = self.cloud.gateway().journal().position();
        self.deployment.update().await.unwrap();
        self.cloud.gateway().journal().since(mark).into_iter().filter(Call::is_write).collect()
    }
}

/// With the stack, nodes join the cluster. The stack's outputs have the values for an EC2NodeClass and for Karpenter's chart.
/// After the stack is deleted, nodes have no access, and the account and the ConfigMap are as before, byte for byte.
#[tokio::test]
async fn nodes_join_until_stack_is_deleted() {
    let Setting { deployment, cluster, cloud } = Setting::start(ClusterOptions::default()).await;
    let before = World::read(&cloud, Some(&cluster)).await.unwrap();
    deployment.create().await.unwrap();
    assert_eq!(deployment.stack().status().await.unwrap().as_deref(), Some("CREATE_COMPLETE"));
    // During its Create, the resource exists in the stack.
    let asked = cloud.gateway().journal().of("cloudformation", "DescribeStackResource");
    assert!(!asked.is_empty() && asked.iter().all(|call| call.status == Some(200)), "{asked:?}");

    let outputs = deployment.stack().outputs().await.unwrap();
    for (output, value) in expected_outputs(&cloud, &cluster) {
        assert_eq!(outputs[output], value, "{output}");
    }
    let helm: Value = yaml_serde::from_str(&outputs["HelmValues"]).unwrap();
    assert_eq!(
        helm["serviceAccount"]["annotations"]["eks.amazonaws.com/role-arn"],
        outputs["ControllerRoleArn"].as_str()
    );
    assert!(outputs["Warnings"].contains("ec2:TerminateInstances"), "{}", outputs["Warnings"]);

    let node = cluster.run_node(&outputs["InstanceProfileName"]).await.unwrap();
    let identity = cluster.wait_admitted(&node.credentials).await.unwrap();
    assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name));
    assert!(node.private_dns_name.starts_with("ip-"), "{}", node.private_dns_name);
    assert_eq!(identity.groups, ["system:authenticated", "system:bootstrappers", "system:nodes"]);

    cluster.end_node(&node).await.unwrap();
    deployment.delete().await.unwrap();
    cluster.wait_refused(&node.credentials).await.unwrap();
    let after = World::read(&cloud, Some(&cluster)).await.unwrap();
    before.assert_same(&after, "after the stack's deletion");
    assert_eq!(after.get("aws-auth/mapRoles"), Some(AWS_AUTH));
}

/// With `GrantClusterAccess`, the template creates an access entry for the function's role, so that the user needs no
/// `KubernetesRoleArn`. The entry exists before the function runs, and is deleted after the function's Delete.
#[tokio::test]
async fn template_grants_function_cluster_access() {
    let authentication_mode = AuthenticationMode::ApiAndConfigMap;
    let Setting { mut deployment, cluster, cloud } =
        Setting::start(ClusterOptions { authentication_mode, ..ClusterOptions::default() }).await;
    let client = cluster.control_plane().client();
    let bindings: Api<RoleBinding> = Api::namespaced(client, "kube-system");
    // The bindings give the group of the access policy the part of AmazonEKSEditPolicy that concerns ConfigMaps.
    for part in ["system:aggregate-to-edit", "system:aggregate-to-view"] {
        let binding = json!({
            "metadata": {"name": part.replace(':', "-")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": part},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "AmazonEKSEditPolicy:kube-system"}],
        });
        bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    }
    let before = World::read(&cloud, Some(&cluster)).await.unwrap();
    for (parameter, value) in [("KubernetesRoleArn", ""), ("NodeAccess", "AwsAuth"), ("GrantClusterAccess", "Yes")] {
        deployment.set(parameter, value);
    }

    deployment.create().await.unwrap();
    let outputs = deployment.stack().outputs().await.unwrap();
    assert_eq!(outputs["NodeAccess"], "AwsAuth");
    let node = cluster.run_node(&outputs["InstanceProfileName"]).await.unwrap();
    cluster.wait_admitted(&node.credentials).await.unwrap();
    cluster.end_node(&node).await.unwrap();

    deployment.delete().await.unwrap();
    before.assert_same(&World::read(&cloud, Some(&cluster)).await.unwrap(), "after the stack's deletion");
}

/// The token of Karpenter's service account is enough to assume the controller role. The role is denied to another service
/// account, to one of the same name in another namespace, and to a token for another audience.
#[tokio::test]
async fn only_karpenter_service_account_assumes_controller_role() {
    let oidc_audiences = ["sts.amazonaws.com", "another.example.com"].map(str::to_owned).into();
    let setting = Setting::start(ClusterOptions { oidc_audiences, ..ClusterOptions::default() }).await;
    setting.deployment.create().await.unwrap();
    let outputs = setting.deployment.stack().outputs().await.unwrap();
    let session = async |namespace: &str, name: &str, audience: &str| {
        let token = setting.cluster.control_plane().service_account_token(namespace, name, audience).await.unwrap();
        setting.cluster.assume_role_with_web_identity(&outputs["ControllerRoleArn"], &token).await
    };

    let karpenter = session("karpenter", "karpenter", "sts.amazonaws.com").await.unwrap();
    let karpenter = setting.cloud.sdk_config(karpenter);
    let identity = aws_sdk_sts::Client::new(&karpenter).get_caller_identity().send().await.unwrap();
    let arn = "arn:aws:sts::111122223333:assumed-role/KarpenterControllerRole-demo/web-identity";
    assert_eq!(identity.arn(), Some(arn));
    // The role's policy grants the first call, but not the second.
    aws_sdk_eks::Client::new(&karpenter).describe_cluster().name("demo").send().await.unwrap();
    let roles = aws_sdk_iam::Client::new(&karpenter).list_roles().send().await;
    assert_eq!(Error::aws("ListRoles")(roles.unwrap_err()).code(), Some("AccessDenied"));

    for (namespace, name, audience) in [
        ("karpenter", "another", "sts.amazonaws.com"),
        ("kube-system", "karpenter", "sts.amazonaws.com"),
        ("karpenter", "karpenter", "another.example.com"),
    ] {
        let error = session(namespace, name, audience).await.unwrap_err();
        assert_eq!(error.code(), Some("AccessDenied"), "{namespace}/{name} for {audience}: {error:?}");
    }
}

/// An Update of the stack changes what the parameters ask for. A new Revision alone changes nothing. Another name for the
/// controller role replaces the resource, and CloudFormation deletes the old role. In all operations, the function only makes
/// calls that the template's execution role grants.
#[tokio::test]
async fn stack_updates_stay_within_template_permissions() {
    let mut setting = Setting::start(ClusterOptions::default()).await;
    let before = setting.world().await;
    setting.deployment.create().await.unwrap();
    let created = setting.world().await;
    let granted = granted(&setting.cloud).await;

    setting.deployment.set_tags(&BTreeMap::from([("team", "platform")])).unwrap();
    setting.deployment.set("NodePolicyArns", MORE_POLICY);
    assert!(!setting.update().await.is_empty());
    let updated = setting.world().await;
    let mut expected = created.json("role/KarpenterNodeRole-demo");
    expected["tags"]["team"] = "platform".into();
    let mut policies: Vec<_> = expected["attached"].as_array().unwrap().clone();
    policies.push(MORE_POLICY.into());
    policies.sort_by_key(ToString::to_string);
    expected["attached"] = policies.into();
    assert_eq!(updated.json("role/KarpenterNodeRole-demo"), expected);
    for name in ["role/KarpenterControllerRole-demo", "instance-profile/KarpenterNodeInstanceProfile-demo"] {
        assert_eq!(updated.json(name)["tags"]["team"], "platform", "{name}");
    }

    setting.deployment.set("Revision", "2");
    let mark = setting.cloud.gateway().journal().position();
    let writes = setting.update().await;
    assert!(writes.is_empty(), "{writes:?}");
    assert!(!setting.cloud.gateway().journal().since(mark).is_empty(), "the function did not run");
    updated.assert_same(&setting.world().await, "after a new Revision");

    setting.deployment.set("ControllerRoleName", "another-controller");
    setting.update().await;
    let replaced = setting.world().await;
    assert_eq!(replaced.get("role/KarpenterControllerRole-demo"), None);
    assert!(replaced.get("role/another-controller").is_some());
    assert_eq!(
        setting.deployment.stack().outputs().await.unwrap()["ControllerRoleArn"],
        "arn:aws:iam::111122223333:role/another-controller"
    );
    let node = setting.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
    setting.cluster.wait_admitted(&node.credentials).await.unwrap();

    setting.cluster.end_node(&node).await.unwrap();
    setting.deployment.delete().await.unwrap();
    before.assert_same(&setting.world().await, "after the stack's deletion");
    setting.assert_granted(&granted);
}

/// The same on a cluster with the authentication mode `API`. The access entry, the Pod Identity association and the OIDC
/// provider are created and deleted. Roles have a path and a permissions boundary. The Kubernetes API is not called. Every
/// setting is a parameter of the template.
#[tokio::test]
async fn access_entry_settings_stay_within_template_permissions() {
    let options = ClusterOptions {
        authentication_mode: AuthenticationMode::Api,
        oidc_audiences: Vec::new(),
        ..ClusterOptions::default()
    };
    let mut setting = Setting::start(options).await;
    let before = setting.world().await;
    let boundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    let queue = "arn:aws:sqs:us-east-1:111122223333:interruptions";
    for (name, value) in [
        ("KarpenterVersion", "1.14.1"),
        ("Namespace", "kube-system"),
        ("ControllerIdentity", "PodIdentity"),
        ("RolePath", "/platform/"),
        ("PermissionsBoundary", boundary),
        ("InterruptionQueueArn", queue),
    ] {
        setting.deployment.set(name, value);
    }
    setting.deployment.create().await.unwrap();
    let created = setting.world().await;
    let granted = granted(&setting.cloud).await;
    let outputs = setting.deployment.stack().outputs().await.unwrap();
    assert_eq!((outputs["NodeAccess"].as_str(), outputs["OidcProviderArn"].as_str()), ("AccessEntry", ""));
    assert!(created.get("pod-identity/kube-system/karpenter").is_some());
    let controller = created.json("role/KarpenterControllerRole-demo");
    assert_eq!((&controller["path"], &controller["boundary"]), (&"/platform/".into(), &boundary.into()));
    assert!(controller["inline"].to_string().contains(queue));
    let node = setting.cluster.run_node(&outputs["InstanceProfileName"]).await.unwrap();
    setting.cluster.wait_admitted(&node.credentials).await.unwrap();
    setting.cluster.end_node(&node).await.unwrap();

    for changes in [
        &[("ControllerIdentity", "IRSA,PodIdentity"), ("OidcProvider", "Create"), ("ServiceAccount", "controller")][..],
        &[("ControllerIdentity", "IRSA"), ("PermissionsBoundary", ""), ("RunningNodes", "Ignore")],
        &[("ControllerIdentity", "PodIdentity"), ("OidcProvider", "Require"), ("KarpenterVersion", "1.14.1,baseline")],
        &[("ControllerIdentity", "IRSA"), ("OidcProvider", "Create"), ("InstanceProfileName", "another-profile")],
    ] {
        for (name, value) in changes {
            setting.deployment.set(name, value);
        }
        assert!(!setting.update().await.is_empty(), "{changes:?}");
    }
    let providers = |world: &World| world.names().filter(|name| name.starts_with("oidc-provider/")).count();
    assert_eq!(providers(&setting.world().await), 1);
    setting.deployment.delete().await.unwrap();
    before.assert_same(&setting.world().await, "after the stack's deletion");
    setting.assert_granted(&granted);
    let calls = setting.cloud.gateway().journal().calls();
    assert!(calls.iter().all(|call| call.service != "kubernetes"), "the Kubernetes API was called");
}

/// A Create that fails its preflight checks changes nothing. The stack's events report the problem and the remedy, and the
/// rollback has nothing to delete.
#[tokio::test]
async fn failed_preflight_create_leaves_only_its_reason() {
    let setting = Setting::start(ClusterOptions::default()).await;
    let subnet = &setting.cluster.subnet_ids[1];
    let tag = Tag::builder().key("karpenter.sh/discovery").value("another-cluster").build();
    let ec2 = aws_sdk_ec2::Client::new(&setting.cloud.admin());
    ec2.create_tags().resources(subnet).tags(tag).send().await.unwrap();
    let before = setting.world().await;

    let error = setting.deployment.create().await.unwrap_err();
    let Error::Stack { status, reasons, .. } = &error else { panic!("{error:?}") };
    assert_eq!(status, "ROLLBACK_COMPLETE");
    let reason = reasons.iter().find(|reason| reason.starts_with("KarpenterPrereqs: ")).unwrap();
    for part in [subnet.as_str(), "another-cluster", "TagConflict"] {
        assert!(reason.contains(part), "{reason}");
    }
    let writes = setting.cloud.gateway().journal().writes();
    assert!(writes.is_empty(), "{writes:?}");
    before.assert_same(&setting.world().await, "after the rollback");
    setting.deployment.delete().await.unwrap();
    before.assert_same(&setting.world().await, "after the deletion");
}

/// Returns the actions that the execution role's policies in the account grant.
async fn granted(cloud: &Cloud) -> BTreeSet<String> {
    execution_role::deployed(&cloud.admin()).await.iter().flat_map(actions).collect()
}
