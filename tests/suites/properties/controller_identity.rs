//! `ControllerIdentity`: how Karpenter's controller gets its role. EKS Pod Identity, IRSA, or both during a migration.

use aws_sdk_eks::Client;
use local_cloud::{
    cluster::ClusterOptions,
    gateway::When,
    scenario::{CLUSTER, CrashPoint, Scenario},
};
use serde_json::{Value, json};

use super::{assert_order, create_resource, delete_resource, start_with, update_twice, with, writes};

const ASSOCIATION: &str = "pod-identity/karpenter/karpenter";
const CONTROLLER: &str = "KarpenterControllerRole-demo";

async fn scenario() -> Scenario {
    start_with(ClusterOptions::default()).await
}

/// Returns the types of the principals that the controller role trusts.
async fn trusted(scenario: &Scenario) -> Vec<String> {
    let role = scenario.world().await.unwrap().json(&format!("role/{CONTROLLER}"));
    let principal = |statement: &Value| statement["Principal"].as_object().unwrap().keys().next().unwrap().clone();
    role["trust"]["Statement"].as_array().unwrap().iter().map(principal).collect()
}

/// With Pod Identity alone, the cluster needs no OIDC provider. The association has the owner tag and the resource's tags. The
/// controller role trusts the Pod Identity service, for the service account of this cluster only. Karpenter's chart needs no
/// annotation. The Delete removes everything.
#[tokio::test]
async fn pod_identity_without_oidc_provider_is_created_and_deleted() {
    let mut scenario = start_with(ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() }).await;
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"ControllerIdentity": "PodIdentity", "Tags": {"team": "platform"}}));
    let (created, id) = create_resource(&mut scenario, &properties).await;
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

    let data = &created.succeeded().data;
    assert_eq!(data["OidcProviderArn"], "");
    assert!(!data["HelmValues"].contains("eks.amazonaws.com/role-arn"), "{}", data["HelmValues"]);
    assert!(data["Warnings"].contains("--addon-name eks-pod-identity-agent"), "{}", data["Warnings"]);

    let eks = Client::new(&scenario.cloud.admin());
    eks.create_addon().cluster_name(CLUSTER).addon_name("eks-pod-identity-agent").send().await.unwrap();
    let again = update_twice(&mut scenario, &id, &properties, &properties).await;
    again.wrote_nothing();
    assert!(!again.succeeded().data["Warnings"].contains("agent"));
    let retagged = with(json!({"ControllerIdentity": "PodIdentity", "Tags": {"team": "nodes"}}));
    update_twice(&mut scenario, &id, &retagged, &properties).await;
    assert_eq!(scenario.world().await.unwrap().json(ASSOCIATION)["tags"]["team"], "nodes");
    delete_resource(&mut scenario, &id, &retagged).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A migration from IRSA to Pod Identity, with both in between, and back. The controller has its role at every moment, and each
/// state can be deleted.
#[tokio::test]
async fn controller_keeps_access_between_irsa_and_pod_identity() {
    let mut scenario = scenario().await;
    let before = scenario.world().await.unwrap();
    let irsa = with(json!({}));
    let both = with(json!({"ControllerIdentity": ["IRSA", "PodIdentity"]}));
    let pods = with(json!({"ControllerIdentity": "PodIdentity"}));
    let (_, id) = create_resource(&mut scenario, &irsa).await;
    let with_irsa = scenario.world().await.unwrap();
    assert_eq!(trusted(&scenario).await, ["Federated"]);

    let moved = update_twice(&mut scenario, &id, &both, &irsa).await;
    assert_order(&moved, "UpdateAssumeRolePolicy", "CreatePodIdentityAssociation");
    assert_eq!(trusted(&scenario).await, ["Federated", "Service"]);
    assert!(moved.succeeded().data["HelmValues"].contains("eks.amazonaws.com/role-arn"));
    update_twice(&mut scenario, &id, &pods, &both).await;
    assert_eq!(trusted(&scenario).await, ["Service"]);
    assert!(scenario.world().await.unwrap().get(ASSOCIATION).is_some());

    let back = update_twice(&mut scenario, &id, &irsa, &pods).await;
    assert_order(&back, "UpdateAssumeRolePolicy", "DeletePodIdentityAssociation");
    with_irsa.assert_same(&scenario.world().await.unwrap(), "after the way back");
    // Without the step in between, the role trusts both until the association exists.
    let straight = update_twice(&mut scenario, &id, &pods, &irsa).await;
    let steps: Vec<_> = writes(&straight).into_iter().filter(|write| !write.contains("Tag")).collect();
    let expected = ["UpdateAssumeRolePolicy iam", "CreatePodIdentityAssociation eks", "UpdateAssumeRolePolicy iam"];
    assert_eq!(steps, expected);
    update_twice(&mut scenario, &id, &irsa, &pods).await;
    for properties in [&both, &pods] {
        update_twice(&mut scenario, &id, properties, &irsa).await;
        delete_resource(&mut scenario, &id, properties).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after the Delete with {properties}"));
        create_resource(&mut scenario, &irsa).await;
    }
}

/// A change of the service account creates the new association before it deletes the old one. If the process of the Update is
/// killed between the two, a Delete with the old properties removes both.
#[tokio::test]
async fn service_account_change_creates_before_it_deletes() {
    let mut scenario = scenario().await;
    let before = scenario.world().await.unwrap();
    let old = with(json!({"ControllerIdentity": "PodIdentity"}));
    let new = with(json!({"ControllerIdentity": "PodIdentity", "Namespace": "kube-system"}));
    let (_, id) = create_resource(&mut scenario, &old).await;
    let update = scenario.resource.update(&id, &new, &old);
    assert!(
        scenario
            .send_and_crash(&update, When::call("eks", "DeletePodIdentityAssociation"), CrashPoint::Before)
            .await
            .unwrap()
    );
    let both = scenario.world().await.unwrap();
    assert!(both.get(ASSOCIATION).is_some() && both.get("pod-identity/kube-system/karpenter").is_some());
    delete_resource(&mut scenario, &id, &old).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");

    let (_, id) = create_resource(&mut scenario, &old).await;
    let moved = update_twice(&mut scenario, &id, &new, &old).await;
    assert_order(&moved, "CreatePodIdentityAssociation", "DeletePodIdentityAssociation");
    assert!(scenario.world().await.unwrap().get(ASSOCIATION).is_none());
    delete_resource(&mut scenario, &id, &new).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// The controller role needs the session tags of Pod Identity. If they are disabled on an association that the function
/// created, an Update enables them again. On a foreign association for the role, Warnings has the remedy.
#[tokio::test]
async fn association_without_session_tags_is_fixed_or_reported() {
    let mut scenario = scenario().await;
    let eks = Client::new(&scenario.cloud.admin());
    let before = scenario.world().await.unwrap();
    let properties = with(json!({"ControllerIdentity": "PodIdentity"}));
    let (_, id) = create_resource(&mut scenario, &properties).await;
    let created = scenario.world().await.unwrap();
    let listed = eks.list_pod_identity_associations().cluster_name(CLUSTER).send().await.unwrap();
    let association = listed.associations()[0].association_id().unwrap();
    let disable = eks.update_pod_identity_association().cluster_name(CLUSTER).association_id(association);
    disable.disable_session_tags(true).send().await.unwrap();
    let fixed = update_twice(&mut scenario, &id, &properties, &properties).await;
    assert_eq!(writes(&fixed), ["UpdatePodIdentityAssociation eks"]);
    created.assert_same(&scenario.world().await.unwrap(), "after the Update that enables them");
    delete_resource(&mut scenario, &id, &properties).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");

    let (_, id) = create_resource(&mut scenario, &with(json!({}))).await;
    let by_hand = eks.create_pod_identity_association().cluster_name(CLUSTER).namespace("karpenter");
    let by_hand = by_hand.service_account("karpenter").disable_session_tags(true);
    by_hand.role_arn(format!("arn:aws:iam::111122223333:role/{CONTROLLER}")).send().await.unwrap();
    let warned = update_twice(&mut scenario, &id, &properties, &with(json!({}))).await;
    let warnings = &warned.succeeded().data["Warnings"];
    assert!(warnings.contains("--no-disable-session-tags") && warnings.contains(CONTROLLER), "{warnings}");
    assert_eq!(scenario.world().await.unwrap().json(ASSOCIATION)["disableSessionTags"], true);
}
