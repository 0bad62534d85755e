//! The Kubernetes API of the cluster: reads and writes of the ConfigMap `kube-system/aws-auth`.

mod access_review;
mod client;
mod config_map;
mod snapshot;
mod token;
mod write;

pub(crate) use config_map::Read;
pub(crate) use snapshot::{ConfigMapSnapshot, PreparedEdit};
pub(crate) use token::credentials;
pub(crate) use write::{WriteMode, Written};

use crate::clients::aws::{Caller, Clients};
use crate::error::KubernetesError;
use crate::error::chain::chain;
use crate::retry::{Retries, retry_time_of_kubernetes_read};
use crate::telemetry::calls::Calls;
use crate::telemetry::event::log_retry;
use aws_credential_types::Credentials;
use backon::Retryable as _;
use k8s_openapi::api::core::v1::ConfigMap;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{AuthenticationMode, Cluster};
use kube::api::Api;
use kube::core::Status;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// The ConfigMap for the next write, with its prepared edit.
    snapshot: Arc<Mutex<Option<ConfigMapSnapshot>>>,
}

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
        Ok(found.map(Read::new))
    }

    /// Keeps the ConfigMap for the next write. The API server rejects a write based on it if the ConfigMap has changed since.
    pub(crate) fn keep_snapshot(&self, snapshot: ConfigMapSnapshot) {
        *self.lock_snapshot() = Some(snapshot);
    }

    /// Returns the ConfigMap that was kept, and keeps it no longer.
    pub(crate) fn take_snapshot(&self) -> Option<ConfigMapSnapshot> {
        self.lock_snapshot().take()
    }

    /// Returns whether a ConfigMap is kept.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.lock_snapshot().is_some()
    }

    fn lock_snapshot(&self) -> MutexGuard<'_, Option<ConfigMapSnapshot>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn error(&self, verb: &'static str, error: kube::Error) -> KubernetesError {
        match error {
            kube::Error::Api(status) if status.code == 401 => KubernetesError::Unauthorized {
                endpoint: self.endpoint.clone(),
                caller_name: self.caller_name.clone(),
                hint: self.aws_caller.hint,
                mode: self.mode,
            },
            kube::Error::Api(status) if is_denied_by_rbac(&status, verb) => self.forbidden(verb),
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

/// Returns whether RBAC, or another authorizer, denies the verb. An admission webhook or policy can return 403 too, and its words
/// differ. Example: `configmaps "aws-auth" is forbidden: User "a" cannot update resource "configmaps" in API group "" in the
/// namespace "kube-system"`. The words are those of `ForbiddenMessage` in `k8s.io/apiserver`.
fn is_denied_by_rbac(status: &Status, verb: &str) -> bool {
    status.code == 403 && status.message.contains(&format!("cannot {verb} resource"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_an_authorizer_are_a_denial_by_rbac() {
        let status = |code, message: &str| Status { code, message: message.to_owned(), ..Status::default() };
        let words = r#"configmaps "aws-auth" is forbidden: User "a" cannot update resource "configmaps" in API group "" in the namespace "kube-system""#;
        assert!(is_denied_by_rbac(&status(403, words), "update"));
        assert!(!is_denied_by_rbac(&status(403, words), "delete"));
        assert!(!is_denied_by_rbac(&status(422, words), "update"));
        let policy = "configmaps \"aws-auth\" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: frozen";
        assert!(!is_denied_by_rbac(&status(403, policy), "update"));
    }
}
