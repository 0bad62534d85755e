//! Each property, end to end: its objects are created, changed and deleted, on clusters of each authentication mode that
//! matters for it. Each file has one property or a few.

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

/// Starts a scenario with aws-auth, and a cluster of this authentication mode.
async fn scenario(authentication_mode: AuthenticationMode) -> Scenario {
    start_with(ClusterOptions { authentication_mode, ..ClusterOptions::default() }).await
}

/// Starts a scenario with aws-auth, and a cluster with these options.
async fn start_with(options: ClusterOptions) -> Scenario {
    let scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    scenario
}

/// Creates the scenario's resource. Returns the delivery and the physical id.
async fn create_resource(scenario: &mut Scenario, properties: &Value) -> (Delivered, String) {
    let created = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    (created, id)
}

/// Updates the scenario's resource in place, and then once more. Asserts that the second Update writes nothing.
///
/// Returns the first delivery.
async fn update_twice(scenario: &mut Scenario, id: &str, new: &Value, old: &Value) -> Delivered {
    let event = scenario.resource.update(id, new, old);
    let updated = scenario.send(&event).await.unwrap();
    assert_eq!(updated.succeeded().physical_resource_id, id);
    scenario.send(&scenario.resource.update(id, new, old)).await.unwrap().wrote_nothing().succeeded();
    updated
}

/// Deletes the scenario's resource, which must succeed.
async fn delete_resource(scenario: &mut Scenario, id: &str, properties: &Value) -> Delivered {
    let deleted = scenario.send(&scenario.resource.delete(id, properties)).await.unwrap();
    deleted.succeeded();
    deleted
}

/// Returns the writes in order, each as `Operation service`.
fn writes(delivered: &Delivered) -> Vec<String> {
    delivered.writes().iter().map(|call| format!("{} {}", call.operation, call.service)).collect()
}

/// Asserts that the first write of the kind `first` comes before the first of the kind `then`. A kind is an operation, or
/// `ConfigMap`.
fn assert_order(delivered: &Delivered, first: &str, then: &str) {
    let writes = writes(delivered);
    let at = |what: &str| {
        let is_it = |write: &String| write.contains(what) || what == "ConfigMap" && write.contains("kubernetes");
        writes.iter().position(is_it).unwrap_or_else(|| panic!("no {what} in {writes:?}"))
    };
    assert!(at(first) < at(then), "{writes:?}");
}
