//! The whole local cloud, for one test or one person.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use rustls::ServerConfig;

use crate::{
    cluster::{Cluster, ClusterOptions},
    error::Error,
    folder::RunFolder,
    gateway::{Bound, Gateway, StsProxy},
    ministack::{Ministack, MinistackOptions},
    pki::Pki,
    tools::Tools,
};

/// The options of a cloud.
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// Whether AWS enforces IAM policies, trust policies and signatures.
    pub auth: bool,
    /// Whether the function uses TLS for AWS, with a certificate of the cloud's own authority.
    pub tls: bool,
    /// The address of the gateway. `None` is a free port of 127.0.0.1.
    pub address: Option<SocketAddr>,
    /// Other host names for the certificate of the gateway, for a machine where they resolve to its address.
    pub hosts: Vec<String>,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Whether the folder of logs is kept after a success.
    pub keep: bool,
}

impl Default for CloudOptions {
    fn default() -> Self {
        Self {
            auth: true,
            tls: false,
            address: None,
            hosts: Vec::new(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            keep: false,
        }
    }
}

/// An AWS account, with the gateway in front of it. Dropping this value stops it.
pub struct Cloud {
    ministack: Ministack,
    gateway: Gateway,
    sts_proxy: StsProxy,
    pki: Pki,
    options: CloudOptions,
    // The last field, because the programs of the fields above write into the folder until they end.
    folder: Arc<RunFolder>,
}

impl Cloud {
    /// Starts MiniStack, the gateway and the STS proxy.
    ///
    /// # Errors
    /// Fails when a part cannot start. The folder of logs is then kept, and stderr names it.
    pub async fn start(options: CloudOptions) -> Result<Self, Error> {
        let folder = Arc::new(RunFolder::new()?);
        if options.keep {
            folder.keep();
        }
        Box::pin(Self::start_in(Arc::clone(&folder), options)).await.inspect_err(|_| folder.keep())
    }

    async fn start_in(folder: Arc<RunFolder>, options: CloudOptions) -> Result<Self, Error> {
        // reqwest and the SDK use the default provider of the process. A second installation fails, and has the same effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tools = Tools::locate().await?;
        let pki = Pki::new(folder.subfolder("pki")?)?;

        // MiniStack needs the port of the gateway when it starts, and the gateway needs the port of MiniStack when it serves.
        let bound = match options.address {
            Some(address) => Bound::at(address).await,
            None => Gateway::bind().await,
        };
        let bound = bound.map_err(Error::file("bind", "the gateway's port"))?;
        let gateway_config = if options.tls { Some(gateway_certificate(&pki, &options.hosts)?) } else { None };
        let ministack_options = MinistackOptions {
            auth: options.auth,
            account: options.account.clone(),
            region: options.region.clone(),
            function_endpoint: Some(bound.url(options.tls)),
            function_ca: options.tls.then(|| pki.ca_path()),
        };
        let ministack = Ministack::start(&folder.subfolder("ministack")?, &tools.python, &ministack_options).await?;
        let gateway = Gateway::serve(bound, ministack.address(), gateway_config);

        let sts_host = format!("sts.{}.amazonaws.com", options.region);
        let sts_config = pki.server("sts", &[&sts_host])?.server_config()?;
        let sts_proxy = StsProxy::start(ministack.address(), sts_config)
            .await
            .map_err(Error::file("bind", "the STS proxy's port"))?;

        Ok(Self { ministack, gateway, sts_proxy, pki, options, folder })
    }

    /// Returns the file with a cluster's access entries.
    pub(crate) fn access_entries_of(&self, cluster: &str) -> PathBuf {
        self.ministack.access_entries().join(format!("{cluster}.json"))
    }

    /// Creates an EKS cluster with its control plane, network, node groups and OIDC provider.
    ///
    /// # Errors
    /// Fails when a part cannot start. The folder of logs is then kept, and stderr names it.
    pub async fn create_cluster(&self, name: &str, options: ClusterOptions) -> Result<Cluster, Error> {
        Box::pin(Cluster::create(self, name, options)).await.inspect_err(|_| self.folder.keep())
    }

    /// Returns an SDK configuration with the credentials of the account's root user, which has all permissions.
    pub fn admin(&self) -> SdkConfig {
        self.admin_in(&self.options.account, &self.options.region)
    }

    /// Returns an SDK configuration for the root user of another account and another region. MiniStack has all accounts.
    pub fn admin_in(&self, account: &str, region: &str) -> SdkConfig {
        sdk_config(self.ministack.url(), region, Credentials::new(account, "test", None, None, "root"))
    }

    /// Returns an SDK configuration with these credentials. It calls MiniStack, not the gateway, so that the calls of a test
    /// are not counted with the function's calls.
    pub fn sdk_config(&self, credentials: Credentials) -> SdkConfig {
        sdk_config(self.ministack.url(), &self.options.region, credentials)
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.options.account
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.options.region
    }

    /// The gateway. Every call of the function goes through it.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The URL of MiniStack.
    pub fn aws_url(&self) -> &str {
        self.ministack.url()
    }

    /// The proxy through which an authenticator calls STS.
    pub fn sts_proxy(&self) -> &StsProxy {
        &self.sts_proxy
    }

    /// The certificate authority of this cloud.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// The folder of logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps the folder of logs when the cloud ends, because the logs explain a failure.
    pub fn keep_logs(&self) {
        self.folder.keep();
    }

    pub(crate) fn run_folder(&self) -> &Arc<RunFolder> {
        &self.folder
    }
}

fn gateway_certificate(pki: &Pki, hosts: &[String]) -> Result<Arc<ServerConfig>, Error> {
    let hosts: Vec<&str> = ["127.0.0.1", "localhost"].into_iter().chain(hosts.iter().map(String::as_str)).collect();
    pki.server("gateway", &hosts)?.server_config()
}

pub(crate) fn sdk_config(endpoint: &str, region: &str, credentials: Credentials) -> SdkConfig {
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
