//! Whether CloudFormation still wants what the event asks for.

use super::Run;
use crate::clients::aws::cloudformation;
use crate::error::Error;
use futures::FutureExt as _;
use karpenter_prereqs_core::request::event::Operation;
use karpenter_prereqs_core::request::stack_status::{self, Verdict};

/// Why CloudFormation wants an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody asks for it.
    Asked,
    /// An Update is rolled back.
    Rollback,
}

/// What CloudFormation says of an operation.
struct Opinion {
    verdict: Verdict,
    cause: Cause,
}

impl Run<'_> {
    /// Before the first write: fails when CloudFormation no longer wants this, or has had its answer long ago.
    pub(super) async fn still_wanted(&self, operation: &Operation) -> Result<Cause, Error> {
        let Opinion { verdict, cause } = self.opinion(operation).await;
        match verdict {
            Verdict::Wanted => Ok(cause),
            Verdict::Superseded(why) => Err(Error::Superseded { why }),
            Verdict::Cancelled(why) => Err(Error::Cancelled { why }),
        }
    }

    /// After a run that may have changed something: why CloudFormation no longer wants that. A run that failed may
    /// have done so because another was at work already to take it back.
    pub(super) async fn cancelled_since(&self) -> Option<String> {
        if !self.progress.has_begun() {
            return None;
        }
        match self.opinion(self.operation).await.verdict {
            Verdict::Cancelled(why) => Some(why),
            Verdict::Wanted | Verdict::Superseded(_) => None,
        }
    }

    /// Whether CloudFormation still wants this, and why. When it cannot be asked, that is logged, and the event's date decides
    /// alone.
    async fn opinion(&self, operation: &Operation) -> Opinion {
        let client = self.clients.cloudformation(self.deadlines.retries_of_status_query());
        let unknown = match cloudformation::stack_view(&client, self.envelope, operation).boxed_local().await {
            Ok(view) => {
                let issued_at = self.envelope.response_url.issued_at();
                let verdict = stack_status::verdict(operation, &view, issued_at);
                let is_rollback = stack_status::is_rollback(operation, &view, issued_at);
                return Opinion { verdict, cause: if is_rollback { Cause::Rollback } else { Cause::Asked } };
            }
            Err(unknown) => unknown,
        };
        tracing::warn!(
            error = %unknown,
            "the stack status could not be read: the event's date decides whether the request is still wanted"
        );
        Opinion { verdict: Verdict::Wanted, cause: Cause::Asked }
    }
}
