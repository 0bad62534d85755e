//! A cluster in another account or region, which consists only of AWS's objects.

use aws_config::SdkConfig;
use aws_sdk_eks::types::AuthenticationMode;

use super::{
    eks,
    network::{Network, create_security_group},
    roles::{create_role, service_trust},
};
use crate::{cloud::Cloud, error::Error, world::World};

/// A cluster in authentication mode API. It has no control plane, because no test calls its Kubernetes API.
#[derive(Debug)]
pub struct Site {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Two subnets.
    pub subnet_ids: Vec<String>,
    /// A security group.
    pub security_group_id: String,
    /// An SDK configuration for the account's root user in this region.
    pub admin: SdkConfig,
}

impl Site {
    /// Creates the cluster, its network and its IAM role.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn create(cloud: &Cloud, account: &str, region: &str, cluster: &str) -> Result<Self, Error> {
        let admin = cloud.admin_in(account, region);
        let network = Network::create(&admin, cluster, 2).await?;
        let security_group_id = create_security_group(&admin, &network.vpc_id, "nodes").await?;
        let role = format!("{cluster}-cluster-{region}");
        let role_arn = create_role(&admin, &role, &service_trust("eks.amazonaws.com")).await?;
        eks::create_cluster(&admin, cluster, &role_arn, &network, AuthenticationMode::Api).await?;
        let subnet_ids = network.subnet_ids;
        Ok(Self { account: account.to_owned(), region: region.to_owned(), subnet_ids, security_group_id, admin })
    }

    /// Reads a snapshot of the account's IAM and the region's EC2.
    ///
    /// # Errors
    /// As [`World::read_account`].
    pub async fn world(&self) -> Result<World, Error> {
        World::read_account(&self.admin).await
    }
}
