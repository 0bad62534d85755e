//! `check`: what somebody took away is found, each with its cure; what stands is no finding.

use aws_sdk_ec2::types::Tag;
use local_cloud::scenario::with;
use serde_json::{Value, json};

use super::Person;

#[tokio::test]
async fn what_is_missing_is_found_and_each_finding_has_its_cure() {
    let mut person = Person::start().await;
    let bare = person.says(&["check", "--property", "ClusterName=demo", "--json"]).await;
    assert_eq!(bare.code, Some(2), "{}", bare.stderr);
    let areas: Vec<_> = found(&bare.json()).into_iter().map(|(area, ..)| area).collect();
    for area in ["Karpenter can assume its role", "Karpenter has its permissions", "Nodes can join the cluster"] {
        assert!(areas.iter().any(|found| found == area), "{area}: {areas:?}");
    }

    person.scenario.send(&person.scenario.resource.create(&with(json!({})))).await.unwrap().succeeded();
    let whole = person.says(&["check", "--property", "ClusterName=demo"]).await;
    assert_eq!(whole.code, Some(0), "{}{}", whole.stdout, whole.stderr);
    assert!(whole.stdout.contains("✓ Nodes can join the cluster"), "{}", whole.stdout);
    assert!(whole.stdout.ends_with("Nothing is missing.\n"), "{}", whole.stdout);

    break_everything(&person).await;
    let broken = person.says(&["check", "--property", "ClusterName=demo", "--json"]).await;
    assert_eq!(broken.code, Some(2), "{}", broken.stderr);
    let found = found(&broken.json());
    let subnet = &person.scenario.cluster.subnet_ids[0];
    for (missing, cure) in [
        ("IAM has no OIDC provider for the issuer", "eksctl utils associate-iam-oidc-provider"),
        (
            "does not have the managed policy arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
            "aws iam attach-role-policy --role-name KarpenterNodeRole-demo",
        ),
        ("does not contain role `KarpenterNodeRole-demo`", "aws iam add-role-to-instance-profile"),
        (
            "mapRoles of kube-system/aws-auth has no entry for arn:aws:iam::111122223333:role/KarpenterNodeRole-demo",
            "add to mapRoles: {rolearn:",
        ),
        (
            &format!("do not have the tag `karpenter.sh/discovery` = `demo`: {subnet}"),
            "aws ec2 create-tags --resources",
        ),
        ("does not allow\n+ Karpenter: ", "change its Revision"),
    ] {
        let with_cure = found.iter().any(|(_, told, to_do)| told.contains(missing) && to_do.contains(cure));
        assert!(with_cure, "{missing} → {cure}\n{found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

/// Permissions are judged for the release that is asked for.
#[tokio::test]
async fn an_older_releases_permissions_are_found_wanting_for_a_newer_one() {
    let mut person = Person::start().await;
    let properties = with(json!({"KarpenterVersion": "0.37"}));
    person.scenario.send(&person.scenario.resource.create(&properties)).await.unwrap().succeeded();
    let check = ["check", "-p", "ClusterName=demo", "-p"];
    let same = person.says(&[&check[..], &["KarpenterVersion=0.37"]].concat()).await;
    assert_eq!(same.code, Some(0), "{}{}", same.stdout, same.stderr);
    let newer = person.says(&[&check[..], &["KarpenterVersion=1.14.1"]].concat()).await;
    assert_eq!(newer.code, Some(2), "{}{}", newer.stdout, newer.stderr);
    assert!(newer.stdout.contains("✗ Karpenter has its permissions"), "{}", newer.stdout);
    assert!(newer.stdout.contains("iam:ListInstanceProfiles"), "{}", newer.stdout);

    let none = person.says(&["check", "-p", "ClusterName=nope"]).await;
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(none.stdout.contains("? Nodes can join the cluster: not known"), "{}", none.stdout);
}

/// Area, what is missing, and the cure.
fn found(findings: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings["findings"].as_array().unwrap().iter();
    findings.map(|found| (text(&found["area"]), text(&found["message"]), text(&found["remedy"]))).collect()
}

/// Takes away one thing of each kind.
async fn break_everything(person: &Person) {
    let admin = person.scenario.cloud.admin();
    let (iam, ec2) = (aws_sdk_iam::Client::new(&admin), aws_sdk_ec2::Client::new(&admin));
    let provider = person.scenario.cluster.oidc_provider_arn.as_deref().unwrap();
    iam.delete_open_id_connect_provider().open_id_connect_provider_arn(provider).send().await.unwrap();
    let (role, profile) = ("KarpenterNodeRole-demo", "KarpenterNodeInstanceProfile-demo");
    let arn = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy";
    iam.detach_role_policy().role_name(role).policy_arn(arn).send().await.unwrap();
    iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    let policy = iam.delete_role_policy().role_name("KarpenterControllerRole-demo");
    policy.policy_name("KarpenterControllerPolicy-demo").send().await.unwrap();
    let tag = Tag::builder().key("karpenter.sh/discovery").build();
    ec2.delete_tags().resources(&person.scenario.cluster.subnet_ids[0]).tags(tag).send().await.unwrap();
    person.scenario.cluster.control_plane().set_aws_auth("[]\n").await.unwrap();
}
