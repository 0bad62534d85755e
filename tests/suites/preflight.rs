//! What is refused before any change: nothing is written, to AWS or to Kubernetes, the world stays as it was, and the
//! answer's Reason says what is wrong and what to do.

use local_cloud::{
    lambda::Event,
    scenario::{Scenario, with},
};
use serde_json::Value;

mod aws_auth;
mod cluster;
mod delete;
mod discovery;
mod iam;
mod properties;
mod reach;

/// A Create with these properties must be refused, in these words; gives the Reason.
async fn refuses(scenario: &mut Scenario, properties: &Value, words: &[&str]) -> String {
    let create = scenario.resource.create(properties);
    refused(scenario, &create, words).await
}

/// The event must be refused, in these words; gives the Reason.
async fn refused(scenario: &mut Scenario, event: &Event, words: &[&str]) -> String {
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

/// A Create with these properties must succeed, and its Delete leave the world as it was; gives the attribute.
async fn accepts(scenario: &mut Scenario, properties: &Value, attribute: &str) -> String {
    let before = scenario.world().await.unwrap();
    let created = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let response = created.succeeded();
    let (id, value) = (response.physical_resource_id.clone(), response.data[attribute].clone());
    scenario.send(&scenario.resource.delete(&id, properties)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after Create and Delete");
    value
}
