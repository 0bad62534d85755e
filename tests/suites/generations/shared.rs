//! Resources beside each other on one cluster: each goes without taking anything that another needs.

use aws_sdk_ec2::types::Tag;
use local_cloud::{lambda::Resource, scenario::Scenario, world::World};
use serde_json::{Value, json};

use super::{create_resource, passed, properties, role_arn};

/// Two resources on one cluster with names of their own share its subnets, groups and aws-auth, in one stack or in
/// two: whichever goes first, the other is as if it had always been alone, and the last one leaves nothing.
#[tokio::test]
async fn of_two_resources_on_a_cluster_either_may_go_first() {
    let mut scenario = Scenario::start().await.unwrap();
    let first = scenario.resource.clone();
    let in_same_stack = Resource::new(scenario.cloud.account(), scenario.cloud.region(), "platform", "Second")
        .service_timeout(600)
        .in_stack(first.stack_id());
    let in_other_stack = Resource::new(scenario.cloud.account(), scenario.cloud.region(), "other", "Prereqs");
    let one = properties(&json!({}));
    let own_names = properties(&json!({"NodeRoleName": "gpu-nodes", "ControllerRoleName": "gpu-karpenter"}));
    let one_controller = properties(&json!({"NodeRoleName": "gpu-nodes"}));
    let pairs = [(&in_same_stack, &own_names), (&in_other_stack, &own_names), (&in_same_stack, &one_controller)];
    let before = scenario.world().await.unwrap();
    for (second, two) in pairs {
        let alone =
            [alone(&mut scenario, &first, &one, &before).await, alone(&mut scenario, second, two, &before).await];
        for first_goes_first in [true, false] {
            let mut standing = [
                (&first, &one, create_resource(&mut scenario, &first, &one).await, &alone[1]),
                (second, two, create_resource(&mut scenario, second, two).await, &alone[0]),
            ];
            let both = scenario.world().await.unwrap();
            if two == &one_controller {
                let node_roles = ["KarpenterNodeRole-demo", "gpu-nodes"].map(role_arn);
                assert_eq!(passed(&both, "KarpenterControllerRole-demo"), node_roles.into());
            }
            if !first_goes_first {
                standing.reverse();
            }
            let [(resource, properties, id, what_stays), last] = standing;
            let gone = scenario.send(&resource.delete(&id, properties)).await.unwrap();
            gone.succeeded();
            let world = scenario.world().await.unwrap();
            // The owner tag of a shared role stays its maker's.
            let owners =
                [&first, second].map(|resource| format!("{}/{}", resource.stack_id(), resource.logical_resource_id()));
            let [what_stays, world] = [what_stays, &world].map(|world| world.with_text(&owners[0], &owners[1]));
            what_stays.assert_same(&world, &format!("when {} went first", resource.logical_resource_id()));
            let (resource, properties, id, _) = last;
            scenario.send(&resource.delete(&id, properties)).await.unwrap().succeeded();
            before.assert_same(&scenario.world().await.unwrap(), "after both were deleted");
        }
    }
}

/// A subnet that a person tagged for discovery is used as it is, by every resource, and keeps its tag in the end.
#[tokio::test]
async fn a_discovery_tag_of_the_users_own_stays() {
    let mut scenario = Scenario::start().await.unwrap();
    let ec2 = aws_sdk_ec2::Client::new(&scenario.cloud.admin());
    let own = Tag::builder().key("karpenter.sh/discovery").value("demo").build();
    let tagged = [scenario.cluster.subnet_ids[0].clone(), scenario.cluster.cluster_security_group_id.clone()];
    ec2.create_tags().set_resources(Some(tagged.to_vec())).tags(own).send().await.unwrap();
    let before = scenario.world().await.unwrap();
    let second = Resource::new(scenario.cloud.account(), scenario.cloud.region(), "other", "Prereqs");
    let all = [
        (scenario.resource.clone(), properties(&json!({}))),
        (second, properties(&json!({"NodeRoleName": "gpu-nodes", "ControllerRoleName": "gpu-karpenter"}))),
    ];
    let mut ids = Vec::new();
    for (resource, properties) in &all {
        ids.push(create_resource(&mut scenario, resource, properties).await);
    }
    let world = scenario.world().await.unwrap();
    for id in &tagged {
        assert_eq!(world.get(id), before.get(id), "{id} is left as it is");
    }
    let marks = |id: &String| {
        world.json(id).as_object().unwrap().keys().filter(|key| key.starts_with("karpenter-prereqs/")).count()
    };
    assert_eq!(scenario.cluster.subnet_ids[1..].iter().map(marks).collect::<Vec<_>>(), [2, 2, 2]);
    for ((resource, properties), id) in all.iter().zip(&ids) {
        scenario.send(&resource.delete(id, properties)).await.unwrap().succeeded();
    }
    before.assert_same(&scenario.world().await.unwrap(), "after both were deleted");
}

/// Two resources of two stacks that want the same names: the second is told whose they are, and nothing changes.
#[tokio::test]
async fn another_stacks_objects_are_refused_before_any_change() {
    let mut scenario = Scenario::start().await.unwrap();
    let first = scenario.resource.clone();
    let id = create_resource(&mut scenario, &first, &properties(&json!({}))).await;
    let before = scenario.world().await.unwrap();
    let second = Resource::new(scenario.cloud.account(), scenario.cloud.region(), "other", "Prereqs");
    let refused = scenario.send(&second.create(&properties(&json!({})))).await.unwrap();
    let reason = refused.wrote_nothing().failed();
    for word in ["NodeRoleName", "ControllerRoleName", "InstanceProfileName", first.stack_id()] {
        assert!(reason.contains(word), "{word} in {reason}");
    }
    // CloudFormation deletes what it could not create: nothing of the first one's.
    let refused_id = refused.response.physical_resource_id.clone();
    let deleted = scenario.send(&second.delete(&refused_id, &properties(&json!({})))).await.unwrap();
    deleted.wrote_nothing().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the second one's rollback");
    scenario.send(&first.delete(&id, &properties(&json!({})))).await.unwrap().succeeded();
}

/// The world with nothing but this resource in it.
async fn alone(scenario: &mut Scenario, resource: &Resource, properties: &Value, before: &World) -> World {
    let id = create_resource(scenario, resource, properties).await;
    let world = scenario.world().await.unwrap();
    scenario.send(&resource.delete(&id, properties)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after one alone");
    world
}
