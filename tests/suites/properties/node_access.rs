//! How nodes join where the cluster has access entries: by one of ours, or one that is there; and the way from aws-auth.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    cluster::service_trust,
    gateway::{Effect, When},
    scenario::{CLUSTER, Delivered, Scenario},
    world::World,
};
use serde_json::json;

use super::{assert_order, created, deleted, scenario, with};

const NODE_ROLE: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";
const ENTRY: &str = "access-entry/arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";

fn asks_kubernetes(delivered: &Delivered) -> bool {
    delivered.calls.iter().any(|call| call.service == "kubernetes")
}

/// Where there are access entries, one is made with its marks; no call goes to the Kubernetes API; a second run writes
/// nothing; and with the resource the entry goes.
#[tokio::test]
async fn an_access_entry_comes_and_goes_without_the_kubernetes_api() {
    for mode in [AuthenticationMode::Api, AuthenticationMode::ApiAndConfigMap] {
        let mut scenario = scenario(mode).await;
        let before = scenario.world().await.unwrap();
        let properties = with(json!({"Tags": {"team": "platform"}}));
        let (made, id) = created(&mut scenario, &properties).await;
        assert_eq!(made.succeeded().data["NodeAccess"], "AccessEntry");
        assert!(!asks_kubernetes(&made));
        let entry = scenario.world().await.unwrap().json(ENTRY);
        assert_eq!(entry["type"], "EC2_LINUX");
        let tags = entry["tags"].as_object().unwrap();
        assert_eq!(tags["team"], "platform");
        assert!(
            tags.contains_key("karpenter-prereqs/owner") && tags.values().any(|value| *value == json!(id)),
            "{tags:?}"
        );

        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        let identity = scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name));
        scenario.cluster.end_node(&node).await.unwrap();

        let again = scenario.send(&scenario.resource.update(&id, &properties, &properties)).await.unwrap();
        again.wrote_nothing().succeeded();
        let changed = with(json!({"Tags": {"team": "nodes"}}));
        scenario.send(&scenario.resource.update(&id, &changed, &properties)).await.unwrap().succeeded();
        assert_eq!(scenario.world().await.unwrap().json(ENTRY)["tags"]["team"], "nodes");
        let gone = deleted(&mut scenario, &id, &changed).await;
        assert!(!asks_kubernetes(&gone));
        scenario.cluster.wait_refused(&node.credentials).await.unwrap();
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    }
}

/// An equal entry that somebody made is used, and is there when the resource has gone.
#[tokio::test]
async fn an_equal_entry_is_used_and_left() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let role = iam.create_role().role_name("own-nodes").assume_role_policy_document("{}").send().await.unwrap();
    let arn = role.role.unwrap().arn;
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    eks.create_access_entry().cluster_name(CLUSTER).principal_arn(&arn).r#type("EC2_LINUX").send().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"NodeRoleArn": arn}));
    let (made, id) = created(&mut scenario, &properties).await;
    assert_eq!(made.succeeded().data["NodeAccess"], "AccessEntry");
    let name = format!("access-entry/{arn}");
    assert_eq!(scenario.world().await.unwrap().get(&name), before.get(&name));
    deleted(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// In one Update from aws-auth to an access entry, and back: the new way in stands before the old one goes. And each
/// state can be deleted.
#[tokio::test]
async fn one_way_in_follows_the_other() {
    let mut scenario = scenario(AuthenticationMode::ApiAndConfigMap).await;
    let before = scenario.world().await.unwrap();
    let (mapped, entered) = (with(json!({"NodeAccess": "AwsAuth"})), with(json!({})));
    let (_, id) = created(&mut scenario, &mapped).await;
    let with_map = scenario.world().await.unwrap();
    assert!(with_map.get(ENTRY).is_none());

    let moved = scenario.send(&scenario.resource.update(&id, &entered, &mapped)).await.unwrap();
    assert_eq!(moved.succeeded().data["NodeAccess"], "AccessEntry");
    assert_order(&moved, "CreateAccessEntry", "ConfigMap");
    let with_entry = scenario.world().await.unwrap();
    assert_eq!(with_entry.get("aws-auth/mapRoles"), before.get("aws-auth/mapRoles"));
    assert!(with_entry.get(ENTRY).is_some());
    let again = scenario.send(&scenario.resource.update(&id, &entered, &mapped)).await.unwrap();
    again.wrote_nothing().succeeded();
    assert!(!asks_kubernetes(&again));

    let back = scenario.send(&scenario.resource.update(&id, &mapped, &entered)).await.unwrap();
    assert_order(&back, "ConfigMap", "DeleteAccessEntry");
    with_map.assert_same(&scenario.world().await.unwrap(), "after the way back");
    deleted(&mut scenario, &id, &mapped).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// The entry of an Update to aws-auth that was cut off goes with the Delete, though the properties have no use for it.
#[tokio::test]
async fn what_an_update_left_in_aws_auth_goes_with_the_delete() {
    let mut scenario = scenario(AuthenticationMode::ApiAndConfigMap).await;
    let before = scenario.world().await.unwrap();
    let entered = with(json!({}));
    let (_, id) = created(&mut scenario, &entered).await;
    let update = scenario.resource.update(&id, &with(json!({"NodeAccess": "AwsAuth"})), &entered);
    let at = When::call("eks", "DeleteAccessEntry");
    assert!(scenario.send_and_crash(&update, at, local_cloud::scenario::CrashPoint::Before).await.unwrap());
    assert_ne!(scenario.world().await.unwrap().get("aws-auth/mapRoles"), before.get("aws-auth/mapRoles"));
    deleted(&mut scenario, &id, &entered).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// EKS may not see a role yet that was just made; that heals.
#[tokio::test]
async fn a_role_that_eks_does_not_see_yet_is_waited_for() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let message = "The specified principalArn is invalid: invalid principal.";
    let rule = scenario.cloud.gateway().rules().add(
        When::call("eks", "CreateAccessEntry").first(3),
        Effect::refuse(400, "InvalidParameterException", message),
    );
    let (made, _) = created(&mut scenario, &with(json!({}))).await;
    assert_eq!((made.succeeded().data["NodeAccess"].as_str(), rule.hits()), ("AccessEntry", 3));
}

/// An entry lets in the role that stood when it was made: when the role is made again, so is the entry.
#[tokio::test]
async fn an_entry_is_made_anew_with_its_role() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let before = scenario.world().await.unwrap();
    let properties = with(json!({}));
    let (_, id) = created(&mut scenario, &properties).await;
    without_node_role(&scenario, &scenario.world().await.unwrap()).await;
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let trust = service_trust("ec2.amazonaws.com");
    let by_hand = iam.create_role().role_name("KarpenterNodeRole-demo").assume_role_policy_document(trust);
    by_hand.send().await.unwrap();
    let (role, profile) = ("KarpenterNodeRole-demo", "KarpenterNodeInstanceProfile-demo");
    iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    let shut_out = scenario.cluster.run_node(profile).await.unwrap();
    assert_eq!(
        scenario.cluster.identity(&shut_out.credentials).await.unwrap(),
        None,
        "the entry is of the former role"
    );
    scenario.cluster.end_node(&shut_out).await.unwrap();
    without_node_role(&scenario, &scenario.world().await.unwrap()).await;

    let made = scenario.send(&scenario.resource.update(&id, &properties, &properties)).await.unwrap();
    made.succeeded();
    assert_order(&made, "CreateRole", "DeleteAccessEntry");
    assert_order(&made, "DeleteAccessEntry", "CreateAccessEntry");
    let node = scenario.cluster.run_node(profile).await.unwrap();
    scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
    scenario.cluster.end_node(&node).await.unwrap();
    deleted(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// Somebody deletes the node role.
async fn without_node_role(scenario: &Scenario, world: &World) {
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let role = "KarpenterNodeRole-demo";
    let profile = "KarpenterNodeInstanceProfile-demo";
    iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    for arn in world.json(&format!("role/{role}"))["attached"].as_array().unwrap() {
        iam.detach_role_policy().role_name(role).policy_arn(arn.as_str().unwrap()).send().await.unwrap();
    }
    iam.delete_role().role_name(role).send().await.unwrap();
}

/// An entry of another type keeps nodes out, and cannot be changed: that is told with the command that helps.
#[tokio::test]
async fn an_entry_of_another_type_is_told() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (_, id) = created(&mut scenario, &with(json!({}))).await;
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    eks.delete_access_entry().cluster_name(CLUSTER).principal_arn(NODE_ROLE).send().await.unwrap();
    eks.create_access_entry().cluster_name(CLUSTER).principal_arn(NODE_ROLE).send().await.unwrap();
    let update = scenario.resource.update(&id, &with(json!({"Revision": "2"})), &with(json!({})));
    let refused = scenario.send(&update).await.unwrap();
    let command = format!("`aws eks delete-access-entry --cluster-name demo --principal-arn {NODE_ROLE}`");
    assert!(refused.failed().contains("access entry of type STANDARD") && refused.failed().contains(&command));
    refused.wrote_nothing();
}

/// Where the cluster has none, that is told.
#[tokio::test]
async fn a_cluster_without_access_entries_is_told() {
    let mut scenario = scenario(AuthenticationMode::ConfigMap).await;
    let create = scenario.resource.create(&with(json!({"NodeAccess": "AccessEntry"})));
    let refused = scenario.send(&create).await.unwrap();
    assert!(refused.failed().contains("authenticationMode CONFIG_MAP"), "{}", refused.failed());
    refused.wrote_nothing();
}
