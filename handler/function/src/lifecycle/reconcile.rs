//! A generation that is reconciled: the first snapshot, the plan, and the snapshots after it.

use super::still_wanted::Cause;
use super::{LOOKS_AGAIN, Run};
use crate::clients::aws::Clients;
use crate::error::Error;
use crate::observe::{Look, Purpose, World, observe};
use crate::retry::{is_permission_pending, wait_after_lost_race};
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
    /// Makes the account match the properties, unless CloudFormation no longer wants that.
    pub(super) async fn reconcile(&self, stage: &Reconciliation) -> Result<Attributes, Error> {
        self.stale()?;
        self.progress.set("reading the cluster, IAM and EC2");
        let markers = [stage.generation.marker()].into();
        let look = Look {
            spec: &stage.spec,
            old: stage.old.as_ref(),
            owner: self.owner,
            markers: &markers,
            purpose: Purpose::Reconcile,
        };
        let (world, wanted) = futures::join!(self.observe(look), self.still_wanted(self.operation));
        let is_rollback = wanted? == Cause::Rollback;
        let world = world?;
        self.progress.set_stood(world.stands);
        let target = self.target(stage);
        if is_rollback {
            self.put_back_in(self.clients, target, &world).await
        } else {
            self.make_so(self.clients, target, &world).await
        }
    }

    /// Makes the account match the old properties again, without asking CloudFormation.
    pub(super) async fn put_back(&self, stage: &Reconciliation) -> Result<Attributes, Error> {
        let (clients, target) = (self.clients_to_undo(), self.target(stage));
        let world = snapshot(&clients, target).await?;
        self.put_back_in(&clients, target, &world).await
    }

    /// Makes the account match old properties, as [`plan::put_back`] reads them.
    async fn put_back_in(
        &self,
        clients: &Clients,
        target: plan::Target<'_>,
        world: &World,
    ) -> Result<Attributes, Error> {
        let spec = plan::put_back(target, &world.observed);
        if spec.interruption_queue_arn != target.spec.interruption_queue_arn {
            tracing::warn!(
                queue = target.spec.interruption_queue_arn,
                "the queue is left out: it is outside the bounds of the function"
            );
        }
        let unbounded = Bounds::default();
        self.make_so(clients, plan::Target { spec: &spec, bounds: &unbounded, ..target }, world).await
    }

    /// Makes the account match the properties. Two resources that tag at the same moment both remove their tag, and both
    /// fail with [`Error::LostRace`]. So each waits for its turn, and plans again from a new snapshot: the first writes its
    /// tag, and the second finds it there.
    async fn make_so(&self, clients: &Clients, target: plan::Target<'_>, world: &World) -> Result<Attributes, Error> {
        let mut waits = self.deadlines.lost_race().build();
        let mut begun = Instant::now();
        let mut made = self.make_so_once(clients, target, world).await;
        while let Err(Error::LostRace { turn, .. }) = made
            && let Some(wait) = waits.next()
        {
            let wait = wait_after_lost_race(wait, begun.elapsed(), turn);
            log_retry("another resource tagged at the same moment", None, wait);
            tokio::time::sleep(wait).await;
            begun = Instant::now();
            let world = snapshot(clients, target).await?;
            match self.make_so_once(clients, target, &world).await {
                // The other's tag: the race was lost for good.
                Err(Error::Problems(_)) => break,
                again => made = again,
            }
        }
        made
    }

    async fn make_so_once(
        &self,
        clients: &Clients,
        target: plan::Target<'_>,
        world: &World,
    ) -> Result<Attributes, Error> {
        let markers = [target.generation.marker()].into();
        let mut converged = plan::reconcile(target, &world.observed).map_err(Error::Problems)?;
        for warning in &converged.warnings {
            tracing::warn!(code = warning.code(), warning = warning.message(), "warning");
        }
        self.carry_out(clients, &converged.plan, &markers, world.kubernetes.as_ref()).await?;
        let attributes = Attributes::new(target.spec, &world.observed, &converged);
        for _ in 0..LOOKS_AGAIN {
            if !converged.is_shared {
                break;
            }
            let world = snapshot(clients, target).await?;
            converged = plan::reconcile(target, &world.observed).map_err(Error::Problems)?;
            self.carry_out(clients, &converged.plan, &markers, world.kubernetes.as_ref()).await?;
        }
        Ok(attributes)
    }

    fn target<'a>(&'a self, stage: &'a Reconciliation) -> plan::Target<'a> {
        let Reconciliation { spec, old, generation } = stage;
        plan::Target { spec, old: old.as_ref(), owner: self.owner, generation, bounds: self.bounds }
    }

    /// Reads the world. Fresh permissions take a while: on a Create, the first calls are tried again when they are
    /// denied, and nothing else is.
    async fn observe(&self, look: Look<'_>) -> Result<World, Error> {
        let settle_time =
            if *self.operation == Operation::Create { self.deadlines.settle_time } else { Duration::ZERO };
        let begun = Instant::now();
        let observe = || observe(self.clients, look);
        observe
            .retry(self.deadlines.permissions())
            .when(|error: &Error| is_permission_pending(error) && begun.elapsed() < settle_time)
            .notify(|error, after| {
                log_retry("permissions may arrive later", Some(&error.reason()), after);
            })
            .await
    }
}

/// Takes a snapshot for a generation that is reconciled, without the first snapshot's wait for permissions.
pub(super) async fn snapshot(clients: &Clients, target: plan::Target<'_>) -> Result<World, Error> {
    let markers = [target.generation.marker()].into();
    let look = Look {
        spec: target.spec,
        old: target.old,
        owner: target.owner,
        markers: &markers,
        purpose: Purpose::Reconcile,
    };
    observe(clients, look).boxed_local().await
}
