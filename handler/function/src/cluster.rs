//! The Kubernetes API of the cluster: the token that lets us in, the client, and the ConfigMap.

use crate::aws::Clients;
use crate::aws::retry::Retries;
use crate::error::chain;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use backon::{ExponentialBuilder, Retryable as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use karpenter_prereqs_core::observed::{self, Cluster};
use karpenter_prereqs_core::plan::Verb;
use karpenter_prereqs_core::spec::Spec;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use kube::config::AuthInfo;
use kube::core::Status;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Where aws-auth stands.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "aws-auth";
/// Its key that maps roles.
const MAP_ROLES: &str = "mapRoles";

/// How long the presigned request in the token says that it lives. The cluster takes it for 15 minutes whatever it
/// says, up to 900 (<https://github.com/kubernetes-sigs/aws-iam-authenticator>, `pkg/token`).
const TOKEN_LIFE: Duration = Duration::from_mins(1);

/// How long to wait for the API server: one that is out of reach does not answer at all.
const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(15);

/// How the API server, or what stands before it, says that it is asked too often, that something broke (as while etcd
/// elects a leader), that it is away or too slow.
const BUSY: [u16; 5] = [429, 500, 502, 503, 504];

/// An API server that is out of reach is asked again for this part of the time that a busy one gets: a connection that
/// broke is made anew at once, and a way that is not there does not come to be.
const OUT_OF_REACH: u32 = 4;

/// One that does not know us, for this part: who was let in just now is known within seconds, but its authenticator
/// also says so when it has waited for STS, in vain, for ten.
const UNKNOWN: u32 = 3;

/// Why the Kubernetes API could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The role for the Kubernetes API, or the function's own credentials, could not be had.
    #[error("get credentials for the Kubernetes API{}", .role.as_ref().map(|role| format!(" by assuming KubernetesRoleArn {role}: check that its trust policy names the function's role, and that the function may sts:AssumeRole it")).unwrap_or_default())]
    Credentials {
        /// `KubernetesRoleArn`.
        role: Option<String>,
        /// What the SDK says.
        #[source]
        source: aws_credential_types::provider::error::CredentialsError,
    },
    /// The token could not be signed.
    #[error("sign the token for the Kubernetes API")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The client could not be built: an endpoint or a certificate that is none.
    #[error("make a client for the Kubernetes API at {endpoint}")]
    Client {
        /// The cluster's endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers.
    #[error(
        "reach the Kubernetes API at {endpoint}: no answer; if the endpoint is private, give the function subnets and a security group of the cluster's VPC; or set NodeAccess to None and let nodes in yourself"
    )]
    Unreachable {
        /// The cluster's endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// The token is refused.
    #[error(
        "the Kubernetes API at {endpoint} does not know {who} (401 Unauthorized): map it in kube-system/aws-auth, give it an access entry with AmazonEKSClusterAdminPolicy, or set KubernetesRoleArn to a role that is let in, such as the cluster's creator"
    )]
    Unauthorized {
        /// The cluster's endpoint.
        endpoint: String,
        /// Whose token it was.
        who: String,
    },
    /// RBAC refuses.
    #[error(
        "the Kubernetes API does not allow {who} to {verb} the ConfigMap kube-system/aws-auth: bind it to a role that may get, create, update and delete that ConfigMap, or set KubernetesRoleArn to one that may"
    )]
    Forbidden {
        /// Whose token it was.
        who: String,
        /// The verb, as RBAC spells it.
        verb: &'static str,
    },
    /// Every write met another's.
    #[error(
        "change the ConfigMap kube-system/aws-auth: somebody else changed it between every read and write, time after time: find out who, then deploy again"
    )]
    Contended,
    /// It is asked too often, or something in it broke or is away.
    #[error(
        "{verb} the ConfigMap kube-system/aws-auth: the API server was too busy for it, or broke, again and again: deploy again when it is well"
    )]
    Busy {
        /// The verb.
        verb: &'static str,
        /// What the API server says.
        #[source]
        source: Box<Status>,
    },
    /// Any other answer.
    #[error("{verb} the ConfigMap kube-system/aws-auth")]
    Api {
        /// The verb.
        verb: &'static str,
        /// What the API server says, or what is wrong with its answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The ConfigMap as it was read, for a write that must not go over anybody else's.
#[derive(Debug)]
pub(crate) struct Read {
    object: ConfigMap,
}

/// The Kubernetes API of one cluster, with one identity.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    client: kube::Client,
    endpoint: String,
    who: String,
    retries: Retries,
    /// Whether the token was taken before in this run.
    let_in: Arc<AtomicBool>,
}

impl Kubernetes {
    /// A client with a fresh token. No call is made to the cluster yet.
    ///
    /// # Errors
    /// When the credentials cannot be had, or the cluster's endpoint or certificate is none.
    pub(crate) async fn connect(clients: &Clients, spec: &Spec, cluster: &Cluster) -> Result<Self, ClusterError> {
        let credentials = credentials(clients, spec).await?;
        let token = token(&credentials, spec).map_err(ClusterError::Token)?;
        let endpoint = cluster.endpoint.clone();
        let broken = |source| ClusterError::Client { endpoint: endpoint.clone(), source };
        let mut config = kube::Config::new(
            endpoint.parse().map_err(|error| broken(Box::<dyn std::error::Error + Send + Sync>::from(error)))?,
        );
        config.root_cert = Some(certificates(&cluster.certificate_authority).map_err(broken)?);
        config.auth_info = AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(READ);
        config.proxy_url = None;
        // Its retries, fifteen with waits of minutes, know nothing of the time that there is.
        config.default_retry = false;
        let client = kube::Client::try_from(config).map_err(|error| broken(Box::new(error)))?;
        let who = spec.kubernetes_role_arn.clone().unwrap_or_else(|| "the function's role".to_owned());
        Ok(Self { client, endpoint, who, retries: clients.retries, let_in: Arc::default() })
    }

    /// The ConfigMap, asked for again while the API server is too busy or a connection breaks; `None` when there is
    /// none.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn get_patiently(&self) -> Result<Option<Read>, ClusterError> {
        self.patiently(|| self.get()).await
    }

    /// The ConfigMap, asked for once; `None` when there is none.
    ///
    /// # Errors
    /// Out of reach, 401 and 403 each say their cure.
    pub(crate) async fn get(&self) -> Result<Option<Read>, ClusterError> {
        let found = self.config_maps().get_opt(NAME).await.map_err(|error| self.error("get", error))?;
        self.let_in.store(true, Ordering::Relaxed);
        Ok(found.map(|object| Read { object }))
    }

    /// Whether the token may do that to the ConfigMap.
    ///
    /// # Errors
    /// [`ClusterError::Forbidden`] when it may not.
    pub(crate) async fn may(&self, verb: Verb) -> Result<(), ClusterError> {
        let attributes = ResourceAttributes {
            namespace: Some(NAMESPACE.to_owned()),
            // A create is not bound to a name: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
            name: (verb != Verb::Create).then(|| NAME.to_owned()),
            resource: Some("configmaps".to_owned()),
            verb: Some(verb.name().to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let reviews = Api::all(self.client.clone());
        let ask = || async {
            reviews.create(&PostParams::default(), &review).await.map_err(|error| self.error(verb.name(), error))
        };
        let answer = self.patiently(ask).await?;
        if answer.status.is_some_and(|status| status.allowed) { Ok(()) } else { Err(self.forbidden(verb.name())) }
    }

    /// Makes the ConfigMap; `false` when somebody else has made one by now.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn create(&self, wanted: &observed::ConfigMap) -> Result<bool, ClusterError> {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(NAME.to_owned());
        object.metadata.namespace = Some(NAMESPACE.to_owned());
        put(&mut object, wanted);
        self.won("create", self.config_maps().create(&PostParams::default(), &object).await)
    }

    /// Replaces the ConfigMap that was read; `false` when it has changed since.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn replace(&self, read: Read, wanted: &observed::ConfigMap) -> Result<bool, ClusterError> {
        let mut object = read.object;
        put(&mut object, wanted);
        self.won("update", self.config_maps().replace(NAME, &PostParams::default(), &object).await)
    }

    /// Deletes the ConfigMap that was read; `false` when it has changed since. One that is gone is done.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn delete(&self, read: Read) -> Result<bool, ClusterError> {
        let preconditions =
            Preconditions { uid: read.object.metadata.uid, resource_version: read.object.metadata.resource_version };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.config_maps().delete(NAME, &parameters).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
            other => self.won("delete", other),
        }
    }

    /// Makes a call that changes nothing again while the API server is too busy, or a connection breaks.
    async fn patiently<T, F>(&self, call: impl FnMut() -> F) -> Result<T, ClusterError>
    where
        F: Future<Output = Result<T, ClusterError>>,
    {
        let (begun, busy) = (Instant::now(), self.retries.failing);
        let heals = |error: &ClusterError| match error {
            ClusterError::Busy { .. } => begun.elapsed() < busy,
            ClusterError::Unauthorized { .. } if self.is_let_in() => begun.elapsed() < busy,
            ClusterError::Unauthorized { .. } => begun.elapsed() < busy / UNKNOWN,
            ClusterError::Unreachable { .. } => begun.elapsed() < busy / OUT_OF_REACH,
            _ => false,
        };
        let backoff = ExponentialBuilder::new()
            .with_min_delay(self.retries.first_pause())
            .with_max_delay(self.retries.pause)
            .without_max_times()
            .with_jitter();
        call.retry(backoff)
            .when(heals)
            .notify(|error, _| tracing::info!(error = chain(error), "the API server is asked again"))
            .await
    }

    /// Whether the token was taken before. One that is refused later will be taken again: the authenticator says 401 as
    /// well when STS throttles it, or is slow.
    pub(crate) fn is_let_in(&self) -> bool {
        self.let_in.load(Ordering::Relaxed)
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Whether a write went through; a conflict says that somebody else was first.
    fn won<T>(&self, verb: &'static str, result: kube::Result<T>) -> Result<bool, ClusterError> {
        match result {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(error) => Err(self.error(verb, error)),
        }
    }

    fn error(&self, verb: &'static str, error: kube::Error) -> ClusterError {
        match error {
            kube::Error::Api(status) if status.code == 401 => {
                ClusterError::Unauthorized { endpoint: self.endpoint.clone(), who: self.who.clone() }
            }
            kube::Error::Api(status) if status.code == 403 => self.forbidden(verb),
            source @ (kube::Error::HyperError(_) | kube::Error::Service(_)) => {
                ClusterError::Unreachable { endpoint: self.endpoint.clone(), source }
            }
            kube::Error::Api(status) if BUSY.contains(&status.code) => ClusterError::Busy { verb, source: status },
            // Its own words: kube's would repeat the whole object.
            kube::Error::Api(status) => ClusterError::Api { verb, source: status },
            source => ClusterError::Api { verb, source: Box::new(source) },
        }
    }

    fn forbidden(&self, verb: &'static str) -> ClusterError {
        ClusterError::Forbidden { who: self.who.clone(), verb }
    }
}

impl Read {
    /// What the edit depends on.
    pub(crate) fn observed(&self) -> observed::ConfigMap {
        let (metadata, data) = (&self.object.metadata, self.object.data.as_ref());
        observed::ConfigMap {
            map_roles: data.and_then(|data| data.get(MAP_ROLES)).cloned(),
            annotations: metadata.annotations.clone().unwrap_or_default(),
            has_more: data.is_some_and(|data| data.keys().any(|key| key != MAP_ROLES))
                || self.object.binary_data.as_ref().is_some_and(|data| !data.is_empty())
                || metadata.labels.as_ref().is_some_and(|labels| !labels.is_empty())
                || metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
                || metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty()),
        }
    }
}

fn put(object: &mut ConfigMap, wanted: &observed::ConfigMap) {
    let mut data = object.data.take().unwrap_or_default();
    data.remove(MAP_ROLES);
    data.extend(wanted.map_roles.clone().map(|text| (MAP_ROLES.to_owned(), text)));
    object.data = (!data.is_empty()).then_some(data);
    object.metadata.annotations = (!wanted.annotations.is_empty()).then(|| wanted.annotations.clone());
}

async fn credentials(clients: &Clients, spec: &Spec) -> Result<Credentials, ClusterError> {
    let role = spec.kubernetes_role_arn.clone();
    let provided = match &role {
        Some(arn) => {
            let provider = AssumeRoleProvider::builder(arn)
                .session_name("karpenter-prereqs")
                .configure(&clients.config)
                .build()
                .await;
            provider.provide_credentials().await
        }
        None => match clients.config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(aws_credential_types::provider::error::CredentialsError::not_loaded(
                "the function has no credentials",
            )),
        },
    };
    provided.map_err(|source| ClusterError::Credentials { role, source })
}

/// The token: a presigned GetCallerIdentity that names the cluster in a signed header.
///
/// The cluster's webhook sends the request on and believes the answer. It refuses any host but a real STS host of
/// the partition, so the token is never signed for a custom endpoint; it refuses a path other than `/`, and any query
/// parameter beyond the signature's own.
fn token(credentials: &Credentials, spec: &Spec) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let (region, suffix) = (spec.scope.region.as_str(), spec.scope.partition.dns_suffix());
    let url = format!("https://sts.{region}.{suffix}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(TOKEN_LIFE);
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(SystemTime::now())
        .settings(settings)
        .build()?;
    let headers = [("x-k8s-aws-id", spec.cluster_name.as_str())].into_iter();
    let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &parameters.into())?.into_parts();
    let mut url = url::Url::parse(&url)?;
    url.query_pairs_mut().extend_pairs(instructions.params());
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str())))
}

/// The certificates of a PEM bundle, DER.
fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|found| found.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        Err("the cluster's certificate authority holds no certificate".into())
    } else {
        Ok(certificates)
    }
}
