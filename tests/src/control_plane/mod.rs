//! A cluster's control plane: etcd, kube-apiserver and aws-iam-authenticator, the real programs.

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

/// What a control plane needs to know of the rest of the cloud.
#[derive(Debug, Clone)]
pub struct ControlPlaneOptions<'a> {
    /// The EKS cluster's name, which a token must be made for.
    pub cluster: &'a str,
    /// The EKS cluster's OIDC issuer, which signs service account tokens.
    pub issuer: &'a str,
    /// The role that is let in as `system:masters` whatever aws-auth says, as EKS lets in the
    /// cluster's creator.
    pub creator_role_arn: &'a str,
    /// The proxy through which the authenticator reaches `sts.<region>.amazonaws.com`.
    pub sts_proxy_url: &'a str,
    /// Where the authenticator asks for an instance's private DNS name.
    pub ec2_endpoint: &'a str,
    /// Whether aws-auth counts.
    pub has_aws_auth: bool,
    /// The file with the cluster's access entries, which come before aws-auth; `None` where it has none.
    pub access_entries: Option<&'a Path>,
    /// The account, whose number is the authenticator's access key.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// A running control plane.
pub struct ControlPlane {
    // The order of the fields is the order in which they end.
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
    /// Starts the programs out of `programs`, with their logs and files in `folder`, and waits until
    /// the API server is ready and the authenticator listens.
    ///
    /// # Errors
    /// [`Error::Ended`] or [`Error::TimedOut`] if a program does not come up; [`Error::Certificate`]
    /// and [`Error::File`] before that.
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

        // It begins to watch aws-auth at once, and waits five seconds after a watch that failed.
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

    /// Where the API server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API server's URL, `https://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate of the authority that the API server's certificate is from.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A kubeconfig file of a member of `system:masters`, who needs no AWS credentials.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client of that same administrator.
    pub fn client(&self) -> Client {
        self.client.clone()
    }
}

async fn client_config(kubeconfig: &Path) -> Result<Config, Error> {
    let unusable = |error| Error::Unusable(format!("cannot use {}: {error}", kubeconfig.display()));
    let file = Kubeconfig::read_from(kubeconfig).map_err(unusable)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(unusable)?;
    // A test sees the first answer, and the wait for the API server repeats by itself.
    config.default_retry = false;
    Ok(config)
}

async fn client(kubeconfig: &Path) -> Result<Client, Error> {
    Client::try_from(client_config(kubeconfig).await?).map_err(Error::kubernetes("make a client"))
}

async fn is_ready(client: &Client) -> bool {
    let request = hyper::Request::get("/readyz").body(Vec::new());
    match request {
        Ok(request) => client.request_text(request).await.is_ok_and(|text| text == "ok"),
        Err(_) => false,
    }
}

/// The API server takes under three seconds alone; several may start at once on two cores.
const START_BOUND: Duration = Duration::from_mins(2);
