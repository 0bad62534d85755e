//! `ExistingObjects` `Adopt`: for objects that were created by hand with the runbook, and for a resource that moves to another
//! stack.

use aws_sdk_ec2::types::Tag;
use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::Client;
use local_cloud::{
    cluster::service_trust,
    lambda::Resource,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::{Value, json};

use super::{create_resource, delete_resource, scenario, update_twice, with};

const NODE_ROLE: &str = "KarpenterNodeRole-demo";
const CONTROLLER_ROLE: &str = "KarpenterControllerRole-demo";
const PROFILE: &str = "KarpenterNodeInstanceProfile-demo";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

fn adopting() -> Value {
    with(json!({"ExistingObjects": "Adopt"}))
}

/// Creates the objects of the runbook by hand, with typical differences. The node role has one policy more and three less, the
/// controller role trusts a wrong principal, and the instance profile is empty.
async fn run_the_runbook_by_hand(scenario: &Scenario) {
    let iam = Client::new(&scenario.cloud.admin());
    for (name, service) in [(NODE_ROLE, "ec2.amazonaws.com"), (CONTROLLER_ROLE, "lambda.amazonaws.com")] {
        iam.create_role().role_name(name).assume_role_policy_document(service_trust(service)).send().await.unwrap();
        iam.attach_role_policy().role_name(name).policy_arn(READ_ONLY).send().await.unwrap();
    }
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"},
    ]});
    for name in ["KarpenterControllerPolicy-demo", "by-hand"] {
        let put = iam.put_role_policy().role_name(CONTROLLER_ROLE).policy_name(name);
        put.policy_document(policy.to_string()).send().await.unwrap();
    }
    iam.create_instance_profile().instance_profile_name(PROFILE).send().await.unwrap();
    let ec2 = aws_sdk_ec2::Client::new(&scenario.cloud.admin());
    let tag = Tag::builder().key("karpenter.sh/discovery").value("demo").build();
    ec2.create_tags().resources(&scenario.cluster.subnet_ids[0]).tags(tag).send().await.unwrap();
    let entry = format!(
        "{AWS_AUTH}- rolearn: arn:aws:iam::111122223333:role/{NODE_ROLE}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:bootstrappers, system:nodes]\n"
    );
    scenario.cluster.control_plane().set_aws_auth(&entry).await.unwrap();
}

/// The Create adopts the objects and reconciles them. A later Update without `Adopt` still uses them. The Delete keeps them, and
/// removes only the function's tags.
#[tokio::test]
async fn runbook_objects_are_adopted_and_kept() {
    let mut scenario = scenario(AuthenticationMode::ConfigMap).await;
    run_the_runbook_by_hand(&scenario).await;
    let before = scenario.world().await.unwrap();
    let rejected = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    assert!(rejected.failed().contains("ExistingObjects to Adopt"), "{}", rejected.failed());
    rejected.wrote_nothing();

    let (_, id) = create_resource(&mut scenario, &adopting()).await;
    let node = scenario.cluster.run_node(PROFILE).await.unwrap();
    scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
    let adopted_world = scenario.world().await.unwrap();
    assert_eq!(adopted_world.get("aws-auth/mapRoles"), before.get("aws-auth/mapRoles"), "the existing entry is used");
    let role = |name: &str| adopted_world.json(&format!("role/{name}"));
    let attached = role(NODE_ROLE)["attached"].as_array().unwrap().clone();
    assert_eq!((attached.len(), attached.contains(&json!(READ_ONLY))), (5, true), "{attached:?}");
    let controller = role(CONTROLLER_ROLE);
    assert_eq!(controller["trust"]["Statement"][0]["Action"], "sts:AssumeRoleWithWebIdentity");
    assert_eq!(controller["inline"]["KarpenterControllerPolicy-demo"]["Statement"].as_array().unwrap().len(), 4);
    assert_eq!(controller["inline"]["by-hand"]["Statement"][0]["Action"], "ec2:Describe*");
    assert_eq!(adopted_world.json(&format!("instance-profile/{PROFILE}"))["roles"], json!([NODE_ROLE]));

    update_twice(&mut scenario, &id, &with(json!({})), &adopting()).await.wrote_nothing();
    // The running node does not prevent the Delete, because its role, profile and access are kept.
    delete_resource(&mut scenario, &id, &with(json!({}))).await;
    let after = scenario.world().await.unwrap();
    for name in [format!("role/{NODE_ROLE}"), format!("role/{CONTROLLER_ROLE}"), format!("instance-profile/{PROFILE}")]
    {
        let mut left = adopted_world.json(&name);
        left["tags"] = before.json(&name)["tags"].clone();
        assert_eq!(after.json(&name), left, "{name} is as adopted, without the function's tags");
    }
    let others = |world: &local_cloud::world::World| world.without("role/Karpenter").without("instance-profile/");
    others(&before).assert_same(&others(&after), "except for the roles and the profile");
}

/// A resource moves to another stack. The new stack adopts the objects while the old stack exists. Whichever is deleted first,
/// the objects stay complete for the other. After the second Delete the account is as before.
#[tokio::test]
async fn resource_moved_to_another_stack_restores_account() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::Api] {
        let mut scenario = scenario(mode).await;
        let before = scenario.world().await.unwrap();
        let new_stack = Resource::new("111122223333", "us-east-1", "new", "Prereqs").service_timeout(600);
        let old_stack = scenario.resource.clone();
        for old_first in [true, false] {
            let (_, old_id) = create_resource(&mut scenario, &with(json!({}))).await;
            let rejected = scenario.send(&new_stack.create(&with(json!({})))).await.unwrap();
            assert!(rejected.failed().contains(old_stack.stack_id()), "{}", rejected.failed());
            let adopted = scenario.send(&new_stack.create(&adopting())).await.unwrap();
            let new_id = adopted.succeeded().physical_resource_id.clone();
            let old = (&old_stack, &old_id, with(json!({})));
            let new = (&new_stack, &new_id, adopting());
            let (first, last) = if old_first { (old, new) } else { (new, old) };
            scenario.send(&first.0.delete(first.1, &first.2)).await.unwrap().succeeded();
            let stays = scenario.send(&last.0.update(last.1, &last.2, &last.2)).await.unwrap();
            stays.wrote_nothing().succeeded();
            let node = scenario.cluster.run_node(PROFILE).await.unwrap();
            scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
            scenario.cluster.end_node(&node).await.unwrap();
            scenario.send(&last.0.delete(last.1, &last.2)).await.unwrap().succeeded();
            before.assert_same(&scenario.world().await.unwrap(), "after both Deletes");
        }
    }
}

/// IAM names are global. A role that a stack in another Region created for a cluster of the same name is not adopted. The Reason
/// shows how to use names with the Region.
#[tokio::test]
async fn name_used_in_another_region_is_reported() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let iam = Client::new(&scenario.cloud.admin());
    let owner = "arn:aws:cloudformation:eu-west-1:111122223333:stack/there/0a/Prereqs";
    let tag = aws_sdk_iam::types::Tag::builder().key("karpenter-prereqs/owner").value(owner).build().unwrap();
    let role = iam.create_role().role_name(CONTROLLER_ROLE).assume_role_policy_document("{}").tags(tag);
    role.send().await.unwrap();
    for properties in [with(json!({})), adopting()] {
        let rejected = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
        for word in ["in eu-west-1", "`-${AWS::Region}`"] {
            assert!(rejected.failed().contains(word), "`{word}` is not in: {}", rejected.failed());
        }
        rejected.wrote_nothing();
    }
}
