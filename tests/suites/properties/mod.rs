//! The property table end to end, a file a property or a few: what each asks for is made, changed and taken away, on a
//! cluster of each authentication mode that it touches.

mod controller_identity;
mod existing_objects;
mod interruption_queue;
mod karpenter_version;
mod node_access;
mod oidc_provider;
mod path_and_boundary;
mod running_nodes;

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    cloud::CloudOptions,
    cluster::ClusterOptions,
    scenario::{AWS_AUTH, Delivered, Scenario, with},
};
use serde_json::Value;

/// A cluster of this mode, with aws-auth.
async fn scenario(authentication_mode: AuthenticationMode) -> Scenario {
    started(ClusterOptions { authentication_mode, ..ClusterOptions::default() }).await
}

async fn started(options: ClusterOptions) -> Scenario {
    let scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    scenario
}

/// Creates the scenario's resource; gives its id too.
async fn created(scenario: &mut Scenario, properties: &Value) -> (Delivered, String) {
    let created = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    (created, id)
}

/// Updates the scenario's resource in place; a second time, which writes nothing.
async fn updated(scenario: &mut Scenario, id: &str, new: &Value, old: &Value) -> Delivered {
    let event = scenario.resource.update(id, new, old);
    let updated = scenario.send(&event).await.unwrap();
    assert_eq!(updated.succeeded().physical_resource_id, id);
    scenario.send(&scenario.resource.update(id, new, old)).await.unwrap().wrote_nothing().succeeded();
    updated
}

async fn deleted(scenario: &mut Scenario, id: &str, properties: &Value) -> Delivered {
    let deleted = scenario.send(&scenario.resource.delete(id, properties)).await.unwrap();
    deleted.succeeded();
    deleted
}

/// The text of each write, in order: operation and body or parameters.
fn writes(delivered: &Delivered) -> Vec<String> {
    delivered.writes().iter().map(|call| format!("{} {}", call.operation, call.service)).collect()
}

/// That a write of the one kind came before the first of the other.
fn assert_order(delivered: &Delivered, first: &str, then: &str) {
    let writes = writes(delivered);
    let at = |what: &str| {
        let is_it = |write: &String| write.contains(what) || what == "ConfigMap" && write.contains("kubernetes");
        writes.iter().position(is_it).unwrap_or_else(|| panic!("no {what} in {writes:?}"))
    };
    assert!(at(first) < at(then), "{writes:?}");
}
