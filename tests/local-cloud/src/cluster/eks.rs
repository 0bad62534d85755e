//! AWS's objects for a cluster: the EKS cluster, and IAM's OIDC provider for its issuer.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_eks::types::{
    AuthenticationMode, ClusterStatus, CreateAccessConfigRequest, KubernetesNetworkConfigRequest, VpcConfigRequest,
};

use super::network::Network;
use crate::{error::Error, process::wait_until};

/// Creates the cluster, and returns its ARN and its issuer.
pub(super) async fn create_cluster(
    admin: &SdkConfig,
    name: &str,
    role_arn: &str,
    network: &Network,
    mode: AuthenticationMode,
) -> Result<(String, String), Error> {
    let eks = aws_sdk_eks::Client::new(admin);
    eks.create_cluster()
        .name(name)
        .version("1.33")
        .role_arn(role_arn)
        .resources_vpc_config(
            VpcConfigRequest::builder()
                .set_subnet_ids(Some(network.subnet_ids.clone()))
                .endpoint_public_access(true)
                .build(),
        )
        .access_config(CreateAccessConfigRequest::builder().authentication_mode(mode).build())
        .kubernetes_network_config(KubernetesNetworkConfigRequest::builder().service_ipv4_cidr("10.100.0.0/16").build())
        .send()
        .await
        .map_err(Error::aws("CreateCluster"))?;
    let cluster = wait_until("the EKS cluster is ACTIVE", ACTIVE_BOUND, async || {
        let response = eks.describe_cluster().name(name).send().await.ok()?;
        response.cluster.filter(|cluster| cluster.status() == Some(&ClusterStatus::Active))
    })
    .await?;
    let missing = |field| Error::Incomplete { operation: "DescribeCluster", field };
    let arn = cluster.arn().ok_or_else(|| missing("arn"))?.to_owned();
    let issuer = cluster
        .identity()
        .and_then(|identity| identity.oidc())
        .and_then(|oidc| oidc.issuer())
        .ok_or_else(|| missing("identity.oidc.issuer"))?;
    Ok((arn, issuer.to_owned()))
}

pub(super) async fn create_oidc_provider(
    admin: &SdkConfig,
    issuer: &str,
    audiences: Vec<String>,
) -> Result<String, Error> {
    let response = aws_sdk_iam::Client::new(admin)
        .create_open_id_connect_provider()
        .url(issuer)
        .set_client_id_list(Some(audiences))
        .send()
        .await
        .map_err(Error::aws("CreateOpenIDConnectProvider"))?;
    let missing = Error::Incomplete { operation: "CreateOpenIDConnectProvider", field: "OpenIDConnectProviderArn" };
    response.open_id_connect_provider_arn.ok_or(missing)
}

/// MiniStack's clusters are ACTIVE immediately.
const ACTIVE_BOUND: Duration = Duration::from_secs(10);
