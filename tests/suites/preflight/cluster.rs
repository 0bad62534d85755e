//! Clusters that are not there, not ready, or let nodes in another way; and their OIDC providers.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    cluster::{create_role, service_trust},
    gateway::ClusterRewrite,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::json;

use super::{accepts, refuses, with};

/// A cluster that is not there, or not ACTIVE, is told by name; one that is being updated serves on.
#[tokio::test]
async fn a_cluster_that_is_missing_or_not_active_is_told() {
    let mut scenario = Scenario::start().await.unwrap();
    let nowhere = json!({"ClusterName": "nowhere"});
    let words = ["EKS has no cluster `nowhere` in us-east-1 of account 111122223333", "check ClusterName"];
    let reason = refuses(&mut scenario, &nowhere, &words).await;
    assert!(!reason.contains("also"), "what only follows from it is noise: {reason}");
    for status in ["CREATING", "DELETING", "FAILED", "PENDING"] {
        let rewrite = ClusterRewrite { status: Some(status.to_owned()), ..scenario.cluster.rewrite() };
        scenario.cloud.gateway().set_cluster("demo", rewrite);
        let told = format!("cluster `demo` is {status}: wait until it is ACTIVE");
        refuses(&mut scenario, &with(json!({})), &[&told]).await;
    }
    let rewrite = ClusterRewrite { status: Some("UPDATING".to_owned()), ..scenario.cluster.rewrite() };
    scenario.cloud.gateway().set_cluster("demo", rewrite);
    accepts(&mut scenario, &with(json!({})), "ClusterName").await;
}

/// Without an IAM OIDC provider for the issuer, or with one that lacks STS's audience, the command that helps is
/// told; with it, the same Create succeeds.
#[tokio::test]
async fn an_oidc_provider_that_is_missing_or_incomplete_is_told_with_the_command_that_helps() {
    let options = ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let issuer = scenario.cluster.issuer.clone();
    let words =
        [&*issuer, "IAM has no OIDC provider", "`eksctl utils associate-iam-oidc-provider --cluster demo --approve`"];
    refuses(&mut scenario, &with(json!({})), &words).await;

    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let make = async |audience: &str| {
        let made = iam.create_open_id_connect_provider().url(&issuer).client_id_list(audience).send().await.unwrap();
        made.open_id_connect_provider_arn.unwrap()
    };
    let arn = make("another.example.com").await;
    let command = format!(
        "`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id sts.amazonaws.com`"
    );
    refuses(&mut scenario, &with(json!({})), &["has no audience `sts.amazonaws.com`", &command]).await;

    // MiniStack adds no audience to a provider that is there.
    iam.delete_open_id_connect_provider().open_id_connect_provider_arn(&arn).send().await.unwrap();
    let arn = make("sts.amazonaws.com").await;
    assert_eq!(accepts(&mut scenario, &with(json!({})), "OidcProviderArn").await, arn);
}

/// Where aws-auth would have no effect, that is told before anything is made; without a word on it an access entry is made.
#[tokio::test]
async fn a_cluster_with_access_entries_alone_is_told() {
    let options = ClusterOptions { authentication_mode: AuthenticationMode::Api, ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    let words = ["authenticationMode API", "set NodeAccess to AccessEntry, or leave it out"];
    refuses(&mut scenario, &with(json!({"NodeAccess": "AwsAuth"})), &words).await;
    for (asked, used) in [("Auto", "AccessEntry"), ("AccessEntry", "AccessEntry"), ("None", "None")] {
        assert_eq!(accepts(&mut scenario, &with(json!({"NodeAccess": asked})), "NodeAccess").await, used);
    }
}

/// An access entry of another type for the node role would override aws-auth, and let no node join; one for nodes agrees with
/// it.
#[tokio::test]
async fn an_access_entry_that_overrides_aws_auth_is_told() {
    let options =
        ClusterOptions { authentication_mode: AuthenticationMode::ApiAndConfigMap, ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    let trust = service_trust("ec2.amazonaws.com");
    let role = create_role(&scenario.cloud.admin(), "existing-nodes", &trust).await.unwrap();
    let entry =
        |kind: &'static str| eks.create_access_entry().cluster_name("demo").principal_arn(&role).r#type(kind).send();
    entry("STANDARD").await.unwrap();
    let command = format!("`aws eks delete-access-entry --cluster-name demo --principal-arn {role}`");
    let with = |access: &str| with(json!({"NodeRoleArn": role, "NodeAccess": access}));
    for access in ["AwsAuth", "Auto"] {
        let words = ["has the type STANDARD", "need the type EC2_LINUX", &command];
        refuses(&mut scenario, &with(access), &words).await;
    }
    eks.delete_access_entry().cluster_name("demo").principal_arn(&role).send().await.unwrap();
    entry("EC2_LINUX").await.unwrap();
    for (asked, used) in [("AwsAuth", "AwsAuth"), ("Auto", "AccessEntry")] {
        assert_eq!(accepts(&mut scenario, &with(asked), "NodeAccess").await, used);
    }
}
