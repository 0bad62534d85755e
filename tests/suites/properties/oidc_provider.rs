//! `OidcProvider` `Create`: the IAM OIDC provider is created if it is missing, used if it exists, and kept if other roles trust
//! it.

use aws_sdk_iam::Client;
use local_cloud::{cluster::ClusterOptions, gateway::When, lambda::Resource, scenario::Scenario};
use serde_json::{Value, json};

use super::{create_resource, delete_resource, start_with, update_twice, with};
use crate::generations::send_during;

fn creating() -> Value {
    with(json!({"OidcProvider": "Create"}))
}

async fn without_provider() -> Scenario {
    start_with(ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() }).await
}

/// Returns the name of the provider in a [`local_cloud::world::World`].
fn provider(scenario: &Scenario) -> String {
    let issuer = scenario.cluster.issuer.split_once("://").unwrap().1;
    format!("oidc-provider/arn:aws:iam::111122223333:oidc-provider/{issuer}")
}

/// Returns a resource of another stack, with names of its own, on the same cluster.
fn another() -> (Resource, Value) {
    let properties = with(json!({
        "NodeRoleName": "two-nodes", "ControllerRoleName": "two-controller", "InstanceProfileName": "two-nodes",
    }));
    (Resource::new("111122223333", "us-east-1", "other", "Prereqs").service_timeout(600), properties)
}

/// The provider is created with the audience of STS and its marker. A service account token of the cluster can then assume the
/// controller role. The Delete removes the provider.
#[tokio::test]
async fn missing_provider_is_created_and_deleted() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (created, id) = create_resource(&mut scenario, &creating()).await;
    let found = scenario.world().await.unwrap().json(&provider(&scenario));
    assert_eq!(found["audiences"], json!(["sts.amazonaws.com"]));
    assert!(found["tags"].as_object().unwrap().values().any(|value| *value == json!(id)), "{found}");
    let role = created.succeeded().data["ControllerRoleArn"].clone();
    let token = scenario.cluster.control_plane().service_account_token("karpenter", "karpenter", "sts.amazonaws.com");
    let token = token.await.unwrap();
    scenario.cluster.assume_role_with_web_identity(&role, &token).await.unwrap();

    update_twice(&mut scenario, &id, &creating(), &creating()).await.wrote_nothing();
    delete_resource(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// An existing provider is used, but not owned.
#[tokio::test]
async fn existing_provider_is_used_and_kept() {
    let mut scenario = start_with(ClusterOptions::default()).await;
    let before = scenario.world().await.unwrap();
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    let name = provider(&scenario);
    assert_eq!(scenario.world().await.unwrap().get(&name), before.get(&name));
    delete_resource(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// Another role trusts the provider by the time of the Delete. The Delete keeps the provider, removes the function's tags, and
/// logs the name of the role.
#[tokio::test]
async fn provider_trusted_by_others_is_kept() {
    let mut scenario = without_provider().await;
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    let arn = provider(&scenario).strip_prefix("oidc-provider/").unwrap().to_owned();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": arn},
    }]});
    let iam = Client::new(&scenario.cloud.admin());
    iam.create_role().role_name("external-dns").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let deleted = delete_resource(&mut scenario, &id, &creating()).await;
    let left = scenario.world().await.unwrap().json(&provider(&scenario));
    assert_eq!(left["tags"], json!({}));
    assert!(
        deleted.invocation.log_text().contains("other roles trust it: `external-dns`"),
        "{}",
        deleted.invocation.log_text()
    );

    // The provider has no owner tag any more, so another resource uses it and does not delete it.
    let before = scenario.world().await.unwrap();
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    delete_resource(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the second Delete");
}

/// Two resources on one cluster use the provider, and one of them created it. The Delete of the first keeps it, whichever of the
/// two that is. The Delete of the second removes it.
#[tokio::test]
async fn shared_provider_is_deleted_with_last_resource() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (other, others) = another();
    for creator_first in [true, false] {
        let (_, id) = create_resource(&mut scenario, &creating()).await;
        let created = scenario.send(&other.create(&others)).await.unwrap();
        let other_id = created.succeeded().physical_resource_id.clone();
        let mut events = [scenario.resource.delete(&id, &creating()), other.delete(&other_id, &others)];
        if !creator_first {
            events.reverse();
        }
        scenario.send(&events[0]).await.unwrap().succeeded();
        assert!(scenario.world().await.unwrap().get(&provider(&scenario)).is_some());
        scenario.send(&events[1]).await.unwrap().succeeded();
        before.assert_same(&scenario.world().await.unwrap(), "after both Deletes");
    }
}

/// A resource is created while the last user of the provider is deleted, and after that Delete has read the provider. The
/// provider is kept for the new resource.
#[tokio::test]
async fn provider_is_kept_for_concurrent_new_resource() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    let (other, others) = another();
    let delete = scenario.resource.delete(&id, &creating());
    let new = send_during(&mut scenario, &delete, When::call("iam", "DeleteRole"), &other.create(&others)).await;
    let left = scenario.world().await.unwrap().json(&provider(&scenario));
    let tags = left["tags"].as_object().unwrap().values();
    let markers: Vec<_> = tags.filter(|value| value.as_str().unwrap().starts_with("karpenter-prereqs/v1/")).collect();
    assert_eq!(markers, [&json!(new.physical_resource_id)], "{left}");

    scenario.send(&other.delete(&new.physical_resource_id, &others)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after both Deletes");
}

/// The same if the marker of the resource that is deleted was removed by hand, so that the Delete has no marker to remove.
#[tokio::test]
async fn provider_without_marker_is_kept_for_new_resource() {
    let mut scenario = without_provider().await;
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    let created = scenario.world().await.unwrap().json(&provider(&scenario));
    let (marker, _) = created["tags"].as_object().unwrap().iter().find(|(_, value)| **value == json!(id)).unwrap();
    let arn = provider(&scenario).strip_prefix("oidc-provider/").unwrap().to_owned();
    let iam = Client::new(&scenario.cloud.admin());
    iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn).tag_keys(marker).send().await.unwrap();

    let (other, others) = another();
    let delete = scenario.resource.delete(&id, &creating());
    let before = scenario.cloud.gateway().journal().position();
    let new = send_during(&mut scenario, &delete, When::call("iam", "DeleteRole"), &other.create(&others)).await;
    let calls = scenario.cloud.gateway().journal().since(before);
    assert!(calls.iter().all(|call| call.operation != "UntagOpenIDConnectProvider"), "{calls:?}");
    let left = scenario.world().await.unwrap().json(&provider(&scenario));
    assert!(
        left["tags"].as_object().unwrap().values().any(|value| *value == json!(new.physical_resource_id)),
        "{left}"
    );
}

/// Both users of the provider are deleted at the same time, and each Delete first sees the marker of the other. The Delete that
/// reads the provider last removes it.
#[tokio::test]
async fn provider_with_concurrent_deletes_is_deleted() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    let (other, others) = another();
    let other_id = scenario.send(&other.create(&others)).await.unwrap().succeeded().physical_resource_id.clone();
    let delete = scenario.resource.delete(&id, &creating());
    let removes_marker = When::call("iam", "UntagOpenIDConnectProvider");
    send_during(&mut scenario, &delete, removes_marker, &other.delete(&other_id, &others)).await;
    before.assert_same(&scenario.world().await.unwrap(), "after both Deletes");
}

/// A resource that created the provider changes to Pod Identity. The Update deletes the provider, because no other resource uses
/// it. The Update back to IRSA creates it again.
#[tokio::test]
async fn provider_is_deleted_when_irsa_is_removed() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (_, id) = create_resource(&mut scenario, &creating()).await;
    let pods = with(json!({"ControllerIdentity": "PodIdentity"}));
    update_twice(&mut scenario, &id, &pods, &creating()).await;
    assert!(scenario.world().await.unwrap().get(&provider(&scenario)).is_none());
    update_twice(&mut scenario, &id, &creating(), &pods).await;
    assert!(scenario.world().await.unwrap().get(&provider(&scenario)).is_some());
    delete_resource(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
