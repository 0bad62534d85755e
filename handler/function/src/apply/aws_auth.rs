//! The step on `kube-system/aws-auth`: read, edit, write, and again from a fresh read when somebody else wrote.

use super::Apply;
use crate::cluster::{ClusterError, Kubernetes, Read};
use crate::error::Error;
use backon::{ExponentialBuilder, Retryable as _};
use karpenter_prereqs_core::config_map::{self, Change, Edit};
use std::time::Duration;
use tokio::time::Instant;

/// Carries the change out. Others write the ConfigMap too (EKS does whenever a node group comes or goes), so every
/// write is bound to what was read. An answer that was lost is found out by the next read.
pub(super) async fn edit(apply: &Apply<'_>, change: &Change) -> Result<(), Error> {
    let Some(kubernetes) = apply.kubernetes else { return Ok(()) };
    let attempt = || attempt(kubernetes, change);
    let backoff = ExponentialBuilder::new()
        .with_min_delay((apply.budget.patience / 600).max(Duration::from_millis(10)))
        .with_max_delay(apply.budget.patience / 20)
        .without_max_times()
        .with_jitter();
    let (begun, retries) = (Instant::now(), apply.clients.retries);
    let is_given_time = || begun.elapsed() < apply.budget.patience;
    attempt
        .retry(backoff)
        .when(|error| match error {
            // Whoever was first is done by now: with every conflict there is one fewer to meet.
            Error::Cluster(ClusterError::Contended) => Instant::now() + retries.pause < retries.until,
            Error::Cluster(ClusterError::Unauthorized { .. }) => kubernetes.is_let_in() && is_given_time(),
            Error::Cluster(ClusterError::Busy { .. } | ClusterError::Unreachable { .. }) => is_given_time(),
            _ => false,
        })
        .notify(|error, _| tracing::info!(error = error.reason(), "kube-system/aws-auth is read again"))
        .await
}

async fn attempt(kubernetes: &Kubernetes, change: &Change) -> Result<(), Error> {
    let read = kubernetes.seen_or_get().await.map_err(Error::Cluster)?;
    let edit = config_map::edit(read.as_ref().map(Read::observed).as_ref(), change).map_err(Error::AwsAuth)?;
    let won = match (edit, read) {
        (Edit::Create(wanted), _) => kubernetes.create(&wanted).await,
        (Edit::Replace(wanted), Some(read)) => kubernetes.replace(read, &wanted).await,
        (Edit::Delete, Some(read)) => kubernetes.delete(read).await,
        (Edit::None | Edit::Replace(_) | Edit::Delete, _) => Ok(true),
    };
    if won.map_err(Error::Cluster)? { Ok(()) } else { Err(Error::Cluster(ClusterError::Contended)) }
}
