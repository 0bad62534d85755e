//! The teardown of generations: the first snapshot, its plan, and further snapshots while other generations share objects.

use super::{MAX_RECHECKS, Run};
use crate::error::Error;
use crate::observe::{Purpose, SnapshotQuery, observe, observe_oidc_provider};
use futures::FutureExt as _;
use karpenter_prereqs_core::plan::lifecycle::Removal;
use karpenter_prereqs_core::plan::{self, Recheck};
use std::time::Duration;
use tokio::time::Instant;

/// The longest age of a snapshot for which a plan is made. An older snapshot is taken again.
const SNAPSHOT_MAX_AGE: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Tears generations down, if CloudFormation still wants that. Returns whether any step was planned.
    ///
    /// The first snapshot and the query of the stack status run at the same time. If both fail, the error of the query is
    /// returned.
    pub(super) async fn tear_down(&self, stage: &Removal) -> Result<bool, Error> {
        let Removal { spec, markers, checked_operation } = stage;
        let still_wanted = async {
            match checked_operation {
                Some(operation) => self.check_still_wanted(operation).await.map(drop),
                None => Ok(()),
            }
        };
        self.progress.set("reading the objects to delete");
        let clients = self.undo_clients();
        let query = SnapshotQuery { spec, previous: None, owner: self.owner, markers, purpose: Purpose::TearDown };
        let mut carried_out = Vec::new();
        let first = async { (observe(&clients, query).await, Instant::now()) };
        let ((first, taken_at), still_wanted) = futures::join!(first.boxed_local(), still_wanted.boxed_local());
        still_wanted?;
        // While the query took longer, other resources may have begun to use the objects.
        let is_fresh = taken_at.elapsed() <= SNAPSHOT_MAX_AGE;
        let mut snapshot = if is_fresh { first? } else { observe(&clients, query).boxed_local().await? };
        let mut has_changed = false;
        for rechecks in 0..=MAX_RECHECKS {
            let torn_down = plan::TornDown { markers, owner: self.owner, earlier: &carried_out };
            let teardown_plan = plan::tear_down(spec, torn_down, &snapshot.observed).map_err(Error::Problems)?;
            for warning in &teardown_plan.warnings {
                tracing::warn!(code = warning.code(), warning = warning.message(), "warning");
            }
            self.apply_plan(&clients, &teardown_plan.plan, markers, snapshot.kubernetes.as_ref()).await?;
            has_changed |= !teardown_plan.plan.is_empty();
            if rechecks == MAX_RECHECKS {
                break;
            }
            snapshot = match teardown_plan.recheck {
                Recheck::Nothing => break,
                Recheck::OidcProvider => {
                    observe_oidc_provider(&clients, query, snapshot, &teardown_plan.plan).boxed_local().await?
                }
                Recheck::Everything => observe(&clients, query).boxed_local().await?,
            };
            carried_out.push(teardown_plan.plan);
        }
        Ok(has_changed)
    }
}
