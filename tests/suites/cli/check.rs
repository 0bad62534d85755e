//! `check`: each missing object is a finding with a remedy. An object that exists is no finding.

use aws_sdk_ec2::types::Tag;
use local_cloud::{cli::CommandOutput, gateway::ClusterRewrite, ports, scenario::with};
use serde_json::{Value, json};

use super::User;

/// The exit code is 2 before the Create, 0 after it, and 2 after one object of each kind was deleted.
#[tokio::test]
async fn check_with_missing_objects_reports_each_with_remedy() {
    let mut user = User::start().await;
    let bare = user.run(&["check", "--property", "ClusterName=demo", "--json"]).await;
    assert_eq!(bare.code, Some(2), "{}", bare.stderr);
    let areas: Vec<_> = findings(&bare.json()).into_iter().map(|(area, ..)| area).collect();
    for area in ["Karpenter can assume its role", "Karpenter has its permissions", "Nodes can join the cluster"] {
        assert!(areas.iter().any(|found| found == area), "{area}: {areas:?}");
    }

    user.scenario.send(&user.scenario.resource.create(&with(json!({})))).await.unwrap().succeeded();
    let whole = user.run(&["check", "--property", "ClusterName=demo"]).await;
    assert_eq!(whole.code, Some(0), "{}{}", whole.stdout, whole.stderr);
    assert!(whole.stdout.contains("✓ Nodes can join the cluster"), "{}", whole.stdout);
    assert!(whole.stdout.ends_with("Nothing is missing.\n"), "{}", whole.stdout);

    break_everything(&user).await;
    let broken = user.run(&["check", "--property", "ClusterName=demo", "--json"]).await;
    assert_eq!(broken.code, Some(2), "{}", broken.stderr);
    let found = findings(&broken.json());
    let subnet = &user.scenario.cluster.subnet_ids[0];
    for (missing, remedy) in [
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
        let is_reported = found.iter().any(|(_, message, text)| message.contains(missing) && text.contains(remedy));
        assert!(is_reported, "{missing} → {remedy}\n{found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");
}

/// The permissions of the controller role are compared with those of the Karpenter version in the properties. For a cluster
/// that does not exist, `check` reports that node access is not known.
#[tokio::test]
async fn check_with_older_version_reports_missing_permissions() {
    let mut user = User::start().await;
    let properties = with(json!({"KarpenterVersion": "0.37"}));
    user.scenario.send(&user.scenario.resource.create(&properties)).await.unwrap().succeeded();
    let check = ["check", "-p", "ClusterName=demo", "-p"];
    let same = user.run(&[&check[..], &["KarpenterVersion=0.37"]].concat()).await;
    assert_eq!(same.code, Some(0), "{}{}", same.stdout, same.stderr);
    let newer = user.run(&[&check[..], &["KarpenterVersion=1.14.1"]].concat()).await;
    assert_eq!(newer.code, Some(2), "{}{}", newer.stdout, newer.stderr);
    assert!(newer.stdout.contains("✗ Karpenter has its permissions"), "{}", newer.stdout);
    assert!(newer.stdout.contains("iam:ListInstanceProfiles"), "{}", newer.stdout);

    let none = user.run(&["check", "-p", "ClusterName=nope"]).await;
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(none.stdout.contains("? Nodes can join the cluster: not known"), "{}", none.stdout);
}

/// Without the Kubernetes API, `check` reports that, with a remedy for the user and not for the function, and everything else.
#[tokio::test]
async fn check_without_kubernetes_api_reports_the_rest() {
    let user = User::start().await;
    let check = ["check", "-p", "ClusterName=demo", "-p", "NodeAccess=AwsAuth"];
    let with_access = user.run(&[&check[..], &["--json"]].concat()).await;
    let expected: Vec<_> = findings(&with_access.json()).into_iter().filter(|(area, ..)| area != JOIN).collect();
    assert!(3 < expected.len(), "{expected:#?}");

    let stranger = user.cli.clone().with("AWS_ACCESS_KEY_ID", user.scenario.cloud.account());
    let stranger = stranger.with("AWS_SECRET_ACCESS_KEY", "test").with("AWS_SESSION_TOKEN", "");
    let denied = stranger.run(&[&check[..], &["--json"]].concat(), "").await.unwrap();
    let remedy = assert_not_read(&denied, &expected, "KP0207: the Kubernetes API at ");
    assert!(remedy.contains("use a profile that leads to a role that has access"), "{remedy}");

    let endpoint = format!("https://127.0.0.1:{}", ports::free().unwrap());
    let unreachable = ClusterRewrite { endpoint: Some(endpoint.clone()), ..user.scenario.cluster.rewrite() };
    user.scenario.cloud.gateway().set_cluster("demo", unreachable);
    let output = user.run(&[&check[..], &["--json"]].concat()).await;
    let remedy =
        assert_not_read(&output, &expected, &format!("KP0206: cannot reach the Kubernetes API at {endpoint}: "));
    assert_eq!(
        remedy,
        "If the endpoint is private, run this command in the cluster's VPC, or connect to the VPC with a VPN"
    );
    let text = user.run(&check).await.stdout;
    assert!(text.contains("? Nodes can join the cluster: not known\n      KP0416: "), "{text}");
}

/// Asserts that the output has these findings, and the finding that aws-auth was not read because of this error. Returns the
/// remedy of the latter.
fn assert_not_read(output: &CommandOutput, expected: &[(String, String, String)], error: &str) -> String {
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let mut found = findings(&output.json());
    let (area, message, remedy) = found.pop().unwrap();
    assert_eq!(found, expected);
    assert_eq!(area, JOIN);
    let text = format!("the ConfigMap kube-system/aws-auth could not be read\n{error}");
    assert!(message.starts_with(&text), "{message}");
    remedy
}

const JOIN: &str = "Nodes can join the cluster";

/// Returns area, message and remedy of each finding in the JSON output.
fn findings(output: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = output["findings"].as_array().unwrap().iter();
    findings.map(|finding| (text(&finding["area"]), text(&finding["message"]), text(&finding["remedy"]))).collect()
}

/// Deletes one object of each kind, as an administrator could by mistake.
async fn break_everything(user: &User) {
    let admin = user.scenario.cloud.admin();
    let (iam, ec2) = (aws_sdk_iam::Client::new(&admin), aws_sdk_ec2::Client::new(&admin));
    let provider = user.scenario.cluster.oidc_provider_arn.as_deref().unwrap();
    iam.delete_open_id_connect_provider().open_id_connect_provider_arn(provider).send().await.unwrap();
    let (role, profile) = ("KarpenterNodeRole-demo", "KarpenterNodeInstanceProfile-demo");
    let arn = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy";
    iam.detach_role_policy().role_name(role).policy_arn(arn).send().await.unwrap();
    iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    let policy = iam.delete_role_policy().role_name("KarpenterControllerRole-demo");
    policy.policy_name("KarpenterControllerPolicy-demo").send().await.unwrap();
    let tag = Tag::builder().key("karpenter.sh/discovery").build();
    ec2.delete_tags().resources(&user.scenario.cluster.subnet_ids[0]).tags(tag).send().await.unwrap();
    user.scenario.cluster.control_plane().set_aws_auth("[]\n").await.unwrap();
}
