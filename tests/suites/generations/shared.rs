//! Several resources on one cluster. The Delete of one removes nothing that another needs.

use aws_sdk_ec2::types::Tag;
use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    gateway::{Effect, When},
    lambda::Resource,
    scenario::Scenario,
    world::World,
};
use serde_json::{Value, json};

use super::{create_resource, passable_roles, properties, role_arn, send_during};

/// Two resources with names of their own share the subnets, security groups and aws-auth of a cluster, in one stack or in two
/// stacks. Whichever is deleted first, the account is then as if only the other had existed. After the second Delete nothing
/// is left.
#[tokio::test]
async fn shared_objects_are_kept_until_last_resource_is_deleted() {
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
            let mut existing = [
                (&first, &one, create_resource(&mut scenario, &first, &one).await, &alone[1]),
                (second, two, create_resource(&mut scenario, second, two).await, &alone[0]),
            ];
            let both = scenario.world().await.unwrap();
            if two == &one_controller {
                let node_roles = ["KarpenterNodeRole-demo", "gpu-nodes"].map(role_arn);
                assert_eq!(passable_roles(&both, "KarpenterControllerRole-demo"), node_roles.into());
            }
            if !first_goes_first {
                existing.reverse();
            }
            let [(resource, properties, id, expected), last] = existing;
            let deleted = scenario.send(&resource.delete(&id, properties)).await.unwrap();
            deleted.succeeded();
            let world = scenario.world().await.unwrap();
            // The owner tag of a shared role keeps the resource that created the role. The comparison ignores that.
            let owners =
                [&first, second].map(|resource| format!("{}/{}", resource.stack_id(), resource.logical_resource_id()));
            let [expected, world] = [expected, &world].map(|world| world.with_text(&owners[0], &owners[1]));
            expected.assert_same(&world, &format!("after {} was deleted first", resource.logical_resource_id()));
            let (resource, properties, id, _) = last;
            scenario.send(&resource.delete(&id, properties)).await.unwrap().succeeded();
            before.assert_same(&scenario.world().await.unwrap(), "after both were deleted");
        }
    }
}

/// A subnet or security group that already has the discovery tag gets no marker, and keeps its tag after both Deletes.
#[tokio::test]
async fn discovery_tag_of_user_is_kept() {
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
        assert_eq!(world.get(id), before.get(id), "{id} is unchanged");
    }
    let markers = |id: &String| {
        world.json(id).as_object().unwrap().keys().filter(|key| key.starts_with("karpenter-prereqs/")).count()
    };
    assert_eq!(scenario.cluster.subnet_ids[1..].iter().map(markers).collect::<Vec<_>>(), [2, 2, 2]);
    for ((resource, properties), id) in all.iter().zip(&ids) {
        scenario.send(&resource.delete(id, properties)).await.unwrap().succeeded();
    }
    before.assert_same(&scenario.world().await.unwrap(), "after both were deleted");
}

/// Two stacks want the same names. The second Create fails before any change, and names the stack that owns the objects.
#[tokio::test]
async fn objects_of_another_stack_fail_before_any_change() {
    let mut scenario = Scenario::start().await.unwrap();
    let first = scenario.resource.clone();
    let id = create_resource(&mut scenario, &first, &properties(&json!({}))).await;
    let before = scenario.world().await.unwrap();
    let second = Resource::new(scenario.cloud.account(), scenario.cloud.region(), "other", "Prereqs");
    let rejected = scenario.send(&second.create(&properties(&json!({})))).await.unwrap();
    let reason = rejected.wrote_nothing().failed();
    for word in ["NodeRoleName", "ControllerRoleName", "InstanceProfileName", first.stack_id()] {
        assert!(reason.contains(word), "{word} in {reason}");
    }
    // CloudFormation deletes the failed resource. That removes nothing of the first one.
    let rejected_id = rejected.response.physical_resource_id.clone();
    let deleted = scenario.send(&second.delete(&rejected_id, &properties(&json!({})))).await.unwrap();
    deleted.wrote_nothing().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the rollback of the second Create");
    scenario.send(&first.delete(&id, &properties(&json!({})))).await.unwrap().succeeded();
}

/// Returns the state of the account with only this resource, which is created and deleted for that.
async fn alone(scenario: &mut Scenario, resource: &Resource, properties: &Value, before: &World) -> World {
    let id = create_resource(scenario, resource, properties).await;
    let world = scenario.world().await.unwrap();
    scenario.send(&resource.delete(&id, properties)).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after one alone");
    world
}

/// A resource begins to use the access entry of another one, which stops using it at the same moment. The entry is deleted, as
/// the Update has read it before the new marker. The Create finds that, and creates the entry again. EKS' calls on tags have an
/// error code of their own for an entry that is gone, which the local cloud does not return.
#[tokio::test]
async fn create_during_removal_of_shared_entry_has_entry() {
    for has_own_code in [false, true] {
        let options =
            ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
        let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
        let first = scenario.resource.clone();
        let second = Resource::new(scenario.cloud.account(), scenario.cloud.region(), "platform", "Second")
            .service_timeout(600)
            .in_stack(first.stack_id());
        let (with_entry, without_entry) = (properties(&json!({})), properties(&json!({"NodeAccess": "None"})));
        let names = properties(&json!({"ControllerRoleName": "second", "InstanceProfileName": "second"}));
        let id = create_resource(&mut scenario, &first, &with_entry).await;
        let create = second.create(&names);
        let update = first.update(&id, &without_entry, &with_entry);
        let tags_entry = When::call("eks", "TagResource");
        if has_own_code {
            let missing = Effect::refuse(404, "NotFoundException", "The access entry could not be found");
            let rule = scenario.cloud.gateway().rules().add(tags_entry.once(), missing);
            send_during(&mut scenario, &create, When::call("iam", "TagRole"), &update).await;
            rule.remove();
        } else {
            send_during(&mut scenario, &create, tags_entry, &update).await;
        }
        let world = scenario.world().await.unwrap();
        let entry = world.names().find(|name| name.starts_with("access-entry/"));
        let tags = world.json(entry.expect("the Create has an access entry"))["tags"].clone();
        assert_eq!(tags["karpenter-prereqs/owner"], format!("{}/Second", second.stack_id()), "{tags}");
    }
}
