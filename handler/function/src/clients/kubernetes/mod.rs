//! The Kubernetes API of the cluster.

mod client;
mod config_map;
mod token;

pub(crate) use config_map::Read;
pub(crate) use token::credentials;

use crate::clients::aws::Clients;
use crate::error::KubernetesError;
use crate::error::chain::chain;
use crate::retry::{Retries, retry_time_of_kubernetes_read};
use crate::telemetry::calls::Calls;
use crate::telemetry::event::{REVIEW, log_retry};
use aws_credential_types::Credentials;
use backon::Retryable as _;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{self, AuthenticationMode, Cluster};
use karpenter_prereqs_core::plan::Verb;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Where aws-auth stands.
const NAMESPACE: &str = "kube-system";
const NAME: &str = "aws-auth";

/// How the API server, or what stands before it, says that it is asked too often, that something broke (as while etcd
/// elects a leader), that it is away or too slow.
const BUSY: [u16; 5] = [429, 500, 502, 503, 504];

/// The Kubernetes API of one cluster, with one identity.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    client: kube::Client,
    endpoint: String,
    who: String,
    instead: &'static str,
    /// How the cluster authenticates.
    mode: AuthenticationMode,
    retries: Retries,
    calls: Calls,
    /// Whether the API server accepted the token before in this run.
    is_token_accepted: Arc<AtomicBool>,
    /// The ConfigMap as it was read, until it is written for the first time.
    seen: Arc<Mutex<Option<Seen>>>,
    /// The verb that is known to be allowed.
    allowed: Option<Verb>,
}

/// What there was of the ConfigMap, which may be nothing.
pub(crate) struct Seen(pub(crate) Option<Read>);

impl Kubernetes {
    /// A client with a fresh token, signed with these [`credentials`]. No call is made to the cluster yet.
    ///
    /// # Errors
    /// When the credentials cannot sign, or the cluster's endpoint or certificate is none.
    pub(crate) fn connect(
        clients: &Clients,
        spec: &Spec,
        cluster: &Cluster,
        credentials: &Credentials,
    ) -> Result<Self, KubernetesError> {
        let token = token::token(credentials, spec).map_err(KubernetesError::Token)?;
        let endpoint = cluster.endpoint.clone();
        let broken = |source| KubernetesError::Client { endpoint: endpoint.clone(), source };
        let client = client::client(&endpoint, &cluster.certificate_authority, &token).map_err(broken)?;
        let who = spec.kubernetes_role_arn.clone().unwrap_or_else(|| clients.caller.who.to_owned());
        let (retries, calls) = (clients.retries, clients.calls.clone());
        let instead = clients.caller.instead;
        Ok(Self {
            client,
            endpoint,
            who,
            instead,
            mode: cluster.authentication_mode,
            retries,
            calls,
            is_token_accepted: Arc::default(),
            seen: Arc::default(),
            allowed: None,
        })
    }

    /// The ConfigMap, asked for again while the API server is too busy or a connection breaks; `None` when there is
    /// none.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn get_with_retries(&self) -> Result<Option<Read>, KubernetesError> {
        self.retried(|| self.get()).await
    }

    /// The ConfigMap, asked for once; `None` when there is none.
    ///
    /// # Errors
    /// Out of reach, 401 and 403 each say their cure.
    pub(crate) async fn get(&self) -> Result<Option<Read>, KubernetesError> {
        let config_maps = self.config_maps();
        let found = self.watched("get ConfigMap", config_maps.get_opt(NAME)).await;
        let found = found.map_err(|error| self.error("get", error))?;
        self.is_token_accepted.store(true, Ordering::Relaxed);
        Ok(found.map(|object| Read { object }))
    }

    /// Keeps what was read for the first write, and finds out ahead whether that is allowed. Where it is not, or that cannot
    /// be asked, [`Kubernetes::may`] says so, if it comes to that.
    pub(crate) async fn have_seen(&mut self, read: Option<Read>, foreseen: Option<Verb>) {
        self.seen = Arc::new(Mutex::new(Some(Seen(read))));
        if let Some(verb) = foreseen {
            self.allowed = self.ask(verb).await.is_ok().then_some(verb);
        }
    }

    /// The ConfigMap as it was read before, once. A write on what is no longer so is refused by the API server.
    pub(crate) fn take_seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the token may do that to the ConfigMap.
    ///
    /// # Errors
    /// [`KubernetesError::Forbidden`] when it may not.
    pub(crate) async fn may(&self, verb: Verb) -> Result<(), KubernetesError> {
        if self.allowed == Some(verb) {
            return Ok(());
        }
        self.retried(|| self.ask(verb)).await
    }

    /// The same, asked once.
    async fn ask(&self, verb: Verb) -> Result<(), KubernetesError> {
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
        let asked = self.watched(REVIEW, reviews.create(&PostParams::default(), &review)).await;
        let answer = asked.map_err(|error| self.error(verb.name(), error))?;
        if answer.status.is_some_and(|status| status.allowed) { Ok(()) } else { Err(self.forbidden(verb.name())) }
    }

    /// Makes the ConfigMap; `false` when somebody else has made one by now.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn create(&self, wanted: &observed::ConfigMap) -> Result<bool, KubernetesError> {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(NAME.to_owned());
        object.metadata.namespace = Some(NAMESPACE.to_owned());
        config_map::put(&mut object, wanted);
        let (config_maps, parameters) = (self.config_maps(), PostParams::default());
        self.won("create", self.watched("create ConfigMap", config_maps.create(&parameters, &object)).await)
    }

    /// Replaces the ConfigMap that was read; `false` when it has changed since.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn replace(&self, read: Read, wanted: &observed::ConfigMap) -> Result<bool, KubernetesError> {
        let mut object = read.object;
        config_map::put(&mut object, wanted);
        let (config_maps, parameters) = (self.config_maps(), PostParams::default());
        self.won("update", self.watched("update ConfigMap", config_maps.replace(NAME, &parameters, &object)).await)
    }

    /// Deletes the ConfigMap that was read; `false` when it has changed since. One that is gone is done.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn delete(&self, read: Read) -> Result<bool, KubernetesError> {
        let preconditions =
            Preconditions { uid: read.object.metadata.uid, resource_version: read.object.metadata.resource_version };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let config_maps = self.config_maps();
        match self.watched("delete ConfigMap", config_maps.delete(NAME, &parameters)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
            other => self.won("delete", other),
        }
    }

    /// Makes a call that changes nothing, and retries it by the rule `kubernetes_read`.
    async fn retried<T, F>(&self, call: impl FnMut() -> F) -> Result<T, KubernetesError>
    where
        F: Future<Output = Result<T, KubernetesError>>,
    {
        let begun = Instant::now();
        let is_retried = |error: &KubernetesError| {
            let settle_time = self.retries.settle_time;
            begun.elapsed() < retry_time_of_kubernetes_read(error, settle_time, self.is_token_accepted())
        };
        call.retry(self.retries.kubernetes_read())
            .when(is_retried)
            .notify(|error, after| log_retry("the Kubernetes API failed", Some(&chain(error)), after))
            .await
    }

    /// Whether the API server accepted the token before in this run.
    pub(crate) fn is_token_accepted(&self) -> bool {
        self.is_token_accepted.load(Ordering::Relaxed)
    }

    /// Makes one call, and tells it.
    async fn watched<T>(
        &self,
        operation: &'static str,
        made: impl Future<Output = kube::Result<T>>,
    ) -> kube::Result<T> {
        let code = |error: &kube::Error| match error {
            kube::Error::Api(status) => status.reason.clone(),
            _ => "no response".to_owned(),
        };
        self.calls.watched(("Kubernetes", operation), code, made).await
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Whether a write went through; a conflict says that somebody else was first.
    fn won<T>(&self, verb: &'static str, result: kube::Result<T>) -> Result<bool, KubernetesError> {
        match result {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(error) => Err(self.error(verb, error)),
        }
    }

    fn error(&self, verb: &'static str, error: kube::Error) -> KubernetesError {
        match error {
            kube::Error::Api(status) if status.code == 401 => KubernetesError::Unauthorized {
                endpoint: self.endpoint.clone(),
                who: self.who.clone(),
                instead: self.instead,
                mode: self.mode,
            },
            kube::Error::Api(status) if status.code == 403 => self.forbidden(verb),
            source @ (kube::Error::HyperError(_) | kube::Error::Service(_)) => {
                KubernetesError::Unreachable { endpoint: self.endpoint.clone(), source }
            }
            kube::Error::Api(status) if BUSY.contains(&status.code) => KubernetesError::Busy { verb, source: status },
            // Its own words: kube's would repeat the whole object.
            kube::Error::Api(status) => KubernetesError::Api { verb, source: status },
            source => KubernetesError::Api { verb, source: Box::new(source) },
        }
    }

    fn forbidden(&self, verb: &'static str) -> KubernetesError {
        KubernetesError::Forbidden { who: self.who.clone(), instead: self.instead, verb }
    }
}
