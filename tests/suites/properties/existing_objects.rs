//! ExistingObjects Adopt: the way in for those who ran the runbook by hand, and for a resource that moves to another stack.

use aws_sdk_ec2::types::Tag;
use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::Client;
use local_cloud::{
    cluster::service_trust,
    lambda::Resource,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::{Value, json};

use super::{created, deleted, scenario, updated, with};

const NODE_ROLE: &str = "KarpenterNodeRole-demo";
const CONTROLLER_ROLE: &str = "KarpenterControllerRole-demo";
const PROFILE: &str = "KarpenterNodeInstanceProfile-demo";
const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

fn adopting() -> Value {
    with(json!({"ExistingObjects": "Adopt"}))
}

/// What the runbook's twenty commands leave, and what its reader added or forgot: the node role has a policy more and three
/// less, the controller's trust is of an old cluster, and the profile is empty.
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

/// All of it is brought into line; an Update that does not say Adopt again goes on with it; and the Delete leaves all that was
/// there, without a sign of ours.
#[tokio::test]
async fn what_the_runbook_made_is_brought_into_line_and_left() {
    let mut scenario = scenario(AuthenticationMode::ConfigMap).await;
    run_the_runbook_by_hand(&scenario).await;
    let before = scenario.world().await.unwrap();
    let refused = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    assert!(refused.failed().contains("ExistingObjects to Adopt"), "{}", refused.failed());
    refused.wrote_nothing();

    let (_, id) = created(&mut scenario, &adopting()).await;
    let node = scenario.cluster.run_node(PROFILE).await.unwrap();
    scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
    let made = scenario.world().await.unwrap();
    assert_eq!(made.get("aws-auth/mapRoles"), before.get("aws-auth/mapRoles"), "the entry that is there serves");
    let role = |name: &str| made.json(&format!("role/{name}"));
    let attached = role(NODE_ROLE)["attached"].as_array().unwrap().clone();
    assert_eq!((attached.len(), attached.contains(&json!(READ_ONLY))), (5, true), "{attached:?}");
    let controller = role(CONTROLLER_ROLE);
    assert_eq!(controller["trust"]["Statement"][0]["Action"], "sts:AssumeRoleWithWebIdentity");
    assert_eq!(controller["inline"]["KarpenterControllerPolicy-demo"]["Statement"].as_array().unwrap().len(), 4);
    assert_eq!(controller["inline"]["by-hand"]["Statement"][0]["Action"], "ec2:Describe*");
    assert_eq!(made.json(&format!("instance-profile/{PROFILE}"))["roles"], json!([NODE_ROLE]));

    updated(&mut scenario, &id, &with(json!({})), &adopting()).await.wrote_nothing();
    // The role, its profile and its way in stay: the node is no reason to wait.
    deleted(&mut scenario, &id, &with(json!({}))).await;
    let after = scenario.world().await.unwrap();
    for name in [format!("role/{NODE_ROLE}"), format!("role/{CONTROLLER_ROLE}"), format!("instance-profile/{PROFILE}")]
    {
        let mut left = made.json(&name);
        left["tags"] = before.json(&name)["tags"].clone();
        assert_eq!(after.json(&name), left, "{name} is as it was used, without our tags");
    }
    let others = |world: &local_cloud::world::World| world.without("role/Karpenter").without("instance-profile/");
    others(&before).assert_same(&others(&after), "but for the roles and the profile");
}

/// A resource moves to another stack: the new one adopts while the old one stands, and whichever goes first, the other stays
/// whole; with the last, the account is as before.
#[tokio::test]
async fn a_resource_moves_to_another_stack() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::Api] {
        let mut scenario = scenario(mode).await;
        let before = scenario.world().await.unwrap();
        let new_stack = Resource::new("111122223333", "us-east-1", "new", "Prereqs").service_timeout(600);
        let old_stack = scenario.resource.clone();
        for old_goes_first in [true, false] {
            let (_, old_id) = created(&mut scenario, &with(json!({}))).await;
            let refused = scenario.send(&new_stack.create(&with(json!({})))).await.unwrap();
            assert!(refused.failed().contains(old_stack.stack_id()), "{}", refused.failed());
            let adopted = scenario.send(&new_stack.create(&adopting())).await.unwrap();
            let new_id = adopted.succeeded().physical_resource_id.clone();
            let old = (&old_stack, &old_id, with(json!({})));
            let new = (&new_stack, &new_id, adopting());
            let (first, last) = if old_goes_first { (old, new) } else { (new, old) };
            scenario.send(&first.0.delete(first.1, &first.2)).await.unwrap().succeeded();
            let stays = scenario.send(&last.0.update(last.1, &last.2, &last.2)).await.unwrap();
            stays.wrote_nothing().succeeded();
            let node = scenario.cluster.run_node(PROFILE).await.unwrap();
            scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
            scenario.cluster.end_node(&node).await.unwrap();
            scenario.send(&last.0.delete(last.1, &last.2)).await.unwrap().succeeded();
            before.assert_same(&scenario.world().await.unwrap(), "after both");
        }
    }
}

/// IAM's names hold in all regions: what a stack of another region made for its cluster of the same name is not taken, and the
/// message says how to name by region.
#[tokio::test]
async fn one_name_in_two_regions_is_told() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let iam = Client::new(&scenario.cloud.admin());
    let owner = "arn:aws:cloudformation:eu-west-1:111122223333:stack/there/0a/Prereqs";
    let tag = aws_sdk_iam::types::Tag::builder().key("karpenter-prereqs/owner").value(owner).build().unwrap();
    let make = iam.create_role().role_name(CONTROLLER_ROLE).assume_role_policy_document("{}").tags(tag);
    make.send().await.unwrap();
    for properties in [with(json!({})), adopting()] {
        let refused = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
        for word in ["in eu-west-1", "`-${AWS::Region}`"] {
            assert!(refused.failed().contains(word), "`{word}` is not in: {}", refused.failed());
        }
        refused.wrote_nothing();
    }
}
