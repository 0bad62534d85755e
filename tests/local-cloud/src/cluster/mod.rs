//! An EKS cluster: AWS's objects, and a control plane of real programs.

mod eks;
mod network;
mod node_groups;
mod roles;
mod site;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_eks::types::AuthenticationMode;

use self::network::Network;
pub use self::{
    node_groups::{LaunchTemplate, NodeGroup, NodeGroupOptions},
    roles::{account_trust, create_role, service_trust},
    site::Site,
};
use crate::{
    cloud::Cloud,
    control_plane::{ControlPlane, ControlPlaneOptions, Identity},
    error::Error,
    folder::RunFolder,
    gateway::{ClusterRewrite, Gateway, KubernetesGateway},
    node::{Node, assume_role},
    process::wait_until,
    token::eks_token,
    tools::Tools,
    web_identity,
};

/// The options of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The authentication mode.
    pub authentication_mode: AuthenticationMode,
    /// The number of subnets in the VPC, distributed over three zones.
    pub subnets: usize,
    /// The node groups.
    pub node_groups: Vec<NodeGroupOptions>,
    /// The audiences of IAM's OIDC provider for the cluster's issuer. Without audiences, no provider is created.
    pub oidc_audiences: Vec<String>,
}

/// Four subnets. One node group without a launch template and one with a launch template, which share a subnet.
impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            authentication_mode: AuthenticationMode::ConfigMap,
            subnets: 4,
            node_groups: vec![
                NodeGroupOptions { name: "plain".to_owned(), subnets: 0..2, launch_template: LaunchTemplate::None },
                NodeGroupOptions {
                    name: "templated".to_owned(),
                    subnets: 1..4,
                    launch_template: LaunchTemplate::SecurityGroups(2),
                },
            ],
            oidc_audiences: vec!["sts.amazonaws.com".to_owned()],
        }
    }
}

/// An EKS cluster of the cloud. Dropping it stops its control plane.
pub struct Cluster {
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: String,
    /// The authentication mode.
    pub authentication_mode: AuthenticationMode,
    /// The OIDC issuer, with its scheme.
    pub issuer: String,
    /// The ARN of IAM's OIDC provider for the issuer, if there is one.
    pub oidc_provider_arn: Option<String>,
    /// The role of the cluster's creator. The cluster authenticates it regardless of aws-auth. Every principal of the account
    /// may assume it.
    pub creator_role_arn: String,
    /// The VPC.
    pub vpc_id: String,
    /// The VPC's subnets.
    pub subnet_ids: Vec<String>,
    /// The cluster security group of EKS, as the function sees it.
    pub cluster_security_group_id: String,
    /// The node groups.
    pub node_groups: Vec<NodeGroup>,
    rewrite: ClusterRewrite,
    _kubernetes: KubernetesGateway,
    control_plane: ControlPlane,
    admin: SdkConfig,
    region: String,
    _folder: Arc<RunFolder>,
}

impl Cluster {
    /// Creates a cluster. Call [`Cloud::create_cluster`] instead.
    pub(crate) async fn create(cloud: &Cloud, name: &str, options: ClusterOptions) -> Result<Self, Error> {
        let admin = cloud.admin();
        let network = Network::create(&admin, name, options.subnets).await?;
        let creator_role_arn = create_role(&admin, &format!("{name}-creator"), &account_trust(cloud.account())).await?;
        let service_role_arn =
            create_role(&admin, &format!("{name}-cluster"), &service_trust("eks.amazonaws.com")).await?;
        let (arn, issuer) =
            eks::create_cluster(&admin, name, &service_role_arn, &network, options.authentication_mode.clone()).await?;
        let oidc_provider_arn = match options.oidc_audiences {
            audiences if audiences.is_empty() => None,
            audiences => Some(eks::create_oidc_provider(&admin, &issuer, audiences).await?),
        };
        let node_role_arn =
            create_role(&admin, &format!("{name}-managed-nodes"), &service_trust("ec2.amazonaws.com")).await?;
        let mut node_groups = Vec::new();
        for group in options.node_groups {
            node_groups.push(NodeGroup::create(&admin, name, &node_role_arn, &network, group).await?);
        }

        let mode = &options.authentication_mode;
        let access_entries = (*mode != AuthenticationMode::ConfigMap).then(|| cloud.access_entries_of(name));
        let control_plane = ControlPlane::start(
            &cloud.run_folder().subfolder(&format!("cluster-{name}"))?,
            &Tools::locate().await?.control_plane,
            cloud.pki(),
            &ControlPlaneOptions {
                cluster: name,
                issuer: &issuer,
                creator_role_arn: &creator_role_arn,
                sts_proxy_url: cloud.sts_proxy().url(),
                has_aws_auth: *mode != AuthenticationMode::Api,
                access_entries: access_entries.as_deref(),
                ec2_endpoint: cloud.aws_url(),
                account: cloud.account(),
                region: cloud.region(),
            },
        )
        .await?;
        let kubernetes = serve_kubernetes(cloud, name, &control_plane).await?;
        let launch_templates = node_groups
            .iter()
            .filter_map(|group| Some((group.name.clone(), (group.launch_template_id.clone()?, "1".to_owned()))));
        let rewrite = ClusterRewrite {
            endpoint: Some(kubernetes.url().to_owned()),
            ca_pem: Some(cloud.pki().ca_pem()),
            cluster_security_group_id: Some(network.cluster_security_group_id.clone()),
            launch_templates: launch_templates.collect(),
            ..ClusterRewrite::default()
        };
        cloud.gateway().set_cluster(name, rewrite.clone());
        Ok(Self {
            name: name.to_owned(),
            arn,
            authentication_mode: options.authentication_mode,
            issuer,
            oidc_provider_arn,
            creator_role_arn,
            vpc_id: network.vpc_id,
            subnet_ids: network.subnet_ids,
            cluster_security_group_id: network.cluster_security_group_id,
            node_groups,
            rewrite,
            _kubernetes: kubernetes,
            control_plane,
            admin,
            region: cloud.region().to_owned(),
            _folder: Arc::clone(cloud.run_folder()),
        })
    }

    /// The control plane, with the Kubernetes API and its authentication.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// Returns the subnets and security groups of the node groups, subnets first. Discovery finds these.
    pub fn tagged(&self) -> Vec<String> {
        let groups: BTreeSet<_> =
            self.node_groups.iter().flat_map(|group| group.security_group_ids.iter().cloned()).collect();
        self.subnet_ids.iter().cloned().chain(groups).collect()
    }

    /// Returns the values that the gateway puts into responses for this cluster. A test can change them and call
    /// [`Gateway::set_cluster`].
    pub fn rewrite(&self) -> ClusterRewrite {
        self.rewrite.clone()
    }

    /// Runs an instance with this profile in the cluster's first subnet.
    ///
    /// # Errors
    /// As [`Node::run`].
    pub async fn run_node(&self, instance_profile: &str) -> Result<Node, Error> {
        let subnet = self
            .subnet_ids
            .first()
            .ok_or_else(|| Error::Unusable(format!("cluster {} has no subnet to run a node in", self.name)))?;
        Node::run(&self.admin, instance_profile, subnet).await
    }

    /// Terminates a node's instance. The session of the node remains valid.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn end_node(&self, node: &Node) -> Result<(), Error> {
        let ec2 = aws_sdk_ec2::Client::new(&self.admin);
        let ended = ec2.terminate_instances().instance_ids(&node.instance_id).send().await;
        ended.map(drop).map_err(Error::aws("TerminateInstances"))
    }

    /// Returns a session of the role that created the cluster.
    ///
    /// # Errors
    /// [`Error::Aws`].
    pub async fn creator(&self) -> Result<Credentials, Error> {
        assume_role(&self.admin, &self.creator_role_arn, "creator").await
    }

    /// Assumes a role with a service account token, as a pod with IRSA does. No credentials are needed.
    ///
    /// # Errors
    /// The code `InvalidIdentityToken` if the token is not the cluster's, or IAM has no OIDC provider with its issuer and
    /// audience. The code `AccessDenied` if the role's trust policy does not allow it.
    pub async fn assume_role_with_web_identity(&self, role_arn: &str, token: &str) -> Result<Credentials, Error> {
        web_identity::assume_role(&self.admin, &self.control_plane, role_arn, token).await
    }

    /// Returns the Kubernetes identity of these credentials; `None` if the cluster does not authenticate them.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn identity(&self, credentials: &Credentials) -> Result<Option<Identity>, Error> {
        let token = eks_token(credentials, &self.name, &self.region)?;
        self.control_plane.who_is(&token).await
    }

    /// Waits until the cluster authenticates these credentials, and returns their identity.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it does not within 20 s, which is longer than the authenticator needs to see a change of
    /// aws-auth.
    pub async fn wait_admitted(&self, credentials: &Credentials) -> Result<Identity, Error> {
        wait_until("the cluster authenticates the credentials", AUTHENTICATION_BOUND, async || {
            self.identity(credentials).await.ok().flatten()
        })
        .await
    }

    /// Waits until the cluster does not authenticate these credentials any more.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it still does after 20 s, which is longer than the authenticator needs to see a change of
    /// aws-auth.
    pub async fn wait_refused(&self, credentials: &Credentials) -> Result<(), Error> {
        wait_until("the cluster rejects the credentials", AUTHENTICATION_BOUND, async || {
            matches!(self.identity(credentials).await, Ok(None)).then_some(())
        })
        .await
    }
}

/// Starts a gateway between the function and the API server, with the journal and the rules of the AWS gateway.
async fn serve_kubernetes(cloud: &Cloud, name: &str, control_plane: &ControlPlane) -> Result<KubernetesGateway, Error> {
    let bound = Gateway::bind().await.map_err(Error::file("bind", "the Kubernetes gateway's port"))?;
    let tls = cloud.pki().server(&format!("{name}-endpoint"), &["127.0.0.1"])?.server_config()?;
    Ok(KubernetesGateway::serve(
        bound,
        tls,
        control_plane.address(),
        cloud.pki().client_config()?,
        cloud.gateway().journal().clone(),
        cloud.gateway().rules().clone(),
    ))
}

/// The authenticator sees a change of aws-auth in about 1 s. The first request of a node also waits for `DescribeInstances`.
const AUTHENTICATION_BOUND: Duration = Duration::from_secs(20);
