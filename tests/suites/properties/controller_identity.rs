//! How the controller comes by its role: by EKS Pod Identity, by IRSA, and by both on the way from one to the other.

use aws_sdk_eks::Client;
use local_cloud::{
    cluster::ClusterOptions,
    gateway::When,
    scenario::{CLUSTER, CrashPoint, Scenario},
};
use serde_json::{Value, json};

use super::{assert_order, created, deleted, started, updated, with, writes};

const ASSOCIATION: &str = "pod-identity/karpenter/karpenter";
const CONTROLLER: &str = "KarpenterControllerRole-demo";

async fn scenario() -> Scenario {
    started(ClusterOptions::default()).await
}

/// The principals that the controller role trusts.
async fn trusted(scenario: &Scenario) -> Vec<String> {
    let role = scenario.world().await.unwrap().json(&format!("role/{CONTROLLER}"));
    let principal = |statement: &Value| statement["Principal"].as_object().unwrap().keys().next().unwrap().clone();
    role["trust"]["Statement"].as_array().unwrap().iter().map(principal).collect()
}

/// With Pod Identity alone the cluster needs no OIDC provider: the association is made with its marks, and leads to the
/// controller role, which the service of Pod Identity may assume for this cluster's service account; Karpenter's chart needs
/// no annotation. All of it goes.
#[tokio::test]
async fn an_association_comes_and_goes_on_a_cluster_without_oidc_provider() {
    let mut scenario = started(ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() }).await;
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"ControllerIdentity": "PodIdentity", "Tags": {"team": "platform"}}));
    let (made, id) = created(&mut scenario, &properties).await;
    let world = scenario.world().await.unwrap();
    let association = world.json(ASSOCIATION);
    assert_eq!(association["role"], format!("arn:aws:iam::111122223333:role/{CONTROLLER}"));
    let tags = association["tags"].as_object().unwrap();
    assert!(tags["team"] == "platform" && tags.contains_key("karpenter-prereqs/owner"), "{tags:?}");

    let statements = world.json(&format!("role/{CONTROLLER}"))["trust"]["Statement"].clone();
    assert_eq!(statements.as_array().unwrap().len(), 1, "{statements}");
    assert_eq!(statements[0]["Principal"], json!({"Service": "pods.eks.amazonaws.com"}));
    assert_eq!(statements[0]["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
    let condition = statements[0]["Condition"].to_string();
    for bound in ["111122223333", "cluster/demo", "karpenter"] {
        assert!(condition.contains(bound), "{bound} is not in {condition}");
    }

    let data = &made.succeeded().data;
    assert_eq!(data["OidcProviderArn"], "");
    assert!(!data["HelmValues"].contains("eks.amazonaws.com/role-arn"), "{}", data["HelmValues"]);
    assert!(data["Warnings"].contains("--addon-name eks-pod-identity-agent"), "{}", data["Warnings"]);

    let eks = Client::new(&scenario.cloud.admin());
    eks.create_addon().cluster_name(CLUSTER).addon_name("eks-pod-identity-agent").send().await.unwrap();
    let again = updated(&mut scenario, &id, &properties, &properties).await;
    again.wrote_nothing();
    assert!(!again.succeeded().data["Warnings"].contains("agent"));
    let retagged = with(json!({"ControllerIdentity": "PodIdentity", "Tags": {"team": "nodes"}}));
    updated(&mut scenario, &id, &retagged, &properties).await;
    assert_eq!(scenario.world().await.unwrap().json(ASSOCIATION)["tags"]["team"], "nodes");
    deleted(&mut scenario, &id, &retagged).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// From IRSA to Pod Identity by way of both, and back: at no moment the controller is without its role, and each state can be
/// deleted.
#[tokio::test]
async fn a_controller_moves_from_irsa_to_pod_identity_and_back() {
    let mut scenario = scenario().await;
    let before = scenario.world().await.unwrap();
    let irsa = with(json!({}));
    let both = with(json!({"ControllerIdentity": ["IRSA", "PodIdentity"]}));
    let pods = with(json!({"ControllerIdentity": "PodIdentity"}));
    let (_, id) = created(&mut scenario, &irsa).await;
    let with_irsa = scenario.world().await.unwrap();
    assert_eq!(trusted(&scenario).await, ["Federated"]);

    let moved = updated(&mut scenario, &id, &both, &irsa).await;
    assert_order(&moved, "UpdateAssumeRolePolicy", "CreatePodIdentityAssociation");
    assert_eq!(trusted(&scenario).await, ["Federated", "Service"]);
    assert!(moved.succeeded().data["HelmValues"].contains("eks.amazonaws.com/role-arn"));
    updated(&mut scenario, &id, &pods, &both).await;
    assert_eq!(trusted(&scenario).await, ["Service"]);
    assert!(scenario.world().await.unwrap().get(ASSOCIATION).is_some());

    let back = updated(&mut scenario, &id, &irsa, &pods).await;
    assert_order(&back, "UpdateAssumeRolePolicy", "DeletePodIdentityAssociation");
    with_irsa.assert_same(&scenario.world().await.unwrap(), "after the way back");
    // Straight there, too: the role trusts both until the association stands.
    let straight = updated(&mut scenario, &id, &pods, &irsa).await;
    let steps: Vec<_> = writes(&straight).into_iter().filter(|write| !write.contains("Tag")).collect();
    let expected = ["UpdateAssumeRolePolicy iam", "CreatePodIdentityAssociation eks", "UpdateAssumeRolePolicy iam"];
    assert_eq!(steps, expected);
    updated(&mut scenario, &id, &irsa, &pods).await;
    for properties in [&both, &pods] {
        updated(&mut scenario, &id, properties, &irsa).await;
        deleted(&mut scenario, &id, properties).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after the Delete with {properties}"));
        created(&mut scenario, &irsa).await;
    }
}

/// Another service account: its association stands before the former's goes. An Update that was cut off between the two
/// leaves nothing to the Delete with the old properties.
#[tokio::test]
async fn a_service_account_follows_another() {
    let mut scenario = scenario().await;
    let before = scenario.world().await.unwrap();
    let old = with(json!({"ControllerIdentity": "PodIdentity"}));
    let new = with(json!({"ControllerIdentity": "PodIdentity", "Namespace": "kube-system"}));
    let (_, id) = created(&mut scenario, &old).await;
    let update = scenario.resource.update(&id, &new, &old);
    assert!(scenario.send_and_crash(&update, When::call("eks", "DeletePodIdentityAssociation"), CrashPoint::Before).await.unwrap());
    let both = scenario.world().await.unwrap();
    assert!(both.get(ASSOCIATION).is_some() && both.get("pod-identity/kube-system/karpenter").is_some());
    deleted(&mut scenario, &id, &old).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");

    let (_, id) = created(&mut scenario, &old).await;
    let moved = updated(&mut scenario, &id, &new, &old).await;
    assert_order(&moved, "CreatePodIdentityAssociation", "DeletePodIdentityAssociation");
    assert!(scenario.world().await.unwrap().get(ASSOCIATION).is_none());
    deleted(&mut scenario, &id, &new).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// The controller role asks for the session tags of Pod Identity: an association of ours, that somebody disabled them on, gets
/// them back; of somebody's own, which leads to the role already, Warnings tells what to do.
#[tokio::test]
async fn an_association_without_session_tags_is_mended_or_told() {
    let mut scenario = scenario().await;
    let eks = Client::new(&scenario.cloud.admin());
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"ControllerIdentity": "PodIdentity"}));
    let (_, id) = created(&mut scenario, &properties).await;
    let made = scenario.world().await.unwrap();
    let listed = eks.list_pod_identity_associations().cluster_name(CLUSTER).send().await.unwrap();
    let association = listed.associations()[0].association_id().unwrap();
    let disable = eks.update_pod_identity_association().cluster_name(CLUSTER).association_id(association);
    disable.disable_session_tags(true).send().await.unwrap();
    let mended = updated(&mut scenario, &id, &properties, &properties).await;
    assert_eq!(writes(&mended), ["UpdatePodIdentityAssociation eks"]);
    made.assert_same(&scenario.world().await.unwrap(), "after the Update that mends it");
    deleted(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");

    let (_, id) = created(&mut scenario, &with(json!({}))).await;
    let by_hand = eks.create_pod_identity_association().cluster_name(CLUSTER).namespace("karpenter");
    let by_hand = by_hand.service_account("karpenter").disable_session_tags(true);
    by_hand.role_arn(format!("arn:aws:iam::111122223333:role/{CONTROLLER}")).send().await.unwrap();
    let told = updated(&mut scenario, &id, &properties, &with(json!({}))).await;
    let warnings = &told.succeeded().data["Warnings"];
    assert!(warnings.contains("--no-disable-session-tags") && warnings.contains(CONTROLLER), "{warnings}");
    assert_eq!(scenario.world().await.unwrap().json(ASSOCIATION)["disableSessionTags"], true);
}
