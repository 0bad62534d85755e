//! The step on `kube-system/aws-auth`: read, edit, write, and again from a fresh read when somebody else wrote.

use super::Apply;
use crate::clients::kubernetes::{Kubernetes, Read, Seen};
use crate::error::{Error, KubernetesError};
use crate::retry::retry_time_of_aws_auth_edit;
use crate::telemetry::event::log_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};
use tokio::time::Instant;

/// Carries the change out. Others write the ConfigMap too (EKS does whenever a node group comes or goes), so every
/// write is bound to what was read. An answer that was lost is found out by the next read.
pub(super) async fn edit(apply: &Apply<'_>, change: &Change) -> Result<(), Error> {
    let Some(kubernetes) = apply.kubernetes else { return Ok(()) };
    let attempt = || attempt(kubernetes, change);
    let (begun, deadlines) = (Instant::now(), apply.deadlines);
    // Jitter doubles a wait at most, and the write must still end before the deadline.
    let last_attempt = apply.clients.retries.deadline - 3 * deadlines.longest_wait_of_aws_auth_edit();
    let work_time = last_attempt.saturating_duration_since(begun);
    let retry_time = |error: &Error| {
        retry_time_of_aws_auth_edit(error, deadlines.settle_time, work_time, kubernetes.is_token_accepted())
    };
    attempt
        .retry(deadlines.aws_auth_edit())
        .when(|error| begun.elapsed() < retry_time(error))
        .notify(|error, after| log_retry("kube-system/aws-auth is read again", Some(&error.reason()), after))
        .await
}

async fn attempt(kubernetes: &Kubernetes, change: &Change) -> Result<(), Error> {
    // It was read before the plan was made, and may be a while old: that it has changed since is no sign of a crowd.
    if let Some(Seen(read)) = kubernetes.take_seen()
        && write(kubernetes, read, change).await?
    {
        return Ok(());
    }
    let read = kubernetes.get().await.map_err(Error::Kubernetes)?;
    if write(kubernetes, read, change).await? { Ok(()) } else { Err(Error::Kubernetes(KubernetesError::Contended)) }
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
    .map_err(Error::Kubernetes)
}
