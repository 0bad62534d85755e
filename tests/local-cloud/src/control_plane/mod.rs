//! The control plane of a cluster: the real etcd, kube-apiserver and aws-iam-authenticator.

mod access;
mod config;
mod programs;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::net::TcpStream;

pub use self::access::Identity;
use crate::{error::Error, pki::Pki, ports, process::Running};

/// The inputs of a control plane.
#[derive(Debug, Clone)]
pub struct ControlPlaneOptions<'a> {
    /// The name of the EKS cluster, for which a token must be created.
    pub cluster: &'a str,
    /// The OIDC issuer of the EKS cluster, which signs service account tokens.
    pub issuer: &'a str,
    /// The role with the group `system:masters`, regardless of aws-auth, like the cluster creator of EKS.
    pub creator_role_arn: &'a str,
    /// The proxy through which the authenticator calls `sts.<region>.amazonaws.com`.
    pub sts_proxy_url: &'a str,
    /// The endpoint at which the authenticator reads the private DNS name of an instance.
    pub ec2_endpoint: &'a str,
    /// Whether aws-auth is used.
    pub has_aws_auth: bool,
    /// The file with the cluster's access entries, which have precedence over aws-auth; `None` when the cluster has none.
    pub access_entries: Option<&'a Path>,
    /// The account. Its number is the authenticator's access key id.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// A running control plane.
pub struct ControlPlane {
    // Fields are dropped in this order, so the programs end in this order.
    _authenticator: Running,
    _api_server: Running,
    _etcd: Running,
    address: SocketAddr,
    endpoint: String,
    ca_pem: String,
    kubeconfig: PathBuf,
    client: Client,
}

impl ControlPlane {
    /// Starts the programs in the folder `programs`, with their logs and files in `folder`. Waits until the API server is
    /// ready and the authenticator listens.
    ///
    /// # Errors
    /// [`Error::Ended`] or [`Error::TimedOut`] if a program does not start, [`Error::Certificate`], [`Error::File`].
    pub async fn start(
        folder: &Path,
        programs: &Path,
        pki: &Pki,
        options: &ControlPlaneOptions<'_>,
    ) -> Result<Self, Error> {
        let name = options.cluster;
        let admin = pki.client(&format!("{name}-admin"), "system:masters")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?));
        let endpoint = format!("https://{address}");
        let kubeconfig = folder.join("admin.kubeconfig");
        let admin_config = config::admin_kubeconfig(name, &endpoint, &pki.ca_pem(), &admin);
        config::write(&kubeconfig, &admin_config)?;

        let authenticator_port = ports::free()?;
        let webhook = folder.join("webhook.kubeconfig");
        config::write(&webhook, &config::webhook_kubeconfig(authenticator_port, &pki.ca_pem()))?;

        let (etcd, etcd_url) = programs::start_etcd(folder, programs)?;
        let mut api_server =
            programs::start_api_server(folder, programs, pki, options, &etcd_url, address.port(), &webhook)?;
        let client = client(&kubeconfig).await?;
        api_server.wait_until("the API server is ready", START_BOUND, async || is_ready(&client).await).await?;

        // It starts last, because it watches aws-auth at once, and waits 5 s after a failed watch.
        let mut authenticator =
            programs::start_authenticator(folder, programs, pki, options, authenticator_port, &kubeconfig)?;
        authenticator
            .wait_until("aws-iam-authenticator listens", START_BOUND, async || {
                TcpStream::connect(("127.0.0.1", authenticator_port)).await.is_ok()
            })
            .await?;

        Ok(Self {
            _authenticator: authenticator,
            _api_server: api_server,
            _etcd: etcd,
            address,
            endpoint,
            ca_pem: pki.ca_pem(),
            kubeconfig,
            client,
        })
    }

    /// The address of the API server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API server's URL, `https://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate of the authority of the API server's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A kubeconfig file of a member of `system:masters`. It needs no AWS credentials.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client of the same administrator.
    pub fn client(&self) -> Client {
        self.client.clone()
    }
}

async fn client_config(kubeconfig: &Path) -> Result<Config, Error> {
    let unusable = |error| Error::Unusable(format!("cannot use {}: {error}", kubeconfig.display()));
    let file = Kubeconfig::read_from(kubeconfig).map_err(unusable)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(unusable)?;
    // A test must see the first response. The wait for the API server has its own retries.
    config.default_retry = false;
    Ok(config)
}

async fn client(kubeconfig: &Path) -> Result<Client, Error> {
    Client::try_from(client_config(kubeconfig).await?).map_err(Error::kubernetes("create a client"))
}

async fn is_ready(client: &Client) -> bool {
    let request = hyper::Request::get("/readyz").body(Vec::new());
    match request {
        Ok(request) => client.request_text(request).await.is_ok_and(|text| text == "ok"),
        Err(_) => false,
    }
}

/// The API server takes less than 3 s alone. Several may start at the same time on two cores.
const START_BOUND: Duration = Duration::from_mins(2);
