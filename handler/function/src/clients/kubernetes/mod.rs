//! The Kubernetes API of the cluster: reads and writes of the ConfigMap `kube-system/aws-auth`, and access reviews.

mod client;
mod config_map;
mod token;

pub(crate) use config_map::Read;
pub(crate) use token::credentials;

use crate::clients::aws::{Caller, Clients};
use crate::error::KubernetesError;
use crate::error::chain::chain;
use crate::retry::{Retries, retry_time_of_kubernetes_read};
use crate::telemetry::calls::Calls;
use crate::telemetry::event::{ACCESS_REVIEW, log_retry};
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

/// The namespace of aws-auth.
const NAMESPACE: &str = "kube-system";

/// The name of the ConfigMap.
const NAME: &str = "aws-auth";

/// The statuses of an API server, or of a proxy in front of it, that is overloaded, unavailable or too slow. An API server also
/// returns them while it fails for a short time, for example while etcd elects a leader.
const BUSY_STATUSES: [u16; 5] = [429, 500, 502, 503, 504];

/// The Kubernetes API of one cluster, with the token of one caller.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    client: kube::Client,
    endpoint: String,
    /// The name of the token's caller, for messages: `KubernetesRoleArn` if the spec has it, otherwise [`Caller::label`].
    caller_name: String,
    /// The caller of AWS, which gets the token. Its hints are for messages.
    aws_caller: Caller,
    mode: AuthenticationMode,
    retries: Retries,
    calls: Calls,
    /// Whether the API server has accepted this token.
    is_token_accepted: Arc<AtomicBool>,
    /// The ConfigMap of the snapshot, until the first write takes it.
    snapshot: Arc<Mutex<Option<ConfigMapSnapshot>>>,
    /// A verb on the ConfigMap that is known to be allowed.
    allowed: Option<Verb>,
}

/// The ConfigMap of the snapshot; `None` inside if it did not exist.
pub(crate) struct ConfigMapSnapshot(pub(crate) Option<Read>);

impl Kubernetes {
    /// Returns a client with a new token that is signed with these [`credentials`]. It makes no call.
    ///
    /// # Errors
    /// [`KubernetesError::Token`] if the credentials cannot sign, and [`KubernetesError::Client`] if the cluster's endpoint or
    /// certificate is not valid.
    pub(crate) fn connect(
        clients: &Clients,
        spec: &Spec,
        cluster: &Cluster,
        credentials: &Credentials,
    ) -> Result<Self, KubernetesError> {
        let token = token::token(credentials, spec).map_err(KubernetesError::Token)?;
        let endpoint = cluster.endpoint.clone();
        let invalid = |source| KubernetesError::Client { endpoint: endpoint.clone(), source };
        let client = client::client(&endpoint, &cluster.certificate_authority, &token).map_err(invalid)?;
        let caller_name = spec.kubernetes_role_arn.clone().unwrap_or_else(|| clients.caller.label.to_owned());
        Ok(Self {
            client,
            endpoint,
            caller_name,
            aws_caller: clients.caller,
            mode: cluster.authentication_mode,
            retries: clients.retries,
            calls: clients.calls.clone(),
            is_token_accepted: Arc::default(),
            snapshot: Arc::default(),
            allowed: None,
        })
    }

    /// Reads the ConfigMap; `None` if it does not exist. Retries by the rule `kubernetes_read`.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn get_with_retries(&self) -> Result<Option<Read>, KubernetesError> {
        self.with_retries(|| self.get()).await
    }

    /// Reads the ConfigMap once; `None` if it does not exist.
    ///
    /// # Errors
    /// The call failed. An API server that cannot be reached, 401 and 403 have a remedy each.
    pub(crate) async fn get(&self) -> Result<Option<Read>, KubernetesError> {
        let config_maps = self.config_maps();
        let found = self.recorded("get ConfigMap", config_maps.get_opt(NAME)).await;
        let found = found.map_err(|error| self.error("get", error))?;
        self.is_token_accepted.store(true, Ordering::Relaxed);
        Ok(found.map(|object| Read { object }))
    }

    /// Keeps the ConfigMap for the first write, and checks whether `likely_verb` is allowed. The result of the check is only a
    /// shortcut for [`Kubernetes::check_permission`], which reports a verb that is not allowed if the plan needs it.
    pub(crate) async fn keep_snapshot(&mut self, read: Option<Read>, likely_verb: Option<Verb>) {
        self.snapshot = Arc::new(Mutex::new(Some(ConfigMapSnapshot(read))));
        if let Some(verb) = likely_verb {
            self.allowed = self.review_access(verb).await.is_ok().then_some(verb);
        }
    }

    /// Returns the ConfigMap of the snapshot at the first call, and `None` afterwards. The API server rejects a write based on it
    /// if the ConfigMap has changed since.
    pub(crate) fn take_snapshot(&self) -> Option<ConfigMapSnapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Checks that RBAC allows the verb on the ConfigMap. Retries by the rule `kubernetes_read`.
    ///
    /// # Errors
    /// [`KubernetesError::Forbidden`] if RBAC denies it, or the call failed.
    pub(crate) async fn check_permission(&self, verb: Verb) -> Result<(), KubernetesError> {
        if self.allowed == Some(verb) {
            return Ok(());
        }
        self.with_retries(|| self.review_access(verb)).await
    }

    /// Makes one access review, as [`Kubernetes::check_permission`] describes it.
    async fn review_access(&self, verb: Verb) -> Result<(), KubernetesError> {
        let attributes = ResourceAttributes {
            namespace: Some(NAMESPACE.to_owned()),
            // RBAC cannot restrict a create to a name:
            // https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
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
        let result = self.recorded(ACCESS_REVIEW, reviews.create(&PostParams::default(), &review)).await;
        let reviewed = result.map_err(|error| self.error(verb.name(), error))?;
        if reviewed.status.is_some_and(|status| status.allowed) { Ok(()) } else { Err(self.forbidden(verb.name())) }
    }

    /// Creates the ConfigMap. Returns `false` if another writer has created one since the read.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn create(&self, wanted: &observed::ConfigMap) -> Result<bool, KubernetesError> {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(NAME.to_owned());
        object.metadata.namespace = Some(NAMESPACE.to_owned());
        config_map::set_content(&mut object, wanted);
        let (config_maps, parameters) = (self.config_maps(), PostParams::default());
        self.was_written("create", self.recorded("create ConfigMap", config_maps.create(&parameters, &object)).await)
    }

    /// Replaces the ConfigMap that was read. Returns `false` if it has changed since the read.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn replace(&self, read: Read, wanted: &observed::ConfigMap) -> Result<bool, KubernetesError> {
        let mut object = read.object;
        config_map::set_content(&mut object, wanted);
        let (config_maps, parameters) = (self.config_maps(), PostParams::default());
        self.was_written(
            "update",
            self.recorded("update ConfigMap", config_maps.replace(NAME, &parameters, &object)).await,
        )
    }

    /// Deletes the ConfigMap that was read. Returns `false` if it has changed since the read, and `true` if it does not exist.
    ///
    /// # Errors
    /// As [`Kubernetes::get`].
    pub(crate) async fn delete(&self, read: Read) -> Result<bool, KubernetesError> {
        let preconditions =
            Preconditions { uid: read.object.metadata.uid, resource_version: read.object.metadata.resource_version };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let config_maps = self.config_maps();
        match self.recorded("delete ConfigMap", config_maps.delete(NAME, &parameters)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
            other => self.was_written("delete", other),
        }
    }

    /// Makes a call that changes nothing, and retries it by the rule `kubernetes_read`.
    async fn with_retries<T, F>(&self, call: impl FnMut() -> F) -> Result<T, KubernetesError>
    where
        F: Future<Output = Result<T, KubernetesError>>,
    {
        let started_at = Instant::now();
        let is_retried = |error: &KubernetesError| {
            let settle_time = self.retries.settle_time;
            started_at.elapsed() < retry_time_of_kubernetes_read(error, settle_time, self.is_token_accepted())
        };
        call.retry(self.retries.kubernetes_read())
            .when(is_retried)
            .notify(|error, after| log_retry("the Kubernetes API failed", Some(&chain(error)), after))
            .await
    }

    /// Returns whether the API server has accepted this token in a read of the ConfigMap.
    pub(crate) fn is_token_accepted(&self) -> bool {
        self.is_token_accepted.load(Ordering::Relaxed)
    }

    /// Makes one call, and records it in the log and the metrics.
    async fn recorded<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> kube::Result<T> {
        let code = |error: &kube::Error| match error {
            kube::Error::Api(status) => status.reason.clone(),
            _ => "no response".to_owned(),
        };
        self.calls.recorded(("Kubernetes", operation), code, call).await
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Returns whether a write succeeded; `false` if another writer was faster. The API server then returns 404 or 409.
    fn was_written<T>(&self, verb: &'static str, result: kube::Result<T>) -> Result<bool, KubernetesError> {
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
                caller_name: self.caller_name.clone(),
                hint: self.aws_caller.hint,
                mode: self.mode,
            },
            kube::Error::Api(status) if status.code == 403 => self.forbidden(verb),
            source @ (kube::Error::HyperError(_) | kube::Error::Service(_)) => KubernetesError::Unreachable {
                endpoint: self.endpoint.clone(),
                if_private: self.aws_caller.private_endpoint,
                source,
            },
            kube::Error::Api(status) if BUSY_STATUSES.contains(&status.code) => {
                KubernetesError::Busy { verb, source: status }
            }
            // The status itself, because the text of kube's error would repeat the whole object.
            kube::Error::Api(status) => KubernetesError::Api { verb, source: status },
            source => KubernetesError::Api { verb, source: Box::new(source) },
        }
    }

    fn forbidden(&self, verb: &'static str) -> KubernetesError {
        KubernetesError::Forbidden { caller_name: self.caller_name.clone(), hint: self.aws_caller.hint, verb }
    }
}
