//! A Kubernetes API that is unreachable, does not know the function's role, or does not allow what the plan needs.

use std::{io::Read as _, net::TcpListener, time::Duration};

use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use local_cloud::{
    cluster::{account_trust, create_role, service_trust},
    execution_role,
    gateway::{ClusterRewrite, Effect, When},
    node::assume_role,
    pki::Pki,
    ports,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::json;

use super::{assert_create_fails, assert_create_succeeds, with};

/// The longest time that a failed check may take, because CloudFormation and the user wait for it.
const BOUND: Duration = Duration::from_secs(40);

/// The API server's port is closed, or it accepts connections and sends nothing, or its certificate has another authority, or
/// it does not respond to requests. Each case is reported within [`BOUND`], with a remedy.
#[tokio::test]
async fn unreachable_api_server_is_reported_in_time() {
    let mut scenario = Scenario::start().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    // Reads one byte, so that the connection works apart from the missing response. The thread ends with the process.
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = silent.accept() {
            let _ = stream.read(&mut [0; 1]);
            held.push(stream);
        }
    });
    let other = tempfile::tempdir().unwrap();
    let other = Pki::new(other.path()).unwrap();
    let at = |port: u16| Some(format!("https://127.0.0.1:{port}"));
    let normal = scenario.cluster.rewrite();
    let cases = [
        ClusterRewrite { endpoint: at(ports::free().unwrap()), ..normal.clone() },
        ClusterRewrite { endpoint: at(silent_port), ..normal.clone() },
        ClusterRewrite { ca_pem: Some(other.ca_pem()), ..normal.clone() },
        normal.clone(),
    ];
    for (index, rewrite) in cases.into_iter().enumerate() {
        let endpoint = rewrite.endpoint.clone().unwrap();
        scenario.cloud.gateway().set_cluster("demo", rewrite);
        if index == 3 {
            scenario.cloud.gateway().rules().add(When::service("kubernetes"), Effect::Hang);
        }
        let problem = format!("cannot reach the Kubernetes API at {endpoint}");
        let started = std::time::Instant::now();
        let words =
            [&*problem, "give the function subnets and security groups of the cluster's VPC", "NodeAccess to None"];
        assert_create_fails(&mut scenario, &with(json!({})), &words).await;
        assert!(started.elapsed() < BOUND, "{:?} for case {index}", started.elapsed());
    }
}

/// If the cluster does not know the function's role, the Reason says so and has the ways to give it access. With one of them, a
/// `KubernetesRoleArn` with access, the same Create succeeds.
#[tokio::test]
async fn function_unknown_to_cluster_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let stranger =
        create_role(&scenario.cloud.admin(), "stranger", &account_trust(scenario.cloud.account())).await.unwrap();
    execution_role::grant(&scenario.cloud, "stranger").await.unwrap();
    scenario.restart(&stranger, |_| {}).await.unwrap();
    let words = [
        "does not know the function's role (401 Unauthorized)",
        "Add an entry in mapRoles of kube-system/aws-auth for the function's role",
        "set KubernetesRoleArn to a role that has access, such as the role that created the cluster",
    ];
    assert_create_fails(&mut scenario, &with(json!({})), &words).await;
    let assuming = with(json!({"KubernetesRoleArn": stranger}));
    assert_create_fails(&mut scenario, &assuming, &[&format!("does not know {stranger} (401 Unauthorized)")]).await;

    let closed = create_role(&scenario.cloud.admin(), "closed", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let problem = format!("cannot assume KubernetesRoleArn {closed} for the Kubernetes API");
    let words = [
        &*problem,
        "Check that the trust policy of that role names the function's role",
        "sts:AssumeRole",
        "AccessDenied",
    ];
    assert_create_fails(&mut scenario, &with(json!({"KubernetesRoleArn": closed})), &words).await;

    let creator = scenario.cluster.creator_role_arn.clone();
    assert_create_succeeds(&mut scenario, &with(json!({"KubernetesRoleArn": creator})), "NodeAccess").await;
}

/// If the role has access to the API but lacks a permission that the plan needs, the Reason has the missing verb, and nothing
/// is changed. With exactly the verbs of the plan, the Create succeeds.
#[tokio::test]
async fn missing_rbac_verb_is_reported_before_any_write() {
    let mut scenario = Scenario::start().await.unwrap();
    let admin = scenario.cloud.admin();
    let deployer = create_role(&admin, "deployer", &account_trust(scenario.cloud.account())).await.unwrap();
    let entry = format!("- rolearn: {deployer}\n  username: deployer\n");
    scenario.cluster.control_plane().set_aws_auth(&format!("{AWS_AUTH}{entry}")).await.unwrap();
    let session = assume_role(&admin, &deployer, "suite").await.unwrap();
    scenario.cluster.wait_admitted(&session).await.unwrap();
    let properties = with(json!({"KubernetesRoleArn": deployer}));
    let problem = |verb: &str| format!("does not allow {deployer} to {verb} the ConfigMap kube-system/aws-auth");
    let remedy = "Give it a Kubernetes role that allows get, create, update and delete of this ConfigMap";

    assert_create_fails(&mut scenario, &properties, &[&problem("get"), remedy]).await;
    allow(&scenario, &["get"]).await;
    assert_create_fails(&mut scenario, &properties, &[&problem("update"), remedy]).await;
    allow(&scenario, &["get", "update"]).await;
    // Only the function sees no aws-auth. Without its real entry, the deployer would have no access.
    let get_aws_auth = When::call("kubernetes", "get").with("name", "aws-auth");
    let not_found = Effect::refuse(404, "NotFound", "configmaps \"aws-auth\" not found");
    let missing = scenario.cloud.gateway().rules().add(get_aws_auth, not_found);
    assert_create_fails(&mut scenario, &properties, &[&problem("create"), remedy]).await;
    assert!(0 < missing.hits());
    missing.remove();
    assert_create_succeeds(&mut scenario, &properties, "NodeAccess").await;
}

/// Allows the user `deployer` these verbs on the ConfigMap aws-auth, and no others.
async fn allow(scenario: &Scenario, verbs: &[&str]) {
    let client = scenario.cluster.control_plane().client();
    let metadata = ObjectMeta { name: Some("deployer".to_owned()), ..ObjectMeta::default() };
    let text = |text: &str| vec![text.to_owned()];
    let rule = PolicyRule {
        api_groups: Some(text("")),
        resources: Some(text("configmaps")),
        resource_names: Some(text("aws-auth")),
        verbs: verbs.iter().map(ToString::to_string).collect(),
        ..PolicyRule::default()
    };
    let rules = Role { metadata: metadata.clone(), rules: Some(vec![rule]) };
    let subject = Subject {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: "User".to_owned(),
        name: "deployer".to_owned(),
        ..Subject::default()
    };
    let granted = RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: "Role".to_owned(),
        name: "deployer".to_owned(),
    };
    let binding = RoleBinding { metadata, role_ref: granted, subjects: Some(vec![subject]) };
    let api: Api<Role> = Api::namespaced(client.clone(), "kube-system");
    let bindings: Api<RoleBinding> = Api::namespaced(client, "kube-system");
    if api.get_opt("deployer").await.unwrap().is_some() {
        api.replace("deployer", &PostParams::default(), &rules).await.unwrap();
    } else {
        api.create(&PostParams::default(), &rules).await.unwrap();
        bindings.create(&PostParams::default(), &binding).await.unwrap();
    }
}
