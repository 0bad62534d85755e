//! `NodeAccess` on clusters with access entries: an entry that the function creates, an existing entry, and the change from
//! aws-auth to an entry.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    cluster::service_trust,
    gateway::{Effect, When},
    scenario::{CLUSTER, Delivered, Scenario},
    world::World,
};
use serde_json::json;

use super::{assert_order, create_resource, delete_resource, scenario, with};

const NODE_ROLE: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";
const ENTRY: &str = "access-entry/arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";

fn calls_kubernetes(delivered: &Delivered) -> bool {
    delivered.calls.iter().any(|call| call.service == "kubernetes")
}

/// On a cluster with access entries, the function creates one with the owner tag and its marker, and does not call the
/// Kubernetes API. A second run writes nothing. The Delete removes the entry.
#[tokio::test]
async fn access_entry_lifecycle_needs_no_kubernetes_api() {
    for mode in [AuthenticationMode::Api, AuthenticationMode::ApiAndConfigMap] {
        let mut scenario = scenario(mode).await;
        let before = scenario.world().await.unwrap();
        let properties = with(json!({"Tags": {"team": "platform"}}));
        let (created, id) = create_resource(&mut scenario, &properties).await;
        assert_eq!(created.succeeded().data["NodeAccess"], "AccessEntry");
        assert!(!calls_kubernetes(&created));
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
        let deleted = delete_resource(&mut scenario, &id, &changed).await;
        assert!(!calls_kubernetes(&deleted));
        scenario.cluster.wait_refused(&node.credentials).await.unwrap();
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    }
}

/// An equal entry that the resource did not create is used, and is kept after the Delete.
#[tokio::test]
async fn existing_equal_access_entry_is_reused_and_kept() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let role = iam.create_role().role_name("own-nodes").assume_role_policy_document("{}").send().await.unwrap();
    let arn = role.role.unwrap().arn;
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    eks.create_access_entry().cluster_name(CLUSTER).principal_arn(&arn).r#type("EC2_LINUX").send().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"NodeRoleArn": arn}));
    let (created, id) = create_resource(&mut scenario, &properties).await;
    assert_eq!(created.succeeded().data["NodeAccess"], "AccessEntry");
    let name = format!("access-entry/{arn}");
    assert_eq!(scenario.world().await.unwrap().get(&name), before.get(&name));
    delete_resource(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// An Update from aws-auth to an access entry, and an Update back. Each creates the new access before it removes the old one.
/// The resource can be deleted after the way back.
#[tokio::test]
async fn node_access_switch_creates_before_it_deletes() {
    let mut scenario = scenario(AuthenticationMode::ApiAndConfigMap).await;
    let before = scenario.world().await.unwrap();
    let (aws_auth, access_entry) = (with(json!({"NodeAccess": "AwsAuth"})), with(json!({})));
    let (_, id) = create_resource(&mut scenario, &aws_auth).await;
    let with_map = scenario.world().await.unwrap();
    assert!(with_map.get(ENTRY).is_none());

    let moved = scenario.send(&scenario.resource.update(&id, &access_entry, &aws_auth)).await.unwrap();
    assert_eq!(moved.succeeded().data["NodeAccess"], "AccessEntry");
    assert_order(&moved, "CreateAccessEntry", "ConfigMap");
    let with_entry = scenario.world().await.unwrap();
    assert_eq!(with_entry.get("aws-auth/mapRoles"), before.get("aws-auth/mapRoles"));
    assert!(with_entry.get(ENTRY).is_some());
    let again = scenario.send(&scenario.resource.update(&id, &access_entry, &aws_auth)).await.unwrap();
    again.wrote_nothing().succeeded();
    assert!(!calls_kubernetes(&again));

    let back = scenario.send(&scenario.resource.update(&id, &aws_auth, &access_entry)).await.unwrap();
    assert_order(&back, "ConfigMap", "DeleteAccessEntry");
    with_map.assert_same(&scenario.world().await.unwrap(), "after the way back");
    delete_resource(&mut scenario, &id, &aws_auth).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// The process of an Update to aws-auth is killed after it has added the aws-auth entry. A Delete with the old properties, which
/// do not use aws-auth, removes that entry.
#[tokio::test]
async fn aws_auth_entry_of_interrupted_update_is_deleted() {
    let mut scenario = scenario(AuthenticationMode::ApiAndConfigMap).await;
    let before = scenario.world().await.unwrap();
    let access_entry = with(json!({}));
    let (_, id) = create_resource(&mut scenario, &access_entry).await;
    let update = scenario.resource.update(&id, &with(json!({"NodeAccess": "AwsAuth"})), &access_entry);
    let at = When::call("eks", "DeleteAccessEntry");
    assert!(scenario.send_and_crash(&update, at, local_cloud::scenario::CrashPoint::Before).await.unwrap());
    assert_ne!(scenario.world().await.unwrap().get("aws-auth/mapRoles"), before.get("aws-auth/mapRoles"));
    delete_resource(&mut scenario, &id, &access_entry).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// EKS does not see a new role at once. The function retries `CreateAccessEntry`.
#[tokio::test]
async fn role_not_yet_visible_to_eks_is_waited_for() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let message = "The specified principalArn is invalid: invalid principal.";
    let rule = scenario.cloud.gateway().rules().add(
        When::call("eks", "CreateAccessEntry").first(3),
        Effect::refuse(400, "InvalidParameterException", message),
    );
    let (created, _) = create_resource(&mut scenario, &with(json!({}))).await;
    assert_eq!((created.succeeded().data["NodeAccess"].as_str(), rule.hits()), ("AccessEntry", 3));
}

/// An access entry is bound to the hidden id of its role. If the role is created again, the function creates the entry again.
#[tokio::test]
async fn access_entry_is_recreated_with_its_role() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let before = scenario.world().await.unwrap();
    let properties = with(json!({}));
    let (_, id) = create_resource(&mut scenario, &properties).await;
    delete_node_role(&scenario, &scenario.world().await.unwrap()).await;
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let trust = service_trust("ec2.amazonaws.com");
    let by_hand = iam.create_role().role_name("KarpenterNodeRole-demo").assume_role_policy_document(trust);
    by_hand.send().await.unwrap();
    let (role, profile) = ("KarpenterNodeRole-demo", "KarpenterNodeInstanceProfile-demo");
    iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    let denied = scenario.cluster.run_node(profile).await.unwrap();
    assert_eq!(
        scenario.cluster.identity(&denied.credentials).await.unwrap(),
        None,
        "the entry belongs to the previous role"
    );
    scenario.cluster.end_node(&denied).await.unwrap();
    delete_node_role(&scenario, &scenario.world().await.unwrap()).await;

    let created = scenario.send(&scenario.resource.update(&id, &properties, &properties)).await.unwrap();
    created.succeeded();
    assert_order(&created, "CreateRole", "DeleteAccessEntry");
    assert_order(&created, "DeleteAccessEntry", "CreateAccessEntry");
    let node = scenario.cluster.run_node(profile).await.unwrap();
    scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
    scenario.cluster.end_node(&node).await.unwrap();
    delete_resource(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// Deletes the node role by hand.
async fn delete_node_role(scenario: &Scenario, world: &World) {
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let role = "KarpenterNodeRole-demo";
    let profile = "KarpenterNodeInstanceProfile-demo";
    iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    for arn in world.json(&format!("role/{role}"))["attached"].as_array().unwrap() {
        iam.detach_role_policy().role_name(role).policy_arn(arn.as_str().unwrap()).send().await.unwrap();
    }
    iam.delete_role().role_name(role).send().await.unwrap();
}

/// An entry of another type gives nodes no access, and EKS cannot change its type. The Update fails before any change, and the
/// Reason has the command that deletes the entry.
#[tokio::test]
async fn access_entry_of_another_type_is_reported() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (_, id) = create_resource(&mut scenario, &with(json!({}))).await;
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    eks.delete_access_entry().cluster_name(CLUSTER).principal_arn(NODE_ROLE).send().await.unwrap();
    eks.create_access_entry().cluster_name(CLUSTER).principal_arn(NODE_ROLE).send().await.unwrap();
    let update = scenario.resource.update(&id, &with(json!({"Revision": "2"})), &with(json!({})));
    let rejected = scenario.send(&update).await.unwrap();
    let command = format!("`aws eks delete-access-entry --cluster-name demo --principal-arn {NODE_ROLE}`");
    assert!(rejected.failed().contains("has the type STANDARD") && rejected.failed().contains(&command));
    rejected.wrote_nothing();
}

/// On a cluster without access entries, `NodeAccess` `AccessEntry` fails before any change.
#[tokio::test]
async fn cluster_without_access_entries_is_reported() {
    let mut scenario = scenario(AuthenticationMode::ConfigMap).await;
    let create = scenario.resource.create(&with(json!({"NodeAccess": "AccessEntry"})));
    let rejected = scenario.send(&create).await.unwrap();
    assert!(rejected.failed().contains("authentication mode CONFIG_MAP"), "{}", rejected.failed());
    rejected.wrote_nothing();
}
