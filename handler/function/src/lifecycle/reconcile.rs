//! The reconciliation of a generation: the first snapshot, its plan, and further snapshots while other resources share objects.

use super::still_wanted::Cause;
use super::{MAX_RECHECKS, Run};
use crate::clients::aws::Clients;
use crate::error::Error;
use crate::observe::{Purpose, Snapshot, SnapshotQuery, observe};
use crate::retry::{is_gone, is_permission_pending, wait_after_lost_race};
use crate::telemetry::event::log_retry;
use backon::{BackoffBuilder as _, Retryable as _};
use futures::FutureExt as _;
use karpenter_prereqs_core::plan;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::lifecycle::Reconciliation;
use karpenter_prereqs_core::request::event::Operation;
use karpenter_prereqs_core::response::Attributes;
use std::time::Duration;
use tokio::time::Instant;

impl Run<'_> {
    /// Makes the account match the properties. The first snapshot and the query of the stack status run at the same time.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Superseded`] or [`Error::Cancelled`] if CloudFormation does not want the operation any more.
    /// These come before the errors of the snapshot and of the plan.
    pub(super) async fn reconcile(&self, stage: &Reconciliation) -> Result<Attributes, Error> {
        self.check_not_stale()?;
        self.progress.set("reading the cluster, IAM and EC2");
        let markers = [stage.generation.marker()].into();
        let query = SnapshotQuery {
            spec: &stage.spec,
            previous: stage.previous.as_ref(),
            owner: self.owner,
            markers: &markers,
            purpose: Purpose::Reconcile,
        };
        let (snapshot, cause) = futures::join!(self.first_snapshot(query), self.check_still_wanted(self.operation));
        // `cause?` is the check: it returns the error if CloudFormation does not want the operation any more.
        let is_rollback = cause? == Cause::Rollback;
        let snapshot = snapshot?;
        self.progress.set_preexisting(snapshot.has_own_markers);
        let target = self.target(stage);
        if is_rollback {
            self.restore_from(self.clients, target, &snapshot).await
        } else {
            self.reconcile_with_retries(self.clients, target, &snapshot).await
        }
    }

    /// Restores the old properties after an Update was cancelled. It does not query the stack status.
    pub(super) async fn restore(&self, stage: &Reconciliation) -> Result<Attributes, Error> {
        let (clients, target) = (self.undo_clients(), self.target(stage));
        let snapshot = snapshot_for(&clients, target).await?;
        self.restore_from(&clients, target, &snapshot).await
    }

    /// Restores properties, as [`plan::properties_to_restore`] adjusts them. No bounds apply, because that function has already
    /// left out what exceeds them and is not granted yet.
    async fn restore_from(
        &self,
        clients: &Clients,
        target: plan::Target<'_>,
        snapshot: &Snapshot,
    ) -> Result<Attributes, Error> {
        let spec = plan::properties_to_restore(target, &snapshot.observed);
        if spec.interruption_queue_arn != target.spec.interruption_queue_arn {
            tracing::warn!(
                queue = target.spec.interruption_queue_arn,
                "the queue is left out: it is outside the bounds of the function"
            );
        }
        let unbounded = Bounds::default();
        let target = plan::Target { spec: &spec, bounds: &unbounded, ..target };
        self.reconcile_with_retries(clients, target, snapshot).await
    }

    /// Makes the account match the properties, and retries after a lost race for a discovery tag.
    ///
    /// If two resources tag at the same moment, both remove their tag and fail with [`Error::LostRace`]. Each waits for its turn
    /// and plans again from a new snapshot. The first writes its tag, and the second finds that tag.
    async fn reconcile_with_retries(
        &self,
        clients: &Clients,
        target: plan::Target<'_>,
        snapshot: &Snapshot,
    ) -> Result<Attributes, Error> {
        let mut waits = self.deadlines.lost_race().build();
        let mut started_at = Instant::now();
        let mut result = self.reconcile_what_exists(clients, target, snapshot).await;
        while let Err(Error::LostRace { turn, .. }) = result
            && let Some(wait) = waits.next()
        {
            let wait = wait_after_lost_race(wait, started_at.elapsed(), turn);
            log_retry("another resource tagged at the same moment", None, wait);
            tokio::time::sleep(wait).await;
            started_at = Instant::now();
            let snapshot = snapshot_for(clients, target).await?;
            match self.reconcile_what_exists(clients, target, &snapshot).await {
                // The other resource has the tag now. The error of the lost race explains this better than the conflict.
                Err(Error::Problems(_)) => break,
                next => result = next,
            }
        }
        result
    }

    /// Makes the account match the properties, and plans once more if an object of the snapshot is gone when it is changed:
    /// another resource deleted it in the meantime. The next plan creates it.
    async fn reconcile_what_exists(
        &self,
        clients: &Clients,
        target: plan::Target<'_>,
        snapshot: &Snapshot,
    ) -> Result<Attributes, Error> {
        match self.reconcile_once(clients, target, snapshot).await {
            Err(error) if is_gone(&error) => {
                let wait = self.deadlines.settle_time / 60;
                log_retry("an object was deleted at the same moment", Some(&error.reason()), wait);
                tokio::time::sleep(wait).await;
                let snapshot = snapshot_for(clients, target).await?;
                self.reconcile_once(clients, target, &snapshot).await
            }
            result => result,
        }
    }

    /// Plans from the snapshot and carries the plan out. If the plan depends on objects that other resources change at the same
    /// time, it takes another snapshot and plans again. This ends when nothing is shared any more, or after [`MAX_RECHECKS`]
    /// further snapshots.
    async fn reconcile_once(
        &self,
        clients: &Clients,
        target: plan::Target<'_>,
        snapshot: &Snapshot,
    ) -> Result<Attributes, Error> {
        let markers = [target.generation.marker()].into();
        let mut reconcile_plan = plan::reconcile(target, &snapshot.observed).map_err(Error::Problems)?;
        for warning in &reconcile_plan.warnings {
            tracing::warn!(code = warning.code(), warning = warning.message(), "warning");
        }
        self.apply_plan(clients, &reconcile_plan.plan, &markers, snapshot.kubernetes.as_ref()).await?;
        let attributes = Attributes::new(target.spec, &snapshot.observed, &reconcile_plan);
        for _ in 0..MAX_RECHECKS {
            if !reconcile_plan.needs_second_pass {
                break;
            }
            let snapshot = snapshot_for(clients, target).await?;
            reconcile_plan = plan::reconcile(target, &snapshot.observed).map_err(Error::Problems)?;
            self.apply_plan(clients, &reconcile_plan.plan, &markers, snapshot.kubernetes.as_ref()).await?;
        }
        Ok(attributes)
    }

    fn target<'a>(&'a self, stage: &'a Reconciliation) -> plan::Target<'a> {
        let Reconciliation { spec, previous, generation } = stage;
        plan::Target { spec, previous: previous.as_ref(), owner: self.owner, generation, bounds: self.bounds }
    }

    /// Takes the first snapshot. On a Create, denied calls are retried for the settle time, because a template may create the
    /// function's permissions seconds before the function runs.
    async fn first_snapshot(&self, query: SnapshotQuery<'_>) -> Result<Snapshot, Error> {
        let settle_time =
            if *self.operation == Operation::Create { self.deadlines.settle_time } else { Duration::ZERO };
        let started_at = Instant::now();
        let take = || observe(self.clients, query);
        take.retry(self.deadlines.permissions())
            .when(|error: &Error| is_permission_pending(error) && started_at.elapsed() < settle_time)
            .notify(|error, after| {
                log_retry("permissions may arrive later", Some(&error.reason()), after);
            })
            .await
    }
}

/// Takes a snapshot for the target of a reconciliation. It does not retry denied calls, as the first snapshot does.
pub(super) async fn snapshot_for(clients: &Clients, target: plan::Target<'_>) -> Result<Snapshot, Error> {
    snapshot_with_purpose(clients, target, Purpose::Reconcile).await
}

/// Takes a snapshot of what a reconciliation of the target reads. [`Purpose::Survey`] accepts that the Kubernetes API cannot be
/// used.
pub(super) async fn snapshot_with_purpose(
    clients: &Clients,
    target: plan::Target<'_>,
    purpose: Purpose,
) -> Result<Snapshot, Error> {
    let markers = [target.generation.marker()].into();
    let query =
        SnapshotQuery { spec: target.spec, previous: target.previous, owner: target.owner, markers: &markers, purpose };
    observe(clients, query).boxed_local().await
}
