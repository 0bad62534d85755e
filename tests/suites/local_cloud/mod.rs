//! The local cloud itself: it behaves like AWS. The other suites depend on this.

mod access;
mod gateway;
mod rules;

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use local_cloud::{Cloud, CloudOptions, cluster::create_role};
use serde_json::json;

/// Starts a cloud. Returns it with the SDK configuration of a role that may do everything and calls AWS through the gateway.
async fn cloud_and_caller(tls: bool) -> (Cloud, SdkConfig) {
    let cloud = Cloud::start(CloudOptions { tls, ..CloudOptions::default() }).await.unwrap();
    let credentials = session(&cloud).await;
    let config = through_gateway(&cloud, credentials);
    (cloud, config)
}

/// Returns the credentials of a role's session. `MiniStack` checks the signatures of sessions, but not those of a root key.
async fn session(cloud: &Cloud) -> Credentials {
    let admin = cloud.admin();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{}:root", cloud.account())},
    }]});
    let role_arn = create_role(&admin, "caller", &trust.to_string()).await.unwrap();
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ]});
    aws_sdk_iam::Client::new(&admin)
        .put_role_policy()
        .role_name("caller")
        .policy_name("everything")
        .policy_document(everything.to_string())
        .send()
        .await
        .unwrap();
    let assumed = aws_sdk_sts::Client::new(&admin)
        .assume_role()
        .role_arn(role_arn)
        .role_session_name("suite")
        .send()
        .await
        .unwrap();
    let session = assumed.credentials().unwrap();
    Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        None,
        "session",
    )
}

fn through_gateway(cloud: &Cloud, credentials: Credentials) -> SdkConfig {
    let trust = TrustStore::empty().with_pem_certificate(cloud.pki().ca_pem().as_bytes());
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trust).build().unwrap())
        .build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(cloud.region().to_owned()))
        .endpoint_url(cloud.gateway().url())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(5)))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(20)).build())
        .build()
}

async fn create_subnet(cloud: &Cloud) -> String {
    let ec2 = aws_sdk_ec2::Client::new(&cloud.admin());
    let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap();
    let vpc_id = vpc.vpc().unwrap().vpc_id().unwrap();
    let created = ec2.create_subnet().vpc_id(vpc_id).cidr_block("10.9.1.0/24").send().await.unwrap();
    created.subnet().unwrap().subnet_id().unwrap().to_owned()
}
