//! Names that are taken, and roles and policies that are not there.

use aws_sdk_iam::{Client, types::Tag};
use local_cloud::{cluster::service_trust, scenario::Scenario};
use serde_json::json;

use super::{accepts, refuses, with};

/// Makes a role with one tag, as somebody else would.
async fn make_role(iam: &Client, name: &str, tag: Option<(&str, &str)>) {
    let tags = tag.map(|(key, value)| vec![Tag::builder().key(key).value(value).build().unwrap()]);
    let trust = service_trust("ec2.amazonaws.com");
    iam.create_role().role_name(name).assume_role_policy_document(trust).set_tags(tags).send().await.unwrap();
}

/// A role of a wanted name that this stack did not make is left alone: the answer says whose it is, and which
/// property gives another name.
#[tokio::test]
async fn a_role_of_a_wanted_name_that_is_not_this_stacks_is_left_alone() {
    let mut scenario = Scenario::start().await.unwrap();
    let iam = Client::new(&scenario.cloud.admin());
    let other = "arn:aws:cloudformation:us-east-1:111122223333:stack/other/0a/Prereqs";
    let owners = [
        (None, "has no owner tag".to_owned()),
        (Some(("aws:cloudformation:stack-name", "infra")), "belongs to the stack `infra`".to_owned()),
        (Some(("karpenter-prereqs/owner", other)), format!("belongs to the resource {other}")),
    ];
    for (name, cure) in [
        (
            "KarpenterNodeRole-demo",
            "Set NodeRoleName to another name, set NodeRoleArn to use this role unchanged, set ExistingObjects to Adopt",
        ),
        ("KarpenterControllerRole-demo", "Set ControllerRoleName to another name, set ExistingObjects to Adopt"),
    ] {
        for (tag, owner) in &owners {
            make_role(&iam, name, *tag).await;
            let told = format!("role `{name}` already exists and {owner}");
            refuses(&mut scenario, &with(json!({})), &[&told, cure]).await;
            iam.delete_role().role_name(name).send().await.unwrap();
        }
    }
}

/// An instance profile of the wanted name that this stack did not make is left alone.
#[tokio::test]
async fn an_instance_profile_that_is_not_this_stacks_is_left_alone() {
    let mut scenario = Scenario::start().await.unwrap();
    let iam = Client::new(&scenario.cloud.admin());
    let name = "KarpenterNodeInstanceProfile-demo";
    iam.create_instance_profile().instance_profile_name(name).send().await.unwrap();
    let told = format!("instance profile `{name}` already exists and has no owner tag");
    refuses(
        &mut scenario,
        &with(json!({})),
        &[&told, "Set InstanceProfileName to another name, set ExistingObjects to Adopt"],
    )
    .await;
    let renamed = with(json!({"InstanceProfileName": "another"}));
    assert_eq!(accepts(&mut scenario, &renamed, "InstanceProfileName").await, "another");
}

/// A given node role must exist, under just this ARN.
#[tokio::test]
async fn a_given_node_role_that_does_not_exist_is_told() {
    let mut scenario = Scenario::start().await.unwrap();
    make_role(&Client::new(&scenario.cloud.admin()), "nodes", None).await;
    for arn in ["arn:aws:iam::111122223333:role/missing", "arn:aws:iam::111122223333:role/team/nodes"] {
        let told = format!("the role {arn} of NodeRoleArn does not exist. Correct the ARN");
        refuses(&mut scenario, &with(json!({"NodeRoleArn": arn})), &[&told]).await;
    }
    let given = with(json!({"NodeRoleArn": "arn:aws:iam::111122223333:role/nodes"}));
    assert_eq!(accepts(&mut scenario, &given, "NodeRoleName").await, "nodes");
}

/// A managed policy that does not exist, AWS's or the account's, is told with the property that names it; those that
/// exist are looked for once, and not when they are attached.
#[tokio::test]
async fn policies_that_do_not_exist_are_told_with_their_property() {
    let mut scenario = Scenario::start().await.unwrap();
    let slip = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAcess";
    let missing = "arn:aws:iam::111122223333:policy/missing";
    let wrong = with(json!({"NodePolicyArns": [slip], "ControllerPolicyArns": [missing]}));
    let words = [
        format!("IAM has no managed policy {slip} (NodePolicyArns): check the ARN"),
        format!("IAM has no managed policy {missing} (ControllerPolicyArns): check the ARN"),
    ];
    refuses(&mut scenario, &wrong, &[&words[0], &words[1]]).await;

    let iam = Client::new(&scenario.cloud.admin());
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
    let own = iam.create_policy().policy_name("own").policy_document(document.to_string()).send().await.unwrap();
    let own = own.policy().unwrap().arn().unwrap().to_owned();
    let right =
        with(json!({"NodePolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "ControllerPolicyArns": [own]}));
    let created = scenario.send(&scenario.resource.create(&right)).await.unwrap();
    let asked = created.calls.iter().filter(|call| call.is("iam", "GetPolicy")).count();
    assert_eq!(asked, 2, "each once");
    let id = created.succeeded().physical_resource_id.clone();
    let again = scenario.send(&scenario.resource.update(&id, &right, &right)).await.unwrap();
    assert!(again.calls.iter().all(|call| !call.is("iam", "GetPolicy")), "both are attached");
    again.wrote_nothing().succeeded();
}

/// More managed policies than a role can carry are refused before the role is made.
#[tokio::test]
async fn more_policies_than_a_role_carries_are_told() {
    let mut scenario = Scenario::start().await.unwrap();
    let names = [
        "AWSXRayDaemonWriteAccess",
        "AdministratorAccess",
        "AmazonEKSClusterPolicy",
        "AmazonEKSServicePolicy",
        "AmazonS3ReadOnlyAccess",
        "CloudWatchAgentServerPolicy",
        "IAMReadOnlyAccess",
    ];
    let arns: Vec<_> = names.iter().map(|name| format!("arn:aws:iam::aws:policy/{name}")).collect();
    let words = ["role `KarpenterNodeRole-demo` would have 11 managed policies", "10", "NodePolicyArns"];
    refuses(&mut scenario, &with(json!({"NodePolicyArns": arns})), &words).await;
    accepts(&mut scenario, &with(json!({"NodePolicyArns": arns[1..]})), "NodeRoleName").await;
}
