//! RolePath and PermissionsBoundary: on both roles and the profile, and aws-auth without the path.

use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::Client;
use local_cloud::scenario::Scenario;
use serde_json::{Value, json};

use super::{created, deleted, scenario, updated, with};

async fn make_policy(scenario: &Scenario, name: &str) -> String {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let iam = Client::new(&scenario.cloud.admin());
    let made = iam.create_policy().policy_name(name).policy_document(document.to_string()).send().await.unwrap();
    made.policy.unwrap().arn.unwrap()
}

/// The path is that of the three, the boundary that of both roles; nodes join, in either way; and all of it goes.
#[tokio::test]
async fn roles_and_profile_stand_under_the_path_and_nodes_join() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::Api] {
        let mut scenario = scenario(mode.clone()).await;
        let boundary = make_policy(&scenario, "limits").await;
        let before = scenario.world().await.unwrap();
        let properties = with(json!({"RolePath": "/platform/karpenter/", "PermissionsBoundary": boundary}));
        let (made, id) = created(&mut scenario, &properties).await;
        let world = scenario.world().await.unwrap();
        for name in ["role/KarpenterNodeRole-demo", "role/KarpenterControllerRole-demo"] {
            let role = world.json(name);
            assert_eq!(
                (&role["path"], &role["boundary"]),
                (&json!("/platform/karpenter/"), &json!(boundary)),
                "{name}"
            );
        }
        assert_eq!(world.json("instance-profile/KarpenterNodeInstanceProfile-demo")["path"], "/platform/karpenter/");
        let arn = "arn:aws:iam::111122223333:role/platform/karpenter/KarpenterNodeRole-demo";
        assert_eq!(made.succeeded().data["NodeRoleArn"], arn);
        if mode == AuthenticationMode::Api {
            assert!(world.get(&format!("access-entry/{arn}")).is_some());
        } else {
            assert!(!world.get("aws-auth/mapRoles").unwrap().contains("role/platform"));
        }
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        let identity = scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name));
        scenario.cluster.end_node(&node).await.unwrap();
        deleted(&mut scenario, &id, &properties).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    }
}

/// A boundary changes in place, and goes; one that somebody else has set since stays. One that does not exist is told before
/// any change.
#[tokio::test]
async fn a_boundary_changes_in_place() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (one, other) = (make_policy(&scenario, "one").await, make_policy(&scenario, "other").await);
    let bounded = |arn: &str| with(json!({"PermissionsBoundary": arn}));
    let (first, second, none) = (bounded(&one), bounded(&other), with(json!({})));
    let (_, id) = created(&mut scenario, &first).await;
    updated(&mut scenario, &id, &second, &first).await;
    assert_eq!(boundary(&scenario).await, other);
    updated(&mut scenario, &id, &none, &second).await;
    assert_eq!(boundary(&scenario).await, Value::Null);

    let iam = Client::new(&scenario.cloud.admin());
    let put = iam.put_role_permissions_boundary().role_name("KarpenterNodeRole-demo").permissions_boundary(&one);
    put.send().await.unwrap();
    updated(&mut scenario, &id, &none, &none).await.wrote_nothing();
    let missing = bounded("arn:aws:iam::111122223333:policy/missing");
    let refused = scenario.send(&scenario.resource.update(&id, &missing, &none)).await.unwrap();
    assert!(refused.failed().contains("policy/missing (PermissionsBoundary)"), "{}", refused.failed());
    refused.wrote_nothing();
}

async fn boundary(scenario: &Scenario) -> Value {
    scenario.world().await.unwrap().json("role/KarpenterNodeRole-demo")["boundary"].clone()
}

/// Another path is another generation, and IAM cannot move a role: the Update is refused, with the names to change.
#[tokio::test]
async fn another_path_under_the_same_names_is_refused() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let old = with(json!({}));
    let (_, id) = created(&mut scenario, &old).await;
    let moved = with(json!({"RolePath": "/platform/"}));
    let refused = scenario.send(&scenario.resource.update(&id, &moved, &old)).await.unwrap();
    for word in ["`/platform/`", "NodeRoleName", "ControllerRoleName", "InstanceProfileName"] {
        assert!(refused.failed().contains(word), "`{word}` is not in: {}", refused.failed());
    }
    refused.wrote_nothing();
}
