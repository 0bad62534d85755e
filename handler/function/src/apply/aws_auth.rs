//! The step on `kube-system/aws-auth`: read, edit, write. It begins again with a new read if another writer was faster.

use super::Apply;
use crate::clients::kubernetes::{ConfigMapSnapshot, Kubernetes, Read};
use crate::error::{Error, KubernetesError};
use crate::retry::retry_time_of_aws_auth_edit;
use crate::telemetry::event::log_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};
use tokio::time::Instant;

/// Carries out the change. Without a connection to the Kubernetes API it does nothing.
///
/// Other writers change the ConfigMap too, for example EKS when a node group is created or deleted. So every write names the
/// version that was read. If the response of a write was lost, the next read shows whether the write succeeded.
///
/// # Errors
/// [`KubernetesError::Contended`] if every attempt met an update conflict. Otherwise the error of the edit or of a call.
pub(super) async fn edit(apply: &Apply<'_>, change: &Change) -> Result<(), Error> {
    let Some(kubernetes) = apply.kubernetes else { return Ok(()) };
    let attempt = || attempt(kubernetes, change);
    let (started_at, deadlines) = (Instant::now(), apply.deadlines);
    // Three waits before the deadline of this part of the run: jitter doubles the last wait at most, and the write itself needs
    // time.
    let last_attempt = apply.clients.retries.deadline - 3 * deadlines.longest_wait_of_aws_auth_edit();
    let time_for_attempts = last_attempt.saturating_duration_since(started_at);
    let retry_time = |error: &Error| {
        retry_time_of_aws_auth_edit(error, deadlines.settle_time, time_for_attempts, kubernetes.is_token_accepted())
    };
    attempt
        .retry(deadlines.aws_auth_edit())
        .when(|error| started_at.elapsed() < retry_time(error))
        .notify(|error, after| log_retry("kube-system/aws-auth is read again", Some(&error.reason()), after))
        .await
}

/// Makes one attempt. The first one may write twice: it edits the ConfigMap of the snapshot and, after an update conflict, that of
/// a new read.
///
/// # Errors
/// [`KubernetesError::Contended`] if the last write met an update conflict. Otherwise the error of the edit or of a call.
async fn attempt(kubernetes: &Kubernetes, change: &Change) -> Result<(), Error> {
    // The snapshot may be minutes old, so a conflict on it is expected. The attempt then continues with a new read.
    if let Some(ConfigMapSnapshot(read)) = kubernetes.take_snapshot()
        && write(kubernetes, read, change).await?
    {
        return Ok(());
    }
    let read = kubernetes.get().await.map_err(Error::Kubernetes)?;
    if write(kubernetes, read, change).await? { Ok(()) } else { Err(Error::Kubernetes(KubernetesError::Contended)) }
}

/// Returns whether the ConfigMap now has the change: the write succeeded, or no write was needed. `false` after an update
/// conflict.
async fn write(kubernetes: &Kubernetes, read: Option<Read>, change: &Change) -> Result<bool, Error> {
    let edit = config_map::edit(read.as_ref().map(Read::observed).as_ref(), change).map_err(Error::AwsAuth)?;
    match (edit, read) {
        (Edit::Create(wanted), _) => kubernetes.create(&wanted).await,
        (Edit::Replace(wanted), Some(read)) => kubernetes.replace(read, &wanted).await,
        (Edit::Delete, Some(read)) => kubernetes.delete(read).await,
        (Edit::None | Edit::Replace(_) | Edit::Delete, _) => Ok(true),
    }
    .map_err(Error::Kubernetes)
}
