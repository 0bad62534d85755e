//! The ConfigMap, where an entry in it is asked for or may be left, and the credentials to read it with.

use super::{Look, Purpose};
use crate::clients::aws::Clients;
use crate::clients::kubernetes::Kubernetes;
use crate::error::KubernetesError;
use aws_credential_types::Credentials;
use futures::FutureExt as _;
use futures::future::{self, Either, LocalBoxFuture};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{AuthenticationMode, AwsAuth, Cluster};
use karpenter_prereqs_core::plan;
use std::pin::pin;

/// The ConfigMap, and the connection that its edit uses.
pub(super) struct ObservedConfigMap {
    pub(super) aws_auth: AwsAuth,
    /// Absent when the ConfigMap was not read.
    pub(super) kubernetes: Option<Kubernetes>,
}

impl ObservedConfigMap {
    /// Nothing depends on the ConfigMap.
    pub(super) const fn not_read() -> Self {
        Self { aws_auth: AwsAuth::NotRead, kubernetes: None }
    }
}

/// The credentials for the Kubernetes API: fetched once, by whoever awaits them first.
pub(super) type Fetching<'a> = LocalBoxFuture<'a, Result<Credentials, KubernetesError>>;

/// What EKS is asked. Where another role's credentials may be needed by then, STS is asked for them meanwhile; nobody waits
/// for its answer here.
pub(super) async fn beside<T>(asked: impl Future<Output = T>, spec: &Spec, credentials: &mut Fetching<'_>) -> T {
    if spec.kubernetes_role_arn.is_none() || !spec.node_access.wants_aws_auth(AuthenticationMode::ConfigMap) {
        return asked.await;
    }
    match future::select(pin!(asked), &mut *credentials).await {
        Either::Left((answers, _)) => answers,
        Either::Right((fetched, asked)) => {
            *credentials = future::ready(fetched).boxed_local();
            asked.await
        }
    }
}

/// Reads the ConfigMap, if an entry in it is asked for.
pub(super) async fn wanted(
    clients: &Clients,
    look: Look<'_>,
    serving: Option<&Cluster>,
    credentials: &mut Fetching<'_>,
) -> Result<ObservedConfigMap, KubernetesError> {
    let wants = |cluster: &&Cluster| look.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    match serving.filter(wants) {
        Some(cluster) => read(clients, look, cluster, credentials).await,
        None => Ok(ObservedConfigMap::not_read()),
    }
}

/// Reads it, and asks, beside the other reads, whether the write is allowed that will most likely be planned.
pub(super) async fn read(
    clients: &Clients,
    look: Look<'_>,
    cluster: &Cluster,
    credentials: &mut Fetching<'_>,
) -> Result<ObservedConfigMap, KubernetesError> {
    let mut kubernetes = Kubernetes::connect(clients, look.spec, cluster, &credentials.await?)?;
    let read = kubernetes.get_with_retries().await?;
    let aws_auth = read.as_ref().map_or(AwsAuth::Missing, |read| AwsAuth::Present(read.observed()));
    let adds_entry =
        look.purpose == Purpose::Reconcile && look.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    let foreseen = plan::likely_verb(look.spec, look.markers, adds_entry, &aws_auth).filter(|_| clients.caller.writes);
    kubernetes.have_seen(read, foreseen).await;
    Ok(ObservedConfigMap { aws_auth, kubernetes: Some(kubernetes) })
}
