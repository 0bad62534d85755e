//! The rules of AWS that `MiniStack` lacks: the gateway and the additions in `ministack/` enforce them.

use std::time::Duration;

use aws_sdk_ec2::types::Tag as Ec2Tag;
use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::types::Tag as IamTag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use local_cloud::{
    ClusterOptions,
    cluster::{create_role, service_trust},
    gateway::{Consistency, Strictness},
    scenario::Scenario,
};
use serde_json::json;

use super::{cloud_and_caller, create_subnet};

#[tokio::test]
async fn invalid_requests_get_aws_error_codes() {
    let (cloud, config) = cloud_and_caller(false).await;
    let subnet = create_subnet(&cloud).await;
    let iam = aws_sdk_iam::Client::new(&config);
    let ec2 = aws_sdk_ec2::Client::new(&config);
    let ec2_tag = |key: &str| Ec2Tag::builder().key(key).value("v").build();
    let iam_tag = |key: String| IamTag::builder().key(key).value("v").build().unwrap();

    let long = iam.get_role().role_name("r".repeat(65)).send().await.unwrap_err();
    assert_eq!(long.code(), Some("ValidationError"));

    create_role(&config, "r", "{\"Version\":\"2012-10-17\",\"Statement\":[]}").await.unwrap();
    let attach = |policy: &str| {
        let arn = format!("arn:aws:iam::aws:policy/{policy}");
        iam.attach_role_policy().role_name("r").policy_arn(arn).send()
    };
    assert_eq!(attach("AmazonEKSCniPolicy").await.unwrap_err().code(), Some("NoSuchEntity"));
    attach("AmazonEKS_CNI_Policy").await.unwrap();

    let fifty = (1..=50).map(|n| iam_tag(format!("k{n}"))).collect();
    iam.tag_role().role_name("r").set_tags(Some(fifty)).send().await.unwrap();
    let again = iam.tag_role().role_name("r").tags(iam_tag("k50".to_owned())).send().await;
    again.expect("an existing tag does not count again");
    let more = iam.tag_role().role_name("r").tags(iam_tag("k51".to_owned())).send().await.unwrap_err();
    assert_eq!(more.code(), Some("LimitExceeded"));

    for (resource, key, code) in [
        ("subnet-0123456789abcdef0", "k", Some("InvalidSubnetID.NotFound")),
        ("sg-0123456789abcdef0", "k", Some("InvalidGroup.NotFound")),
        (subnet.as_str(), "aws:k", Some("InvalidParameterValue")),
        (subnet.as_str(), "k", None),
    ] {
        let created = ec2.create_tags().resources(resource).tags(ec2_tag(key)).send().await;
        assert_eq!(created.as_ref().err().and_then(ProvideErrorMetadata::code), code, "{resource} {key}");
    }
    let forty_nine = (1..=49).map(|n| ec2_tag(&format!("k{n}"))).collect();
    ec2.create_tags().resources(&subnet).set_tags(Some(forty_nine)).send().await.unwrap();
    let more = ec2.create_tags().resources(&subnet).tags(ec2_tag("last")).send().await.unwrap_err();
    assert_eq!(more.code(), Some("TagLimitExceeded"));
}

/// With the option `consistency` the gateway simulates IAM's eventual consistency: the next calls do not find a new role.
#[tokio::test]
async fn new_role_is_not_found_at_first() {
    let (cloud, config) = cloud_and_caller(false).await;
    let iam = aws_sdk_iam::Client::new(&config);
    let iam_tag = |key: String| IamTag::builder().key(key).value("v").build().unwrap();
    let consistency = Some(Consistency { calls: 2, within: Duration::from_mins(1) });
    cloud.gateway().set_strictness(Strictness { consistency, ..Strictness::default() });
    create_role(&config, "fresh", "{\"Version\":\"2012-10-17\",\"Statement\":[]}").await.unwrap();
    let tag = || iam.tag_role().role_name("fresh").tags(iam_tag("k".to_owned())).send();
    for _ in 0..2 {
        assert_eq!(tag().await.unwrap_err().code(), Some("NoSuchEntity"));
    }
    tag().await.unwrap();
}

/// A role accepts at most ten managed policies, which must exist. An instance profile accepts one role.
#[tokio::test]
async fn iam_quotas_are_enforced() {
    let (_cloud, config) = cloud_and_caller(false).await;
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = service_trust("ec2.amazonaws.com");
    for role in ["r", "s"] {
        create_role(&config, role, &trust).await.unwrap();
    }
    let attach = |arn: &str| iam.attach_role_policy().role_name("r").policy_arn(arn).send();
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    for number in 1..=11 {
        let make = iam.create_policy().policy_name(format!("p{number}")).policy_document(document.to_string());
        make.send().await.unwrap();
        let attached = attach(&format!("arn:aws:iam::111122223333:policy/p{number}")).await;
        let code = attached.as_ref().err().and_then(ProvideErrorMetadata::code);
        assert_eq!(code, (10 < number).then_some("LimitExceeded"), "{number}");
    }
    attach("arn:aws:iam::111122223333:policy/p1").await.expect("an attached policy does not count again");
    let missing = attach("arn:aws:iam::111122223333:policy/missing").await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchEntity"));

    iam.create_instance_profile().instance_profile_name("p").send().await.unwrap();
    for (role, code) in [("r", None), ("s", Some("LimitExceeded"))] {
        let added = iam.add_role_to_instance_profile().instance_profile_name("p").role_name(role).send().await;
        assert_eq!(added.as_ref().err().and_then(ProvideErrorMetadata::code), code, "{role}");
    }
}

/// An access entry needs an existing role and a cluster whose authentication mode has access entries. Its type cannot change,
/// and settings that its type forbids are rejected.
#[tokio::test]
async fn access_entry_rules_are_enforced() {
    let (cloud, config) = cloud_and_caller(false).await;
    let options = |authentication_mode| ClusterOptions { authentication_mode, ..ClusterOptions::default() };
    let _with = cloud.create_cluster("with", options(AuthenticationMode::Api)).await.unwrap();
    let _without = cloud.create_cluster("without", options(AuthenticationMode::ConfigMap)).await.unwrap();
    create_role(&config, "r", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let eks = aws_sdk_eks::Client::new(&config);
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    let make = |cluster: &str, role: String, kind: &str| {
        eks.create_access_entry().cluster_name(cluster).principal_arn(role).r#type(kind)
    };
    let invalid = [
        (make("without", role("r"), "EC2_LINUX"), "InvalidRequestException"),
        (make("with", role("missing"), "EC2_LINUX"), "InvalidParameterException"),
        (make("with", role("r"), "EC2_LINUX").kubernetes_groups("nodes"), "InvalidParameterException"),
        (make("with", role("r"), "STANDARD").kubernetes_groups("system:masters"), "InvalidParameterException"),
    ];
    for (call, code) in invalid {
        assert_eq!(call.send().await.unwrap_err().code(), Some(code));
    }
    make("with", role("r"), "EC2_LINUX").send().await.unwrap();
    let again = make("with", role("r"), "STANDARD").send().await.unwrap_err();
    assert_eq!(again.code(), Some("ResourceInUseException"));
}

/// As in EC2, DeleteTags with a value deletes the tag only if it has that value.
#[tokio::test]
async fn tag_with_value_is_deleted_only_if_equal() {
    let scenario = Scenario::start().await.unwrap();
    let ec2 = aws_sdk_ec2::Client::new(&scenario.cloud.admin());
    let subnet = scenario.cluster.subnet_ids[0].clone();
    let tag = |value: Option<&str>| Ec2Tag::builder().key("team").set_value(value.map(str::to_owned)).build();
    for (value, is_kept) in [(Some("red"), false), (Some("blue"), true), (None, false)] {
        ec2.create_tags().resources(&subnet).tags(tag(Some("red"))).send().await.unwrap();
        ec2.delete_tags().resources(&subnet).tags(tag(value)).send().await.unwrap();
        let exists = scenario.world().await.unwrap().json(&subnet).get("team").is_some();
        assert_eq!(exists, is_kept, "{value:?}");
    }
}
