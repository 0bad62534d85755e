//! A Kubernetes API that is out of reach, does not know the function, or does not let it do what the plan needs.

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

use super::{accepts, refuses, with};

/// The longest that a refusal may take: CloudFormation and a person wait for it.
const BOUND: Duration = Duration::from_secs(40);

/// An API server at a port that is closed, that takes connections and says nothing, that takes requests and says
/// nothing, or that another authority vouches for: each is told within a bound, with what to do about it.
#[tokio::test]
async fn an_api_server_out_of_reach_is_told_within_a_bound() {
    let mut scenario = Scenario::start().await.unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute_port = mute.local_addr().unwrap().port();
    // Reads what comes, so that nothing but the silence is felt, and ends with the test.
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = mute.accept() {
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
        ClusterRewrite { endpoint: at(mute_port), ..normal.clone() },
        ClusterRewrite { ca_pem: Some(other.ca_pem()), ..normal.clone() },
        normal.clone(),
    ];
    for (index, rewrite) in cases.into_iter().enumerate() {
        let endpoint = rewrite.endpoint.clone().unwrap();
        scenario.cloud.gateway().set_cluster("demo", rewrite);
        if index == 3 {
            scenario.cloud.gateway().rules().add(When::service("kubernetes"), Effect::Hang);
        }
        let told = format!("cannot reach the Kubernetes API at {endpoint}");
        let begun = std::time::Instant::now();
        let words =
            [&*told, "give the function subnets and security groups of the cluster's VPC", "NodeAccess to None"];
        refuses(&mut scenario, &with(json!({})), &words).await;
        assert!(begun.elapsed() < BOUND, "{:?} for case {index}", begun.elapsed());
    }
}

/// A function whose role the cluster does not know is told so, with the three ways in; with one of them, the
/// creator's role to assume, the same Create succeeds.
#[tokio::test]
async fn a_function_that_the_cluster_does_not_know_is_told_the_ways_in() {
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
    refuses(&mut scenario, &with(json!({})), &words).await;
    let assuming = with(json!({"KubernetesRoleArn": stranger}));
    refuses(&mut scenario, &assuming, &[&format!("does not know {stranger} (401 Unauthorized)")]).await;

    let closed = create_role(&scenario.cloud.admin(), "closed", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let told = format!("cannot assume KubernetesRoleArn {closed} for the Kubernetes API");
    let words = [
        &*told,
        "Check that the trust policy of that role names the function's role",
        "sts:AssumeRole",
        "AccessDenied",
    ];
    refuses(&mut scenario, &with(json!({"KubernetesRoleArn": closed})), &words).await;

    let creator = scenario.cluster.creator_role_arn.clone();
    accepts(&mut scenario, &with(json!({"KubernetesRoleArn": creator})), "NodeAccess").await;
}

/// Who is let in and may not do what the plan needs is told which verb is missing, before anything is made; with just
/// the verbs of the plan, the Create succeeds.
#[tokio::test]
async fn a_missing_verb_is_told_before_anything_is_made() {
    let mut scenario = Scenario::start().await.unwrap();
    let admin = scenario.cloud.admin();
    let deployer = create_role(&admin, "deployer", &account_trust(scenario.cloud.account())).await.unwrap();
    let entry = format!("- rolearn: {deployer}\n  username: deployer\n");
    scenario.cluster.control_plane().set_aws_auth(&format!("{AWS_AUTH}{entry}")).await.unwrap();
    let session = assume_role(&admin, &deployer, "suite").await.unwrap();
    scenario.cluster.wait_admitted(&session).await.unwrap();
    let properties = with(json!({"KubernetesRoleArn": deployer}));
    let told = |verb: &str| format!("does not allow {deployer} to {verb} the ConfigMap kube-system/aws-auth");
    let cure = "Give it a Kubernetes role that allows get, create, update and delete of this ConfigMap";

    refuses(&mut scenario, &properties, &[&told("get"), cure]).await;
    allow(&scenario, &["get"]).await;
    refuses(&mut scenario, &properties, &[&told("update"), cure]).await;
    allow(&scenario, &["get", "update"]).await;
    // No aws-auth, to the function alone: without it the deployer would be a stranger.
    let gone = When::call("kubernetes", "get").with("name", "aws-auth");
    let missing = Effect::refuse(404, "NotFound", "configmaps \"aws-auth\" not found");
    let missing = scenario.cloud.gateway().rules().add(gone, missing);
    refuses(&mut scenario, &properties, &[&told("create"), cure]).await;
    assert!(0 < missing.hits());
    missing.remove();
    accepts(&mut scenario, &properties, "NodeAccess").await;
}

/// What the user `deployer` may do to the ConfigMap.
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
