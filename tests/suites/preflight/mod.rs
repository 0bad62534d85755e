//! Preflight checks: an event that fails them writes nothing to AWS or to Kubernetes. The Reason has each problem and its
//! remedy.

use local_cloud::{
    lambda::Event,
    scenario::{Scenario, with},
};
use serde_json::Value;

mod aws_auth;
mod cluster;
mod delete;
mod discovery;
mod dry_run;
mod iam;
mod kubernetes_api;
mod properties;

/// Sends a Create with these properties. Asserts that it fails before any change, with these words in its Reason.
///
/// Returns the Reason.
async fn assert_create_fails(scenario: &mut Scenario, properties: &Value, words: &[&str]) -> String {
    let create = scenario.resource.create(properties);
    assert_fails(scenario, &create, words).await
}

/// Sends an event. Asserts that it fails before any change, with these words in its Reason.
///
/// Returns the Reason.
async fn assert_fails(scenario: &mut Scenario, event: &Event, words: &[&str]) -> String {
    let before = scenario.world().await.unwrap();
    let delivered = scenario.send(event).await.unwrap();
    let reason = delivered.failed().to_owned();
    delivered.wrote_nothing();
    assert!(reason.starts_with("nothing was changed: "), "{reason}");
    for word in words {
        assert!(reason.contains(word), "`{word}` is not in: {reason}");
    }
    before.assert_same(&scenario.world().await.unwrap(), &reason);
    reason
}

/// Sends a Create with these properties and a Delete. Asserts that both succeed, and that the account is as before.
///
/// Returns the attribute of this name.
async fn assert_create_succeeds(scenario: &mut Scenario, properties: &Value, attribute: &str) -> String {
    let before = scenario.world().await.unwrap();
    let created = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let response = created.succeeded();
    let (id, value) = (response.physical_resource_id.clone(), response.data[attribute].clone());
    scenario.send(&scenario.resource.delete(&id, properties)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after Create and Delete");
    value
}
