//! A cluster's control plane: etcd, kube-apiserver and aws-iam-authenticator, the real programs.

mod config;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use k8s_openapi::api::{
    authentication::v1::{
            SelfSubjectReview, TokenRequest, TokenRequestSpec, TokenReview, TokenReviewSpec,
        },
    core::v1::{ConfigMap, Namespace, ServiceAccount},
};
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::net::TcpStream;

use crate::{
    error::Error,
    pki::{Pki, SigningKey},
    ports,
    process::{Program, Running},
};

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
    /// The account, whose number is the authenticator's access key.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// Who somebody is to the Kubernetes API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user name.
    pub username: String,
    /// The groups, sorted.
    pub groups: Vec<String>,
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

        let (etcd, etcd_url) = start_etcd(folder, programs)?;
        let mut api_server =
            start_api_server(folder, programs, pki, options, &etcd_url, address.port(), &webhook)?;
        let client = client(&kubeconfig).await?;
        api_server
            .wait_until("the API server is ready", START_BOUND, async || is_ready(&client).await)
            .await?;

        // It begins to watch aws-auth at once, and waits five seconds after a watch that failed.
        let mut authenticator =
            start_authenticator(folder, programs, pki, options, authenticator_port, &kubeconfig)?;
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

    /// Who the bearer of a token is, as the API server sees it; `None` if it lets them not in (401).
    ///
    /// # Errors
    /// [`Error::Kubernetes`] on any other refusal, or if the API server does not answer.
    pub async fn who_is(&self, token: &str) -> Result<Option<Identity>, Error> {
        let failed = || Error::kubernetes("create a SelfSubjectReview");
        let mut config = client_config(&self.kubeconfig).await?;
        config.auth_info = kube::config::AuthInfo {
            token: Some(token.to_owned().into()),
            ..kube::config::AuthInfo::default()
        };
        let client = Client::try_from(config).map_err(failed())?;
        let reviews: Api<SelfSubjectReview> = Api::all(client);
        match reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await {
            Ok(review) => {
                let user = review.status.and_then(|status| status.user_info).unwrap_or_default();
                let mut groups = user.groups.unwrap_or_default();
                groups.sort();
                Ok(Some(Identity { username: user.username.unwrap_or_default(), groups }))
            }
            Err(kube::Error::Api(status)) if status.code == 401 => Ok(None),
            Err(error) => Err(failed()(error)),
        }
    }

    /// A token of a service account for an audience, from TokenRequest, as a pod with a projected
    /// token has it. The namespace and the service account are made if they are missing.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        audience: &str,
    ) -> Result<String, Error> {
        let meta = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespaces: Api<Namespace> = Api::all(self.client());
        let made = Namespace { metadata: meta(namespace), ..Namespace::default() };
        absent_or_made(namespaces.create(&PostParams::default(), &made).await)
            .map_err(Error::kubernetes("create a namespace"))?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let made = ServiceAccount { metadata: meta(name), ..ServiceAccount::default() };
        absent_or_made(accounts.create(&PostParams::default(), &made).await)
            .map_err(Error::kubernetes("create a service account"))?;

        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(Error::kubernetes("request a service account token"))?;
        Ok(answer.status.map(|status| status.token).unwrap_or_default())
    }

    /// Whether a service account token is one that this API server signed for this audience, and has
    /// not expired.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn vouches_for(&self, token: &str, audience: &str) -> Result<bool, Error> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token.to_owned()),
                audiences: Some(vec![audience.to_owned()]),
            },
            ..TokenReview::default()
        };
        let answer = Api::all(self.client())
            .create(&PostParams::default(), &review)
            .await
            .map_err(Error::kubernetes("create a TokenReview"))?;
        Ok(answer.status.and_then(|status| status.authenticated).unwrap_or(false))
    }

    /// The ConfigMap `kube-system/aws-auth`, or `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn aws_auth(&self) -> Result<Option<ConfigMap>, Error> {
        self.kube_system()
            .get_opt("aws-auth")
            .await
            .map_err(Error::kubernetes("get the ConfigMap kube-system/aws-auth"))
    }

    /// Makes or replaces `kube-system/aws-auth`, with this text as `mapRoles` and nothing else. The
    /// authenticator heeds it within about a second.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn set_aws_auth(&self, map_roles: &str) -> Result<ConfigMap, Error> {
        let failed = || Error::kubernetes("write the ConfigMap kube-system/aws-auth");
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some("aws-auth".to_owned()), ..ObjectMeta::default() },
            data: Some([("mapRoles".to_owned(), map_roles.to_owned())].into()),
            ..ConfigMap::default()
        };
        let maps = self.kube_system();
        match maps.replace("aws-auth", &PostParams::default(), &map).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                maps.create(&PostParams::default(), &map).await.map_err(failed())
            }
            result => result.map_err(failed()),
        }
    }

    /// Deletes `kube-system/aws-auth`; nothing happens where there is none.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn remove_aws_auth(&self) -> Result<(), Error> {
        match self.kube_system().delete("aws-auth", &kube::api::DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(Error::kubernetes("delete the ConfigMap kube-system/aws-auth")(error)),
        }
    }

    fn kube_system(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client(), "kube-system")
    }
}

fn start_etcd(folder: &Path, programs: &Path) -> Result<(Running, String), Error> {
    let url = format!("http://127.0.0.1:{}", ports::free()?);
    let peer = format!("http://127.0.0.1:{}", ports::free()?);
    let running = Program::new("etcd", programs.join("etcd"), folder)
        .option("--data-dir", folder.join("etcd"))
        .arg("--unsafe-no-fsync")
        .option("--listen-client-urls", &url)
        .option("--advertise-client-urls", &url)
        .option("--listen-peer-urls", &peer)
        .option("--initial-advertise-peer-urls", &peer)
        .option("--initial-cluster", format!("default={peer}"))
        .start()?;
    Ok((running, url))
}

fn start_api_server(
    folder: &Path,
    programs: &Path,
    pki: &Pki,
    options: &ControlPlaneOptions<'_>,
    etcd_url: &str,
    port: u16,
    webhook: &Path,
) -> Result<Running, Error> {
    let serving = pki.server(&format!("{}-api", options.cluster), &["127.0.0.1", "localhost"])?;
    let key = SigningKey::new(folder, "service-account")?;
    Program::new("kube-apiserver", programs.join("kube-apiserver"), folder)
        .option("--etcd-servers", etcd_url)
        .option("--bind-address", "127.0.0.1")
        .option("--advertise-address", "127.0.0.1")
        .option("--secure-port", port.to_string())
        .option("--tls-cert-file", &serving.certificate_path)
        .option("--tls-private-key-file", &serving.key_path)
        .option("--client-ca-file", pki.ca_path())
        .option("--authorization-mode", "RBAC")
        .option("--service-cluster-ip-range", "10.0.0.0/24")
        .option("--endpoint-reconciler-type", "none")
        // No controller manager runs, and this plug-in waits for objects that it would make.
        .option("--disable-admission-plugins", "ServiceAccount")
        .option("--service-account-issuer", options.issuer)
        .option("--service-account-key-file", &key.public_path)
        .option("--service-account-signing-key-file", &key.private_path)
        .option("--authentication-token-webhook-config-file", webhook)
        // A change of aws-auth must count at once.
        .option("--authentication-token-webhook-cache-ttl", "0s")
        .start()
}

fn start_authenticator(
    folder: &Path,
    programs: &Path,
    pki: &Pki,
    options: &ControlPlaneOptions<'_>,
    port: u16,
    kubeconfig: &Path,
) -> Result<Running, Error> {
    // The authenticator takes `cert.pem` and `key.pem` of its state folder for its own, and makes
    // them only where they are missing.
    let serving = pki.server(&format!("{}-authenticator", options.cluster), &["127.0.0.1"])?;
    let state = folder.join("authenticator");
    std::fs::create_dir_all(&state).map_err(Error::file("create", &state))?;
    for (text, name) in [(&serving.certificate_pem, "cert.pem"), (&serving.key_pem, "key.pem")] {
        let path = state.join(name);
        std::fs::write(&path, text).map_err(Error::file("write", &path))?;
    }
    let settings = folder.join("authenticator.yaml");
    config::write(&settings, &config::authenticator(options, port, &state, kubeconfig))?;
    Program::new("aws-iam-authenticator", programs.join("aws-iam-authenticator"), folder)
        .arg("server")
        .option("--config", &settings)
        .env("AWS_REGION", options.region)
        .env("AWS_ACCESS_KEY_ID", options.account)
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_EC2", options.ec2_endpoint)
        .env("HTTPS_PROXY", options.sts_proxy_url)
        .env("SSL_CERT_FILE", pki.ca_path())
        .start()
}

async fn client_config(kubeconfig: &Path) -> Result<Config, Error> {
    let unusable = |error| {
        Error::Unusable(format!("cannot use {}: {error}", kubeconfig.display()))
    };
    let file = Kubeconfig::read_from(kubeconfig).map_err(unusable)?;
    let mut config =
        Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(unusable)?;
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

/// Nothing wrong if the object is there already.
fn absent_or_made<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        other => other.map(drop),
    }
}

/// The API server takes under three seconds alone; several may start at once on two cores.
const START_BOUND: Duration = Duration::from_secs(120);
