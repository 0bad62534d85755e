//! The step on `kube-system/aws-auth`: read, edit, write, and again from a fresh read when somebody else wrote.

use super::Apply;
use crate::cluster::{ClusterError, Kubernetes, Read};
use crate::error::Error;
use backon::{ExponentialBuilder, Retryable as _};
use karpenter_prereqs_core::config_map::{self, Change, Edit};
use std::time::Duration;

/// Carries the change out. Others write the ConfigMap too (EKS does whenever a node group comes or goes), so every
/// write is bound to what was read. An answer that was lost is found out by the next read.
pub(super) async fn edit(apply: &Apply<'_>, change: &Change) -> Result<(), Error> {
    let Some(kubernetes) = apply.kubernetes else { return Ok(()) };
    let attempt = || attempt(kubernetes, change);
    let backoff = ExponentialBuilder::new()
        .with_min_delay((apply.budget.patience / 600).max(Duration::from_millis(10)))
        .with_max_delay(apply.budget.patience / 20)
        .without_max_times()
        .with_total_delay(Some(apply.budget.patience))
        .with_jitter();
    attempt
        .retry(backoff)
        .when(|error| match error {
            Error::Cluster(ClusterError::Unauthorized { .. }) => kubernetes.is_let_in(),
            Error::Cluster(error) => {
                matches!(error, ClusterError::Busy { .. } | ClusterError::Contended | ClusterError::Unreachable { .. })
            }
            _ => false,
        })
        .notify(|error, _| tracing::info!(error = error.reason(), "kube-system/aws-auth is read again"))
        .await
}

async fn attempt(kubernetes: &Kubernetes, change: &Change) -> Result<(), Error> {
    let read = kubernetes.get().await.map_err(Error::Cluster)?;
    let edit = config_map::edit(read.as_ref().map(Read::observed).as_ref(), change).map_err(Error::AwsAuth)?;
    let won = match (edit, read) {
        (Edit::Create(wanted), _) => kubernetes.create(&wanted).await,
        (Edit::Replace(wanted), Some(read)) => kubernetes.replace(read, &wanted).await,
        (Edit::Delete, Some(read)) => kubernetes.delete(read).await,
        (Edit::None | Edit::Replace(_) | Edit::Delete, _) => Ok(true),
    };
    if won.map_err(Error::Cluster)? { Ok(()) } else { Err(Error::Cluster(ClusterError::Contended)) }
}
