//! The step on `kube-system/aws-auth`: read, edit, write, and again from a fresh read when somebody else wrote.

use super::Apply;
use crate::cluster::{ClusterError, Kubernetes, Read, Seen};
use crate::error::Error;
use backon::{ExponentialBuilder, Retryable as _};
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};
use std::time::Duration;
use tokio::time::Instant;

/// Carries the change out. Others write the ConfigMap too (EKS does whenever a node group comes or goes), so every
/// write is bound to what was read. An answer that was lost is found out by the next read.
pub(super) async fn edit(apply: &Apply<'_>, change: &Change) -> Result<(), Error> {
    let Some(kubernetes) = apply.kubernetes else { return Ok(()) };
    let attempt = || attempt(kubernetes, change);
    let longest = apply.budget.patience / 40;
    let backoff = ExponentialBuilder::new()
        .with_min_delay((apply.budget.patience / 600).max(Duration::from_millis(10)))
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter();
    // Jitter makes a wait up to twice as long; and the write must still come to its end.
    let (begun, until) = (Instant::now(), apply.clients.retries.until - 3 * longest);
    let is_given_time = || begun.elapsed() < apply.budget.patience;
    attempt
        .retry(backoff)
        .when(|error| match error {
            // Whoever was first is done by now: with every conflict there is one fewer to meet.
            Error::Cluster(ClusterError::Contended) => Instant::now() < until,
            Error::Cluster(ClusterError::Unauthorized { .. }) => kubernetes.is_let_in() && is_given_time(),
            Error::Cluster(ClusterError::Busy { .. } | ClusterError::Unreachable { .. }) => is_given_time(),
            _ => false,
        })
        .notify(|error, _| tracing::info!(error = error.reason(), "kube-system/aws-auth is read again"))
        .await
}

async fn attempt(kubernetes: &Kubernetes, change: &Change) -> Result<(), Error> {
    // It was read before the plan was made, and may be a while old: that it has changed since is no sign of a crowd.
    if let Some(Seen(read)) = kubernetes.take_seen()
        && write(kubernetes, read, change).await?
    {
        return Ok(());
    }
    let read = kubernetes.get().await.map_err(Error::Cluster)?;
    if write(kubernetes, read, change).await? { Ok(()) } else { Err(Error::Cluster(ClusterError::Contended)) }
}

/// Whether the write that makes the change went through, or none was needed.
async fn write(kubernetes: &Kubernetes, read: Option<Read>, change: &Change) -> Result<bool, Error> {
    let edit = config_map::edit(read.as_ref().map(Read::observed).as_ref(), change).map_err(Error::AwsAuth)?;
    match (edit, read) {
        (Edit::Create(wanted), _) => kubernetes.create(&wanted).await,
        (Edit::Replace(wanted), Some(read)) => kubernetes.replace(read, &wanted).await,
        (Edit::Delete, Some(read)) => kubernetes.delete(read).await,
        (Edit::None | Edit::Replace(_) | Edit::Delete, _) => Ok(true),
    }
    .map_err(Error::Cluster)
}
