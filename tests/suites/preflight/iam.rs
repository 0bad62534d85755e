//! Names that are already used, and roles and policies that do not exist.

use aws_sdk_iam::{Client, types::Tag};
use local_cloud::{cluster::service_trust, scenario::Scenario};
use serde_json::json;

use super::{assert_create_fails, assert_create_succeeds, with};

/// Creates a role by hand, with at most one tag.
async fn create_role(iam: &Client, name: &str, tag: Option<(&str, &str)>) {
    let tags = tag.map(|(key, value)| vec![Tag::builder().key(key).value(value).build().unwrap()]);
    let trust = service_trust("ec2.amazonaws.com");
    iam.create_role().role_name(name).assume_role_policy_document(trust).set_tags(tags).send().await.unwrap();
}

/// A role with the desired name that this stack did not create stays unchanged. The Reason has the owner, and the property that
/// sets another name.
#[tokio::test]
async fn role_of_another_owner_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let iam = Client::new(&scenario.cloud.admin());
    let other = "arn:aws:cloudformation:us-east-1:111122223333:stack/other/0a/Prereqs";
    let owners = [
        (None, "has no owner tag".to_owned()),
        (Some(("aws:cloudformation:stack-name", "infra")), "belongs to the stack `infra`".to_owned()),
        (Some(("karpenter-prereqs/owner", other)), format!("belongs to the resource {other}")),
    ];
    for (name, remedy) in [
        (
            "KarpenterNodeRole-demo",
            "Set NodeRoleName to another name, set NodeRoleArn to use this role unchanged, set ExistingObjects to Adopt",
        ),
        ("KarpenterControllerRole-demo", "Set ControllerRoleName to another name, set ExistingObjects to Adopt"),
    ] {
        for (tag, owner) in &owners {
            create_role(&iam, name, *tag).await;
            let problem = format!("role `{name}` already exists and {owner}");
            assert_create_fails(&mut scenario, &with(json!({})), &[&problem, remedy]).await;
            iam.delete_role().role_name(name).send().await.unwrap();
        }
    }
}

/// An instance profile with the desired name that this stack did not create stays unchanged.
#[tokio::test]
async fn instance_profile_of_another_owner_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let iam = Client::new(&scenario.cloud.admin());
    let name = "KarpenterNodeInstanceProfile-demo";
    iam.create_instance_profile().instance_profile_name(name).send().await.unwrap();
    let problem = format!("instance profile `{name}` already exists and has no owner tag");
    assert_create_fails(
        &mut scenario,
        &with(json!({})),
        &[&problem, "Set InstanceProfileName to another name, set ExistingObjects to Adopt"],
    )
    .await;
    let renamed = with(json!({"InstanceProfileName": "another"}));
    assert_eq!(assert_create_succeeds(&mut scenario, &renamed, "InstanceProfileName").await, "another");
}

/// The role of `NodeRoleArn` must exist with exactly this ARN, including its path.
#[tokio::test]
async fn missing_given_node_role_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    create_role(&Client::new(&scenario.cloud.admin()), "nodes", None).await;
    for arn in ["arn:aws:iam::111122223333:role/missing", "arn:aws:iam::111122223333:role/team/nodes"] {
        let problem = format!("the role {arn} of NodeRoleArn does not exist. Correct the ARN");
        assert_create_fails(&mut scenario, &with(json!({"NodeRoleArn": arn})), &[&problem]).await;
    }
    let given = with(json!({"NodeRoleArn": "arn:aws:iam::111122223333:role/nodes"}));
    assert_eq!(assert_create_succeeds(&mut scenario, &given, "NodeRoleName").await, "nodes");
}

/// Managed policies that do not exist are reported with their property, those of AWS and those of the account. Each policy is
/// read once, and not at all if it is already attached.
#[tokio::test]
async fn missing_managed_policies_are_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let misspelled = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAcess";
    let missing = "arn:aws:iam::111122223333:policy/missing";
    let wrong = with(json!({"NodePolicyArns": [misspelled], "ControllerPolicyArns": [missing]}));
    let words = [
        format!("the managed policy {misspelled} of NodePolicyArns does not exist. Correct the ARN"),
        format!("the managed policy {missing} of ControllerPolicyArns does not exist. Correct the ARN"),
    ];
    assert_create_fails(&mut scenario, &wrong, &[&words[0], &words[1]]).await;

    let iam = Client::new(&scenario.cloud.admin());
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]});
    let own = iam.create_policy().policy_name("own").policy_document(document.to_string()).send().await.unwrap();
    let own = own.policy().unwrap().arn().unwrap().to_owned();
    let right =
        with(json!({"NodePolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "ControllerPolicyArns": [own]}));
    let created = scenario.send(&scenario.resource.create(&right)).await.unwrap();
    let reads = created.calls.iter().filter(|call| call.is("iam", "GetPolicy")).count();
    assert_eq!(reads, 2, "each once");
    let id = created.succeeded().physical_resource_id.clone();
    let again = scenario.send(&scenario.resource.update(&id, &right, &right)).await.unwrap();
    assert!(again.calls.iter().all(|call| !call.is("iam", "GetPolicy")), "both are attached");
    again.wrote_nothing().succeeded();
}

/// More managed policies than a role can have (10) are reported before the role is created.
#[tokio::test]
async fn too_many_managed_policies_are_reported() {
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
    assert_create_fails(&mut scenario, &with(json!({"NodePolicyArns": arns})), &words).await;
    assert_create_succeeds(&mut scenario, &with(json!({"NodePolicyArns": arns[1..]})), "NodeRoleName").await;
}

/// IAM allows 10,240 characters in all inline policies of a role together. What an adopted role has counts too, and is reported
/// before its trust policy changes. With less of it, the role is adopted, and its own policies stay.
#[tokio::test]
async fn too_large_inline_policies_are_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let iam = Client::new(&scenario.cloud.admin());
    let name = "KarpenterControllerRole-demo";
    create_role(&iam, name, None).await;
    let policy = |length: usize| {
        let bucket = format!("arn:aws:s3:::{}", "b".repeat(length));
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": bucket}]})
    };
    let put = async |policy_name: &str, length: usize| {
        let document = policy(length).to_string();
        let put = iam.put_role_policy().role_name(name).policy_name(policy_name).policy_document(document);
        put.send().await.unwrap();
    };
    put("buckets", 6_000).await;
    put("more-buckets", 3_500).await;
    let adopt = with(json!({"ExistingObjects": "Adopt"}));
    let sizes = [policy(6_000), policy(3_500)].map(|policy| policy.to_string().len());
    let words = [
        format!("`buckets` {}, `more-buckets` {}", sizes[0], sizes[1]),
        "IAM allows 10240 in all inline policies of a role together".to_owned(),
        "Attach the other policies as managed policies".to_owned(),
    ];
    assert_create_fails(&mut scenario, &adopt, &[&words[0], &words[1], &words[2]]).await;
    put("more-buckets", 10).await;
    scenario.send(&scenario.resource.create(&adopt)).await.unwrap().succeeded();
    let kept = iam.list_role_policies().role_name(name).send().await.unwrap().policy_names;
    assert!(["buckets", "more-buckets"].iter().all(|name| kept.iter().any(|kept| kept == name)), "{kept:?}");
}
