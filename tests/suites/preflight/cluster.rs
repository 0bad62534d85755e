//! Clusters that do not exist, are not active, or give nodes access in another way, and their OIDC providers.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{
    CloudOptions, ClusterOptions,
    cluster::{create_role, service_trust},
    gateway::ClusterRewrite,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::json;

use super::{assert_create_fails, assert_create_succeeds, with};

/// A cluster that does not exist, or is not ACTIVE, is reported by name. A cluster with the status UPDATING is accepted.
#[tokio::test]
async fn missing_or_inactive_cluster_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let nowhere = json!({"ClusterName": "nowhere"});
    let words = ["EKS has no cluster `nowhere` in region us-east-1 of account 111122223333", "Correct ClusterName"];
    let reason = assert_create_fails(&mut scenario, &nowhere, &words).await;
    assert!(!reason.contains(". KP"), "consequences of a missing cluster are not reported: {reason}");
    for status in ["CREATING", "DELETING", "FAILED", "PENDING"] {
        let rewrite = ClusterRewrite { status: Some(status.to_owned()), ..scenario.cluster.rewrite() };
        scenario.cloud.gateway().set_cluster("demo", rewrite);
        let problem = format!("cluster `demo` is {status}. Wait until it is ACTIVE");
        assert_create_fails(&mut scenario, &with(json!({})), &[&problem]).await;
    }
    let rewrite = ClusterRewrite { status: Some("UPDATING".to_owned()), ..scenario.cluster.rewrite() };
    scenario.cloud.gateway().set_cluster("demo", rewrite);
    assert_create_succeeds(&mut scenario, &with(json!({})), "ClusterName").await;
}

/// If IAM has no OIDC provider for the issuer, or one without the audience of STS, the Reason has the command that solves it.
/// After that command, the same Create succeeds.
#[tokio::test]
async fn missing_or_incomplete_oidc_provider_is_reported() {
    let options = ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let issuer = scenario.cluster.issuer.clone();
    let words =
        [&*issuer, "IAM has no OIDC provider", "`eksctl utils associate-iam-oidc-provider --cluster demo --approve`"];
    assert_create_fails(&mut scenario, &with(json!({})), &words).await;

    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let create_provider = async |audience: &str| {
        let created = iam.create_open_id_connect_provider().url(&issuer).client_id_list(audience).send().await.unwrap();
        created.open_id_connect_provider_arn.unwrap()
    };
    let arn = create_provider("another.example.com").await;
    let command = format!(
        "`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id sts.amazonaws.com`"
    );
    assert_create_fails(&mut scenario, &with(json!({})), &["has no audience `sts.amazonaws.com`", &command]).await;

    // MiniStack cannot add an audience to an existing provider.
    iam.delete_open_id_connect_provider().open_id_connect_provider_arn(&arn).send().await.unwrap();
    let arn = create_provider("sts.amazonaws.com").await;
    assert_eq!(assert_create_succeeds(&mut scenario, &with(json!({})), "OidcProviderArn").await, arn);
}

/// On a cluster with the authentication mode `API`, aws-auth has no effect, so `NodeAccess` `AwsAuth` fails before any change.
/// With `Auto` the function creates an access entry.
#[tokio::test]
async fn aws_auth_on_api_only_cluster_is_reported() {
    let options = ClusterOptions { authentication_mode: AuthenticationMode::Api, ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    let words = ["authentication mode API", "Set NodeAccess to AccessEntry, or remove it"];
    assert_create_fails(&mut scenario, &with(json!({"NodeAccess": "AwsAuth"})), &words).await;
    for (requested, used) in [("Auto", "AccessEntry"), ("AccessEntry", "AccessEntry"), ("None", "None")] {
        assert_eq!(
            assert_create_succeeds(&mut scenario, &with(json!({"NodeAccess": requested})), "NodeAccess").await,
            used
        );
    }
}

/// An access entry for the node role overrides aws-auth. With a type other than `EC2_LINUX` no node could join, so the Create
/// fails before any change. An entry of that type is accepted.
#[tokio::test]
async fn access_entry_overriding_aws_auth_is_reported() {
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
        assert_create_fails(&mut scenario, &with(access), &words).await;
    }
    eks.delete_access_entry().cluster_name("demo").principal_arn(&role).send().await.unwrap();
    entry("EC2_LINUX").await.unwrap();
    for (requested, used) in [("AwsAuth", "AwsAuth"), ("Auto", "AccessEntry")] {
        assert_eq!(assert_create_succeeds(&mut scenario, &with(requested), "NodeAccess").await, used);
    }
}
