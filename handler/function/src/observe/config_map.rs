//! The ConfigMap aws-auth, if an entry in it is wanted or may exist, and the credentials for reading it.

use super::{Purpose, SnapshotQuery};
use crate::clients::aws::Clients;
use crate::clients::kubernetes::{ConfigMapSnapshot, Kubernetes, PreparedEdit, WriteMode, Written};
use crate::error::KubernetesError;
use aws_credential_types::Credentials;
use futures::FutureExt as _;
use futures::future::{self, Either, LocalBoxFuture};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{AuthenticationMode, AwsAuth, Cluster};
use karpenter_prereqs_core::plan;
use std::pin::pin;
use std::sync::Arc;

/// The ConfigMap, and the connection for its edit.
pub(super) struct ObservedConfigMap {
    pub(super) aws_auth: AwsAuth,
    /// The connection; absent if the ConfigMap was not read.
    pub(super) kubernetes: Option<Kubernetes>,
}

impl ObservedConfigMap {
    /// Returns the result if the plan does not depend on the ConfigMap.
    pub(super) const fn not_read() -> Self {
        Self { aws_auth: AwsAuth::NotRead, kubernetes: None }
    }
}

/// The credentials for the Kubernetes API. The future must not be polled after it has returned. [`read`] awaits it, and a
/// snapshot calls [`read`] at most once.
pub(super) type PendingCredentials<'a> = LocalBoxFuture<'a, Result<Credentials, KubernetesError>>;

/// Waits for `work`, and fetches the credentials at the same time if they may be needed afterwards and need a call to STS. It
/// does not wait for them: if they arrive first, they are kept in `credentials`.
pub(super) async fn fetch_credentials_during<T>(
    work: impl Future<Output = T>,
    spec: &Spec,
    credentials: &mut PendingCredentials<'_>,
) -> T {
    // The cluster's authentication mode is not known yet. Every setting that can want an entry wants one in this mode.
    if spec.kubernetes_role_arn.is_none() || !spec.node_access.wants_aws_auth(AuthenticationMode::ConfigMap) {
        return work.await;
    }
    match future::select(pin!(work), &mut *credentials).await {
        Either::Left((result, _)) => result,
        Either::Right((fetched, work)) => {
            *credentials = future::ready(fetched).boxed_local();
            work.await
        }
    }
}

/// Reads the ConfigMap if `NodeAccess` and the cluster's authentication mode want an entry in it.
///
/// # Errors
/// The Kubernetes API could not be used.
pub(super) async fn read_if_wanted(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    serving: Option<&Cluster>,
    credentials: &mut PendingCredentials<'_>,
) -> Result<ObservedConfigMap, KubernetesError> {
    let wants_entry = |cluster: &&Cluster| query.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    match serving.filter(wants_entry) {
        Some(cluster) => read(clients, query, cluster, credentials).await,
        None => Ok(ObservedConfigMap::not_read()),
    }
}

/// Reads the ConfigMap. In a run it also tries the write that the plan most likely has, as a dry run. It is tried here because the
/// other reads still take longer.
///
/// # Errors
/// The Kubernetes API could not be used. A write that would be refused is no error yet, because the plan may not need it.
pub(super) async fn read(
    clients: &Clients,
    query: SnapshotQuery<'_>,
    cluster: &Cluster,
    credentials: &mut PendingCredentials<'_>,
) -> Result<ObservedConfigMap, KubernetesError> {
    let kubernetes = Kubernetes::connect(clients, query.spec, cluster, &credentials.await?)?;
    let read = kubernetes.get_with_retries().await?;
    let aws_auth = read.as_ref().map_or(AwsAuth::Missing, |read| AwsAuth::Present(Arc::clone(read.observed())));
    let adds_entry =
        query.purpose != Purpose::TearDown && query.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    let likely =
        clients.caller.applies_plan.then(|| plan::likely_edit(query.spec, query.markers, adds_entry, &aws_auth));
    let snapshot = match likely.flatten() {
        Some((change, edit)) => {
            let is_accepted =
                matches!(kubernetes.write(read.as_ref(), &edit, WriteMode::DryRun).await, Ok(Written::Done(_)));
            ConfigMapSnapshot::with_edit(read, PreparedEdit { change, edit, is_accepted })
        }
        None => ConfigMapSnapshot::new(read),
    };
    kubernetes.keep_snapshot(snapshot);
    Ok(ObservedConfigMap { aws_auth, kubernetes: Some(kubernetes) })
}
