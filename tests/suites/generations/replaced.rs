//! Changes that replace the resource: the new generation exists beside the old one until CloudFormation deletes the old id.

use std::collections::BTreeSet;

use local_cloud::{Cluster, ClusterOptions, scenario::Scenario, world::World};
use serde_json::{Value, json};

use super::{create, create_existing_nodes, delete, passable_roles, properties, role_arn, world_of};

/// For each change of names: the new objects are created beside the old ones. The old objects stay the same and keep their
/// access until CloudFormation deletes the old id. After that, the account is as if only the new generation had existed.
#[tokio::test]
async fn both_generations_exist_until_old_one_is_deleted() {
    let mut scenario = Scenario::start().await.unwrap();
    let given = json!({"NodeRoleArn": create_existing_nodes(&scenario).await, "InstanceProfileName": "existing-nodes"});
    let before = scenario.world().await.unwrap();
    let base = json!({});
    let replacements = [
        (&base, json!({"ControllerRoleName": "controllers"})),
        (&base, json!({"NodeRoleName": "workers"})),
        (&base, json!({"InstanceProfileName": "workers"})),
        (&base, json!({"NodeRoleName": "workers", "ControllerRoleName": "controllers", "InstanceProfileName": "both"})),
        (&base, given.clone()),
        (&given, base.clone()),
    ];
    for (old, new) in replacements {
        let (old, new) = (properties(old), properties(&new));
        let what = format!("{old} → {new}");
        let world_of_new = world_of(&mut scenario, &new).await;
        let old_id = create(&mut scenario, &old).await;
        let world_of_old = scenario.world().await.unwrap();

        let updated = scenario.send(&scenario.resource.update(&old_id, &new, &old)).await.unwrap();
        let response = updated.succeeded().clone();
        let new_id = response.physical_resource_id.clone();
        assert_ne!(new_id, old_id, "{what}");
        let beside = scenario.world().await.unwrap();
        for name in world_of_old.names().chain(world_of_new.names()) {
            assert!(beside.get(name).is_some(), "{name} of {what}");
        }
        for name in world_of_old.names().filter(|name| world_of_new.get(name).is_none()) {
            assert_eq!(beside.get(name), world_of_old.get(name), "{name} of {what}");
        }
        for name in world_of_new.names().filter(|name| world_of_old.get(name).is_none()) {
            assert_eq!(beside.get(name), world_of_new.get(name), "{name} of {what}");
        }
        // A shared controller may pass the node roles of both generations. Two controllers may pass their own.
        let node_roles = [&old, &new].map(node_role);
        let controllers = [&old, &new].map(|properties| {
            properties["ControllerRoleName"].as_str().unwrap_or("KarpenterControllerRole-demo").to_owned()
        });
        if controllers[0] == controllers[1] {
            assert_eq!(passable_roles(&beside, &controllers[0]), node_roles.iter().cloned().collect(), "{what}");
        } else {
            for (controller, node_role) in controllers.iter().zip(&node_roles) {
                assert_eq!(passable_roles(&beside, controller), BTreeSet::from([node_role.clone()]), "{what}");
            }
        }
        // The old nodes have access at every moment, because each written text has the entry of the old role.
        let written = updated.config_map_writes();
        assert!(!written.is_empty(), "{what}");
        for (verb, object) in written {
            let map_roles = object["data"]["mapRoles"].as_str().unwrap_or_default();
            assert!(map_roles.contains(&node_roles[0]), "{what}: {verb} {map_roles}");
        }
        let again = scenario.send(&scenario.resource.update(&old_id, &new, &old)).await.unwrap();
        assert_eq!(again.wrote_nothing().succeeded().data, response.data, "{what}");

        delete(&mut scenario, &old_id, &old).await;
        world_of_new.assert_same(&scenario.world().await.unwrap(), &format!("after the cleanup of {what}"));
        delete(&mut scenario, &new_id, &new).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after both Deletes of {what}"));
    }
}

/// A change of `NodeRoleName` does not affect running nodes. They keep their access until the cleanup, beside the new nodes.
#[tokio::test]
async fn nodes_of_both_generations_have_access_until_cleanup() {
    let mut scenario = Scenario::start().await.unwrap();
    let (old, new) = (properties(&json!({})), properties(&json!({"NodeRoleName": "workers"})));
    let old_id = create(&mut scenario, &old).await;
    let old_node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
    scenario.cluster.wait_admitted(&old_node.credentials).await.unwrap();

    let updated = scenario.send(&scenario.resource.update(&old_id, &new, &old)).await.unwrap();
    let new_id = updated.succeeded().physical_resource_id.clone();
    let new_node = scenario.cluster.run_node("workers").await.unwrap();
    let identity = scenario.cluster.wait_admitted(&new_node.credentials).await.unwrap();
    assert_eq!(identity.username, format!("system:node:{}", new_node.private_dns_name));
    assert!(scenario.cluster.identity(&old_node.credentials).await.unwrap().is_some());

    scenario.cluster.end_node(&old_node).await.unwrap();
    delete(&mut scenario, &old_id, &old).await;
    scenario.cluster.wait_refused(&old_node.credentials).await.unwrap();
    assert!(scenario.cluster.identity(&new_node.credentials).await.unwrap().is_some());
    scenario.cluster.end_node(&new_node).await.unwrap();
    delete(&mut scenario, &new_id, &new).await;
    scenario.cluster.wait_refused(&new_node.credentials).await.unwrap();
}

/// If the two generations cannot exist at the same time, the Update fails before any change and names the property to change.
#[tokio::test]
async fn impossible_replacement_fails_before_any_change() {
    let mut scenario = Scenario::start().await.unwrap();
    let existing_role = create_existing_nodes(&scenario).await;
    let impossible = [
        // Both generations have the same instance profile, because InstanceProfileName is set. Its role would differ.
        (json!({"InstanceProfileName": "nodes"}), json!({"InstanceProfileName": "nodes", "NodeRoleName": "workers"})),
        (json!({}), json!({"NodeRoleArn": existing_role})),
    ];
    for (old, new) in impossible {
        let (old, new) = (properties(&old), properties(&new));
        let id = create(&mut scenario, &old).await;
        let before = scenario.world().await.unwrap();
        let rejected = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
        let reason = rejected.wrote_nothing().failed();
        assert!(reason.contains("InstanceProfileName"), "{reason}");
        assert!(reason.contains("KarpenterNodeRole-demo"), "{reason}");
        assert_eq!(rejected.response.physical_resource_id, id);
        before.assert_same(&scenario.world().await.unwrap(), "after a failed preflight check");
        // The rollback of such an Update finds nothing to do.
        let back = scenario.send(&scenario.resource.update(&id, &old, &new)).await.unwrap();
        assert_eq!(back.wrote_nothing().succeeded().physical_resource_id, id);
        delete(&mut scenario, &id, &old).await;
    }
}

/// An Update to another cluster creates a new generation there, with a `KubernetesRoleArn` that has access to it. The old
/// cluster is as before when the old id is deleted. Two clusters cannot share a controller role.
#[tokio::test]
async fn resource_moved_to_another_cluster_restores_old_one() {
    let mut scenario = Scenario::start().await.unwrap();
    let other = scenario.cloud.create_cluster("other", ClusterOptions::default()).await.unwrap();
    let before = worlds(&scenario, &other).await;
    let old = properties(&json!({}));
    let old_id = create(&mut scenario, &old).await;
    let created = worlds(&scenario, &other).await;

    let same_controller = json!({
        "ClusterName": "other",
        "ControllerRoleName": "KarpenterControllerRole-demo",
        "KubernetesRoleArn": other.creator_role_arn,
    });
    let rejected = scenario.send(&scenario.resource.update(&old_id, &same_controller, &old)).await.unwrap();
    let reason = rejected.wrote_nothing().failed();
    assert!(reason.contains("ControllerRoleName"), "{reason}");

    let new = json!({"ClusterName": "other", "KubernetesRoleArn": other.creator_role_arn});
    let moved = scenario.send(&scenario.resource.update(&old_id, &new, &old)).await.unwrap();
    let new_id = moved.succeeded().physical_resource_id.clone();
    let [demo, _] = worlds(&scenario, &other).await;
    for name in created[0].names().filter(|name| created[0].get(name) != before[0].get(name)) {
        assert_eq!(demo.get(name), created[0].get(name), "{name}");
    }
    let node = other.run_node("KarpenterNodeInstanceProfile-other").await.unwrap();
    other.wait_admitted(&node.credentials).await.unwrap();

    delete(&mut scenario, &old_id, &old).await;
    other.wait_admitted(&node.credentials).await.unwrap();
    other.end_node(&node).await.unwrap();
    delete(&mut scenario, &new_id, &new).await;
    for (before, after) in before.iter().zip(worlds(&scenario, &other).await) {
        before.assert_same(&after, "after the move and the Delete");
    }
}

/// Returns the state of the account with the aws-auth of the first cluster, and with that of the other.
async fn worlds(scenario: &Scenario, other: &Cluster) -> [World; 2] {
    [scenario.world().await.unwrap(), World::read(&scenario.cloud, Some(other)).await.unwrap()]
}

/// Returns the ARN of the node role, also of an existing one.
fn node_role(properties: &Value) -> String {
    match properties["NodeRoleArn"].as_str() {
        Some(arn) => arn.to_owned(),
        None => role_arn(properties["NodeRoleName"].as_str().unwrap_or("KarpenterNodeRole-demo")),
    }
}
