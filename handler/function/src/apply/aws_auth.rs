//! The step on `kube-system/aws-auth`: read, edit, write. It begins again with a new read if another writer was faster. Before the
//! first step of the plan, the write is tried as a dry run in the same way.

use crate::clients::kubernetes::{ConfigMapSnapshot, Kubernetes, WriteMode, Written};
use crate::error::{Error, KubernetesError};
use crate::retry::{Deadlines, retry_time_of_aws_auth_edit};
use crate::telemetry::event::log_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::documents::config_map::{Change, Edit};
use tokio::time::Instant;

/// Carries out the change, or tries it: then the API server authorizes and validates the write, and stores nothing. A dry run
/// reserves nothing, so the write can still be refused.
///
/// Other writers change the ConfigMap too, for example EKS when a node group is created or deleted. So every write names the
/// version that was read. If the response of a write was lost, the next read shows whether the write succeeded.
///
/// # Errors
/// [`KubernetesError::Contended`] if every attempt met an update conflict. Otherwise the error of the edit or of a call.
pub(super) async fn edit(
    kubernetes: &Kubernetes,
    deadlines: Deadlines,
    deadline: Instant,
    change: &Change,
    mode: WriteMode,
) -> Result<(), Error> {
    let attempt = || attempt(kubernetes, change, mode);
    let started_at = Instant::now();
    // Three waits before the deadline of this part of the run: jitter doubles the last wait at most, and the write itself needs
    // time.
    let last_attempt = deadline - 3 * deadlines.longest_wait_of_aws_auth_edit();
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
async fn attempt(kubernetes: &Kubernetes, change: &Change, mode: WriteMode) -> Result<(), Error> {
    // The snapshot may be minutes old, so a conflict on it is expected. The attempt then continues with a new read.
    if let Some(snapshot) = kubernetes.take_snapshot()
        && write(kubernetes, snapshot, change, mode).await?
    {
        return Ok(());
    }
    let read = kubernetes.get().await.map_err(Error::Kubernetes)?;
    let is_written = write(kubernetes, ConfigMapSnapshot::new(read), change, mode).await?;
    if is_written { Ok(()) } else { Err(Error::Kubernetes(KubernetesError::Contended)) }
}

/// Returns whether the ConfigMap now has the change: the write succeeded, or no write was needed. `false` after an update
/// conflict. Keeps what the next write needs: after a dry run the same ConfigMap, and after a write the new one.
async fn write(
    kubernetes: &Kubernetes,
    mut snapshot: ConfigMapSnapshot,
    change: &Change,
    mode: WriteMode,
) -> Result<bool, Error> {
    let (read, prepared) = snapshot.prepare(change).map_err(Error::AwsAuth)?;
    if mode == WriteMode::DryRun && prepared.is_accepted {
        kubernetes.keep_snapshot(snapshot);
        return Ok(true);
    }
    match kubernetes.write(read, &prepared.edit, mode).await.map_err(Error::Kubernetes)? {
        Written::Conflict => return Ok(false),
        Written::Done(_) if mode == WriteMode::DryRun => {
            prepared.is_accepted = true;
            kubernetes.keep_snapshot(snapshot);
        }
        // The removal of an entry is followed by the release of its fields. An addition is the last edit.
        Written::Done(written) if !matches!(change, Change::AddEntry { .. }) => {
            let read = if prepared.edit == Edit::None { snapshot.read } else { written.map(|written| *written) };
            if read.is_some() {
                kubernetes.keep_snapshot(ConfigMapSnapshot::new(read));
            }
        }
        Written::Done(_) => {}
    }
    Ok(true)
}
