//! The stages of a request, one after the other, and the stages that undo it.

use super::Run;
use super::guard::with_deadline;
use crate::error::Error;
use karpenter_prereqs_core::plan::lifecycle::{Lifecycle, Reconciliation, Stage, StageProgress, UndoStage};
use karpenter_prereqs_core::request::event::Request;
use karpenter_prereqs_core::response::Attributes;

/// The result of a request: the `PhysicalResourceId`, and the attributes after a Create or an Update.
type RunResult = (String, Option<Attributes>);

impl Run<'_> {
    /// Runs the stages of the request.
    ///
    /// # Errors
    /// The first failure, after the stage that failed was undone.
    pub(super) async fn run_stages(&self, request: &Request) -> Result<RunResult, Error> {
        let lifecycle = Lifecycle::of(request, self.owner, &self.envelope.scope).map_err(Error::Properties)?;
        let mut attributes = None;
        for stage in &lifecycle.stages {
            match stage {
                Stage::Reconcile(stage) => attributes = Some(self.reconcile_or_undo(&lifecycle, stage).await?),
                Stage::TearDown(stage) => {
                    self.tear_down(stage).await?;
                }
                // CloudFormation sends a Delete for it after this Update.
                Stage::CleanUp(_) => {}
            }
        }
        Ok((lifecycle.physical_resource_id, attributes))
    }

    /// Reconciles. Undoes that if it fails, or if CloudFormation cancels the operation meanwhile.
    async fn reconcile_or_undo(&self, lifecycle: &Lifecycle, stage: &Reconciliation) -> Result<Attributes, Error> {
        let result = with_deadline(self.progress, self.deadlines.work, self.reconcile(stage)).await;
        // A guard of its own, so that the response says if there was not enough time to undo.
        let undone = with_deadline(self.progress, self.deadlines.undo, self.undo(lifecycle, &result)).await;
        match (undone, result) {
            (Ok(Some(cancelled)), _) => Err(cancelled),
            (Ok(None), result) => result,
            (Err(source), Err(failure)) if !lifecycle.after_failure(self.stage_progress()).is_empty() => {
                Err(Error::NotUndone { failure: failure.reason(), source: Box::new(source) })
            }
            (Err(source), _) => Err(source),
        }
    }

    /// Undoes what must not stay after a failure or a cancellation. Returns the error of a cancelled operation; `None` if the
    /// operation was not cancelled.
    async fn undo(&self, lifecycle: &Lifecycle, result: &Result<Attributes, Error>) -> Result<Option<Error>, Error> {
        let cancelled = match result {
            Err(Error::Cancelled { why }) => Some(why.clone()),
            _ => self.cancellation_reason().await,
        };
        let progress = self.stage_progress();
        let Some(why) = cancelled else {
            if let Err(failure) = result {
                let stages = lifecycle.after_failure(progress);
                if !stages.is_empty() {
                    tracing::warn!(failure = failure.reason(), "the replacement failed: its new objects are deleted");
                }
                self.undo_all(&stages).await?;
            }
            return Ok(None);
        };
        let stages = lifecycle.after_cancellation(progress);
        let has_changed = self.undo_all(&stages).await? || progress.has_begun;
        let has_restored = stages.iter().any(|stage| matches!(stage, UndoStage::Restore(_)));
        Ok(Some(if !has_changed {
            Error::Cancelled { why }
        } else if has_restored {
            Error::Undone { did: "The old properties were restored", why }
        } else {
            Error::Undone { did: "The new objects were deleted", why }
        }))
    }

    /// Runs all of these stages, also the stages after one that fails, because CloudFormation sends no event for them. Returns
    /// whether a stage changed anything, or the last error.
    async fn undo_all(&self, stages: &[UndoStage<'_>]) -> Result<bool, Error> {
        let mut result = Ok(false);
        for stage in stages {
            let changed = match stage {
                UndoStage::Restore(stage) => self.restore(stage).await.map(|_| true),
                UndoStage::TearDown(stage) => self.tear_down(stage).await,
            };
            result = match (result, changed) {
                (Ok(before), Ok(changed)) => Ok(before || changed),
                (Err(error), Ok(_)) | (_, Err(error)) => Err(error),
            };
        }
        result
    }

    fn stage_progress(&self) -> StageProgress {
        StageProgress {
            has_begun: self.progress.has_begun(),
            has_created_generation: self.progress.has_created_generation(),
        }
    }
}
