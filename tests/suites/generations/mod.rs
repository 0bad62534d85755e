//! A resource under one identity after another, beside others, and to its end: whatever CloudFormation sends, and in
//! whichever order, what survives is whole and nothing else is left.

mod astray;
mod deleted;
mod failed;
mod replaced;
mod rolled_back;
mod shared;

use std::collections::BTreeSet;

use local_cloud::{
    cluster::{create_role, service_trust},
    gateway::Effect,
    lambda::Resource,
    scenario::{CLUSTER, Scenario},
    world::World,
};
use serde_json::{Value, json};

/// The properties of a resource for the cluster, with these further ones.
fn properties(further: &Value) -> Value {
    let mut properties = json!({"ClusterName": CLUSTER});
    for (name, value) in further.as_object().unwrap() {
        properties[name] = value.clone();
    }
    properties
}

/// The ARN of a role of the account, without a path.
fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

/// Makes the node role that some team has had for years.
async fn make_existing_nodes(scenario: &Scenario) -> String {
    create_role(&scenario.cloud.admin(), "existing-nodes", &service_trust("ec2.amazonaws.com")).await.unwrap()
}

/// Creates the scenario's resource: its id.
async fn create(scenario: &mut Scenario, properties: &Value) -> String {
    let resource = scenario.resource.clone();
    create_resource(scenario, &resource, properties).await
}

/// Creates a resource: its id.
async fn create_resource(scenario: &mut Scenario, resource: &Resource, properties: &Value) -> String {
    let created = scenario.send(&resource.create(properties)).await.unwrap();
    created.succeeded().physical_resource_id.clone()
}

/// Deletes the scenario's resource under this id.
async fn delete(scenario: &mut Scenario, id: &str, properties: &Value) {
    let event = scenario.resource.delete(id, properties);
    let deleted = scenario.send(&event).await.unwrap();
    assert_eq!(deleted.succeeded().physical_resource_id, id);
}

/// The world with nothing but this generation of the scenario's resource in it. It is made for that, and deleted.
async fn world_of(scenario: &mut Scenario, properties: &Value) -> World {
    let before = scenario.world().await.unwrap();
    let id = create(scenario, properties).await;
    let world = scenario.world().await.unwrap();
    delete(scenario, &id, properties).await;
    before.assert_same(&scenario.world().await.unwrap(), &format!("after {properties} alone"));
    world
}

/// The roles that a controller role may pass on the cluster's behalf.
fn passed(world: &World, controller_role: &str) -> BTreeSet<String> {
    let role = world.json(&format!("role/{controller_role}"));
    let statements = role["inline"]["KarpenterControllerPolicy-demo"]["Statement"].as_array().unwrap().clone();
    let statement = statements.into_iter().find(|statement| statement["Action"] == "iam:PassRole").unwrap();
    match &statement["Resource"] {
        Value::String(arn) => [arn.clone()].into(),
        arns => arns.as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()).collect(),
    }
}

/// An error of the caller's, which no retry heals.
fn refusal() -> Effect {
    Effect::refuse(400, "ValidationError", "refused by the test")
}
