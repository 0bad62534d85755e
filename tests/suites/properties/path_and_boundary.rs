//! `RolePath` and `PermissionsBoundary`: the path is on both roles and the instance profile, and the boundary on both roles. The
//! entry of aws-auth has no path.

use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::Client;
use local_cloud::scenario::Scenario;
use serde_json::{Value, json};

use super::{create_resource, delete_resource, scenario, update_twice, with};

/// Creates a managed policy. Returns its ARN.
async fn create_policy(scenario: &Scenario, name: &str) -> String {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let iam = Client::new(&scenario.cloud.admin());
    let created = iam.create_policy().policy_name(name).policy_document(document.to_string()).send().await.unwrap();
    created.policy.unwrap().arn.unwrap()
}

/// Roles and instance profile have the path, and both roles have the boundary. Nodes join by aws-auth and by an access entry.
/// The Delete removes everything.
#[tokio::test]
async fn roles_and_profile_under_path_let_nodes_join() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::Api] {
        let mut scenario = scenario(mode.clone()).await;
        let boundary = create_policy(&scenario, "limits").await;
        let before = scenario.world().await.unwrap();
        let properties = with(json!({"RolePath": "/platform/karpenter/", "PermissionsBoundary": boundary}));
        let (created, id) = create_resource(&mut scenario, &properties).await;
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
        assert_eq!(created.succeeded().data["NodeRoleArn"], arn);
        if mode == AuthenticationMode::Api {
            assert!(world.get(&format!("access-entry/{arn}")).is_some());
        } else {
            assert!(!world.get("aws-auth/mapRoles").unwrap().contains("role/platform"));
        }
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        let identity = scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name));
        scenario.cluster.end_node(&node).await.unwrap();
        delete_resource(&mut scenario, &id, &properties).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    }
}

/// A boundary is changed and removed in place. A boundary that was set by hand later is kept. A boundary that does not exist
/// is reported before any change.
#[tokio::test]
async fn boundary_changes_in_place() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (one, other) = (create_policy(&scenario, "one").await, create_policy(&scenario, "other").await);
    let bounded = |arn: &str| with(json!({"PermissionsBoundary": arn}));
    let (first, second, none) = (bounded(&one), bounded(&other), with(json!({})));
    let (_, id) = create_resource(&mut scenario, &first).await;
    update_twice(&mut scenario, &id, &second, &first).await;
    assert_eq!(boundary(&scenario).await, other);
    update_twice(&mut scenario, &id, &none, &second).await;
    assert_eq!(boundary(&scenario).await, Value::Null);

    let iam = Client::new(&scenario.cloud.admin());
    let put = iam.put_role_permissions_boundary().role_name("KarpenterNodeRole-demo").permissions_boundary(&one);
    put.send().await.unwrap();
    update_twice(&mut scenario, &id, &none, &none).await.wrote_nothing();
    let missing = bounded("arn:aws:iam::111122223333:policy/missing");
    let rejected = scenario.send(&scenario.resource.update(&id, &missing, &none)).await.unwrap();
    assert!(rejected.failed().contains("policy/missing of PermissionsBoundary"), "{}", rejected.failed());
    rejected.wrote_nothing();
}

async fn boundary(scenario: &Scenario) -> Value {
    scenario.world().await.unwrap().json("role/KarpenterNodeRole-demo")["boundary"].clone()
}

/// Another path means another generation, but IAM cannot move a role. The Update fails before any change, and the Reason has the
/// names to change.
#[tokio::test]
async fn path_change_under_same_names_is_rejected() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let old = with(json!({}));
    let (_, id) = create_resource(&mut scenario, &old).await;
    let moved = with(json!({"RolePath": "/platform/"}));
    let rejected = scenario.send(&scenario.resource.update(&id, &moved, &old)).await.unwrap();
    for word in ["`/platform/`", "NodeRoleName", "ControllerRoleName", "InstanceProfileName"] {
        assert!(rejected.failed().contains(word), "`{word}` is not in: {}", rejected.failed());
    }
    rejected.wrote_nothing();
}
