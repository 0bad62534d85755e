//! Whether CloudFormation still wants the operation of the event.

use super::Run;
use crate::clients::aws::cloudformation;
use crate::error::Error;
use futures::FutureExt as _;
use karpenter_prereqs_core::request::event::Operation;
use karpenter_prereqs_core::request::stack_status::{self, Verdict};

/// Why CloudFormation sent the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A user or another program started it.
    Requested,
    /// CloudFormation rolls an Update back.
    Rollback,
}

/// The verdict on an operation, and why CloudFormation sent it.
struct OperationStatus {
    verdict: Verdict,
    cause: Cause,
}

impl Run<'_> {
    /// Checks that CloudFormation still wants the operation, and returns why it sent the operation. For use before the first
    /// write.
    ///
    /// # Errors
    /// [`Error::Superseded`] if CloudFormation already got its response, and [`Error::Cancelled`] if CloudFormation cancelled the
    /// operation.
    pub(super) async fn check_still_wanted(&self, operation: &Operation) -> Result<Cause, Error> {
        let OperationStatus { verdict, cause } = self.operation_status(operation).await;
        match verdict {
            Verdict::Wanted => Ok(cause),
            Verdict::Superseded(why) => Err(Error::Superseded { why }),
            Verdict::Cancelled(why) => Err(Error::Cancelled { why }),
        }
    }

    /// Returns why CloudFormation cancelled the operation; `None` if it did not, or if this run has not begun any step. For use
    /// after the last write.
    ///
    /// The query is made after a failure too. Another run that undoes the operation may have caused the failure.
    ///
    /// A run that was superseded after its first write is not undone, and keeps its result. CloudFormation has the response of
    /// another delivery of the same event and relies on what that delivery did. Both reconcile the same objects with the same
    /// properties, so an undo would take them from a stack that is in use.
    pub(super) async fn cancellation_reason(&self) -> Option<String> {
        if !self.progress.has_begun() {
            return None;
        }
        match self.operation_status(self.operation).await.verdict {
            Verdict::Cancelled(why) => Some(why),
            Verdict::Wanted | Verdict::Superseded(_) => None,
        }
    }

    /// Queries the stack status. If the query fails, this is logged, and the operation counts as wanted. The event's date alone
    /// then decides whether it is too old.
    async fn operation_status(&self, operation: &Operation) -> OperationStatus {
        let client = self.clients.cloudformation(self.deadlines.retries_of_status_query());
        let unknown = match cloudformation::stack_view(&client, self.envelope, operation).boxed_local().await {
            Ok(view) => {
                let issued_at = self.envelope.response_url.issued_at();
                let verdict = stack_status::verdict(operation, &view, issued_at);
                let is_rollback = stack_status::is_rollback(operation, &view, issued_at);
                let cause = if is_rollback { Cause::Rollback } else { Cause::Requested };
                return OperationStatus { verdict, cause };
            }
            Err(unknown) => unknown,
        };
        tracing::warn!(
            error = %unknown,
            "the stack status could not be read: the event's date decides whether the request is still wanted"
        );
        OperationStatus { verdict: Verdict::Wanted, cause: Cause::Requested }
    }
}
