//! OidcProvider Create: made when it is missing, used when it is there, and left to those who came to trust it.

use std::time::Duration;

use aws_sdk_iam::Client;
use local_cloud::{
    cluster::ClusterOptions,
    gateway::{Effect, Hold, When},
    lambda::{CfnResponse, Event, Function, Resource},
    scenario::Scenario,
};
use serde_json::{Value, json};

use super::{created, deleted, started, updated, with};

fn creating() -> Value {
    with(json!({"OidcProvider": "Create"}))
}

async fn without_provider() -> Scenario {
    started(ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() }).await
}

fn provider(scenario: &Scenario) -> String {
    let issuer = scenario.cluster.issuer.split_once("://").unwrap().1;
    format!("oidc-provider/arn:aws:iam::111122223333:oidc-provider/{issuer}")
}

/// Another stack's resource, with names of its own on the same cluster.
fn another() -> (Resource, Value) {
    let properties = with(json!({
        "NodeRoleName": "two-nodes", "ControllerRoleName": "two-controller", "InstanceProfileName": "two-nodes",
    }));
    (Resource::new("111122223333", "us-east-1", "other", "Prereqs").service_timeout(600), properties)
}

/// Made with the audience of STS and its marks, and a token of the cluster's is worth the role then; it goes with the
/// resource.
#[tokio::test]
async fn a_missing_provider_is_made_and_goes() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (made, id) = created(&mut scenario, &creating()).await;
    let found = scenario.world().await.unwrap().json(&provider(&scenario));
    assert_eq!(found["audiences"], json!(["sts.amazonaws.com"]));
    assert!(found["tags"].as_object().unwrap().values().any(|value| *value == json!(id)), "{found}");
    let role = made.succeeded().data["ControllerRoleArn"].clone();
    let token = scenario.cluster.control_plane().service_account_token("karpenter", "karpenter", "sts.amazonaws.com");
    let token = token.await.unwrap();
    scenario.cluster.assume_role_with_web_identity(&role, &token).await.unwrap();

    updated(&mut scenario, &id, &creating(), &creating()).await.wrote_nothing();
    deleted(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// One that is there is used, and not owned.
#[tokio::test]
async fn a_provider_that_is_there_is_used_and_left() {
    let mut scenario = started(ClusterOptions::default()).await;
    let before = scenario.world().await.unwrap();
    let (_, id) = created(&mut scenario, &creating()).await;
    let name = provider(&scenario);
    assert_eq!(scenario.world().await.unwrap().get(&name), before.get(&name));
    deleted(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// Another workload's role has come to trust it: the Delete leaves it, without any sign of ours, and the log says for whom.
#[tokio::test]
async fn a_provider_that_others_trust_is_left_to_them() {
    let mut scenario = without_provider().await;
    let (_, id) = created(&mut scenario, &creating()).await;
    let arn = provider(&scenario).strip_prefix("oidc-provider/").unwrap().to_owned();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": arn},
    }]});
    let iam = Client::new(&scenario.cloud.admin());
    iam.create_role().role_name("external-dns").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let gone = deleted(&mut scenario, &id, &creating()).await;
    let left = scenario.world().await.unwrap().json(&provider(&scenario));
    assert_eq!(left["tags"], json!({}));
    assert!(gone.invocation.log_text().contains("`external-dns` trusts it"), "{}", gone.invocation.log_text());

    // It is theirs from then on: another of ours uses it, and does not take it away.
    let before = scenario.world().await.unwrap();
    let (_, id) = created(&mut scenario, &creating()).await;
    deleted(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the second Delete");
}

/// Two resources on one cluster: whichever goes first, the other keeps the provider, though only one would have made it.
#[tokio::test]
async fn a_provider_goes_with_the_last_that_relies_on_it() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (other, others) = another();
    for first_goes_first in [true, false] {
        let (_, id) = created(&mut scenario, &creating()).await;
        let made = scenario.send(&other.create(&others)).await.unwrap();
        let other_id = made.succeeded().physical_resource_id.clone();
        let mut events = [scenario.resource.delete(&id, &creating()), other.delete(&other_id, &others)];
        if !first_goes_first {
            events.reverse();
        }
        scenario.send(&events[0]).await.unwrap().succeeded();
        assert!(scenario.world().await.unwrap().get(&provider(&scenario)).is_some());
        scenario.send(&events[1]).await.unwrap().succeeded();
        before.assert_same(&scenario.world().await.unwrap(), "after both");
    }
}

/// One comes while the last that relied on it goes, and has looked at it already: it is left to the one that came.
#[tokio::test]
async fn a_provider_is_left_to_one_that_comes_meanwhile() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (_, id) = created(&mut scenario, &creating()).await;
    let (other, others) = another();
    let goes = scenario.resource.delete(&id, &creating());
    let came = meanwhile(&mut scenario, &goes, When::call("iam", "DeleteRole"), &other.create(&others)).await;
    let left = scenario.world().await.unwrap().json(&provider(&scenario));
    let tags = left["tags"].as_object().unwrap().values();
    let marks: Vec<_> = tags.filter(|value| value.as_str().unwrap().starts_with("karpenter-prereqs/v1/")).collect();
    assert_eq!(marks, [&json!(came.physical_resource_id)], "{left}");

    scenario.send(&other.delete(&came.physical_resource_id, &others)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after both");
}

/// So it is where somebody has taken the mark off the one that goes, and there is none to take off any more.
#[tokio::test]
async fn a_provider_without_a_mark_is_left_to_one_that_comes_meanwhile() {
    let mut scenario = without_provider().await;
    let (_, id) = created(&mut scenario, &creating()).await;
    let made = scenario.world().await.unwrap().json(&provider(&scenario));
    let (mark, _) = made["tags"].as_object().unwrap().iter().find(|(_, value)| **value == json!(id)).unwrap();
    let arn = provider(&scenario).strip_prefix("oidc-provider/").unwrap().to_owned();
    let iam = Client::new(&scenario.cloud.admin());
    iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn).tag_keys(mark).send().await.unwrap();

    let (other, others) = another();
    let goes = scenario.resource.delete(&id, &creating());
    let before = scenario.cloud.gateway().journal().position();
    let came = meanwhile(&mut scenario, &goes, When::call("iam", "DeleteRole"), &other.create(&others)).await;
    let calls = scenario.cloud.gateway().journal().since(before);
    assert!(calls.iter().all(|call| call.operation != "UntagOpenIDConnectProvider"), "{calls:?}");
    let left = scenario.world().await.unwrap().json(&provider(&scenario));
    assert!(
        left["tags"].as_object().unwrap().values().any(|value| *value == json!(came.physical_resource_id)),
        "{left}"
    );
}

/// Both that rely on it go at once, each seeing the other: whoever looks again last takes it away.
#[tokio::test]
async fn a_provider_goes_when_both_go_at_once() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (_, id) = created(&mut scenario, &creating()).await;
    let (other, others) = another();
    let other_id = scenario.send(&other.create(&others)).await.unwrap().succeeded().physical_resource_id.clone();
    let goes = scenario.resource.delete(&id, &creating());
    let leaves = When::call("iam", "UntagOpenIDConnectProvider");
    meanwhile(&mut scenario, &goes, leaves, &other.delete(&other_id, &others)).await;
    before.assert_same(&scenario.world().await.unwrap(), "after both");
}

/// Sends an event and, when it comes to this call for the first time, another to a function of its own, before it goes on.
/// Both must succeed; gives the other's answer.
async fn meanwhile(scenario: &mut Scenario, event: &Event, when: When, other: &Event) -> CfnResponse {
    let url = scenario.responses.expect(other.ids());
    let mut function = Function::start(scenario.function_options().await.unwrap()).await.unwrap();
    let hold = Hold::new();
    let rule = scenario.cloud.gateway().rules().add(when.once(), Effect::HoldBefore(hold.clone()));
    let (delivered, ()) = tokio::join!(scenario.send(event), async {
        hold.reached().await;
        function.invoke(&other.with_response_url(&url), Duration::from_mins(1)).await.unwrap();
        hold.release();
    });
    rule.remove();
    delivered.unwrap().succeeded();
    let response = scenario.responses.take(&url, Duration::from_secs(1)).await.unwrap();
    assert!(response.succeeded(), "{response:?}");
    response
}

/// A resource that made it and then goes over to Pod Identity needs it no more: it goes, unless another relies on it.
#[tokio::test]
async fn a_provider_goes_when_irsa_is_given_up() {
    let mut scenario = without_provider().await;
    let before = scenario.world().await.unwrap();
    let (_, id) = created(&mut scenario, &creating()).await;
    let pods = with(json!({"ControllerIdentity": "PodIdentity"}));
    updated(&mut scenario, &id, &pods, &creating()).await;
    assert!(scenario.world().await.unwrap().get(&provider(&scenario)).is_none());
    updated(&mut scenario, &id, &creating(), &pods).await;
    assert!(scenario.world().await.unwrap().get(&provider(&scenario)).is_some());
    deleted(&mut scenario, &id, &creating()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
