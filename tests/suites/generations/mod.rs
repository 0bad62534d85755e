//! Several generations of a resource, and several resources on one cluster: replacement, rollback and Delete.
//!
//! In whichever order CloudFormation sends its events, the generations that remain are complete, and nothing else is left.

mod deleted;
mod failed;
mod lost_responses;
mod replaced;
mod rolled_back;
mod shared;

use std::{collections::BTreeSet, time::Duration};

use local_cloud::{
    cluster::{create_role, service_trust},
    gateway::{Effect, Hold, When},
    lambda::{CfnResponse, Event, Function, Resource},
    scenario::{CLUSTER, Scenario},
    world::World,
};
use serde_json::{Value, json};

/// Returns properties with the name of the cluster and with those in `further`.
fn properties(further: &Value) -> Value {
    let mut properties = json!({"ClusterName": CLUSTER});
    for (name, value) in further.as_object().unwrap() {
        properties[name] = value.clone();
    }
    properties
}

/// Returns the ARN of a role without a path.
fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

/// Creates a node role that exists before the resource. Returns its ARN.
async fn create_existing_nodes(scenario: &Scenario) -> String {
    create_role(&scenario.cloud.admin(), "existing-nodes", &service_trust("ec2.amazonaws.com")).await.unwrap()
}

/// Creates the scenario's resource. Returns its physical id.
async fn create(scenario: &mut Scenario, properties: &Value) -> String {
    let resource = scenario.resource.clone();
    create_resource(scenario, &resource, properties).await
}

/// Creates a resource. Returns its physical id.
async fn create_resource(scenario: &mut Scenario, resource: &Resource, properties: &Value) -> String {
    let created = scenario.send(&resource.create(properties)).await.unwrap();
    created.succeeded().physical_resource_id.clone()
}

/// Deletes a generation of the scenario's resource by its id.
async fn delete(scenario: &mut Scenario, id: &str, properties: &Value) {
    let event = scenario.resource.delete(id, properties);
    let deleted = scenario.send(&event).await.unwrap();
    assert_eq!(deleted.succeeded().physical_resource_id, id);
}

/// Returns the state of the account with only this generation of the scenario's resource, which is created and deleted for
/// that.
async fn world_of(scenario: &mut Scenario, properties: &Value) -> World {
    let before = scenario.world().await.unwrap();
    let id = create(scenario, properties).await;
    let world = scenario.world().await.unwrap();
    delete(scenario, &id, properties).await;
    before.assert_same(&scenario.world().await.unwrap(), &format!("after {properties} alone"));
    world
}

/// Returns the ARNs of the roles that a controller role may pass (`iam:PassRole`).
fn passable_roles(world: &World, controller_role: &str) -> BTreeSet<String> {
    let role = world.json(&format!("role/{controller_role}"));
    let statements = role["inline"]["KarpenterControllerPolicy-demo"]["Statement"].as_array().unwrap().clone();
    let statement = statements.into_iter().find(|statement| statement["Action"] == "iam:PassRole").unwrap();
    match &statement["Resource"] {
        Value::String(arn) => [arn.clone()].into(),
        arns => arns.as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()).collect(),
    }
}

/// Returns a client error, which no retry can solve.
fn client_error() -> Effect {
    Effect::refuse(400, "ValidationError", "refused by the test")
}

/// Sends an event, and holds it at the first call that matches `when`. Then sends `other` to a second process of the function,
/// and releases the held call when that is complete. Both must succeed.
///
/// Returns the response to `other`.
pub(crate) async fn send_during(scenario: &mut Scenario, event: &Event, when: When, other: &Event) -> CfnResponse {
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
