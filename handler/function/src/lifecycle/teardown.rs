//! Generations that are torn down: the first snapshot, the plan, and the snapshots after it.

use super::{LOOKS_AGAIN, Run};
use crate::error::Error;
use crate::observe::{Look, Purpose, observe, observe_oidc_provider};
use futures::FutureExt as _;
use karpenter_prereqs_core::plan::lifecycle::Removal;
use karpenter_prereqs_core::plan::{self, Recheck};
use std::time::Duration;
use tokio::time::Instant;

/// How long a snapshot stays current while something else is waited for.
const LOOK_FRESH: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Tears generations down, if CloudFormation still wants that. Returns whether anything was removed.
    ///
    /// CloudFormation is asked beside the first snapshot, and its word comes first.
    pub(super) async fn tear_down(&self, stage: &Removal) -> Result<bool, Error> {
        let Removal { spec, markers, asked } = stage;
        let wanted = async {
            match asked {
                Some(operation) => self.still_wanted(operation).await.map(drop),
                None => Ok(()),
            }
        };
        self.progress.set("reading the objects to delete");
        let clients = self.clients_to_undo();
        let look = Look { spec, old: None, owner: self.owner, markers, purpose: Purpose::TearDown };
        let mut departing = plan::Departing { markers, owner: self.owner, is_recheck: false };
        let looked = async { (observe(&clients, look).await, Instant::now()) };
        let ((world, looked_at), wanted) = futures::join!(looked.boxed_local(), wanted.boxed_local());
        wanted?;
        // While CloudFormation's word was waited for, others may have come to rely on what was seen.
        let is_fresh = looked_at.elapsed() <= LOOK_FRESH;
        let mut world = if is_fresh { world? } else { observe(&clients, look).boxed_local().await? };
        let mut gone = false;
        for looks in 0..=LOOKS_AGAIN {
            let released = plan::tear_down(spec, departing, &world.observed).map_err(Error::Problems)?;
            for warning in &released.warnings {
                tracing::warn!(code = warning.code(), warning = warning.message(), "warning");
            }
            self.carry_out(&clients, &released.plan, markers, world.kubernetes.as_ref()).await?;
            gone |= !released.plan.is_empty();
            if looks == LOOKS_AGAIN {
                break;
            }
            world = match released.shared {
                Recheck::Nothing => break,
                Recheck::OidcProvider => {
                    observe_oidc_provider(&clients, look, world, &released.plan).boxed_local().await?
                }
                Recheck::Everything => observe(&clients, look).boxed_local().await?,
            };
            departing.is_recheck = true;
        }
        Ok(gone)
    }
}
