//! Whether CloudFormation still wants what the event asks for.

use super::Run;
use super::operation::Made;
use crate::aws::cloudformation;
use crate::error::Error;
use futures::FutureExt as _;
use karpenter_prereqs_core::event::Operation;
use karpenter_prereqs_core::overtaken::{self, Verdict};

impl Run<'_> {
    /// Before the first write: fails when CloudFormation no longer wants this, or has had its answer long ago.
    pub(super) async fn still_wanted(&self, operation: &Operation) -> Result<(), Error> {
        match self.verdict(operation).await {
            Verdict::Wanted => Ok(()),
            Verdict::Answered(why) => Err(Error::Answered { why }),
            Verdict::Withdrawn(why) => Err(Error::Withdrawn { why }),
        }
    }

    /// After a run that may have changed something: why CloudFormation no longer wants that. A run that failed may
    /// have done so because another was at work already to take it back.
    pub(super) async fn withdrawn_since(&self, made: &Result<Made, Error>) -> Option<String> {
        let changed = made.as_ref().map_or_else(|_| self.progress.has_begun(), |made| made.changed);
        match changed.then_some(self.verdict(self.operation)) {
            Some(verdict) => match verdict.await {
                Verdict::Withdrawn(why) => Some(why),
                Verdict::Wanted | Verdict::Answered(_) => None,
            },
            None => None,
        }
    }

    /// Whether CloudFormation still wants this. When it cannot be asked, that is logged, and the event's date decides
    /// alone.
    async fn verdict(&self, operation: &Operation) -> Verdict {
        let client = self.clients.cloudformation(self.budget.retries_of_question());
        let unknown = match cloudformation::shown(&client, self.envelope, operation).boxed_local().await {
            Ok(shown) => return overtaken::verdict(operation, &shown, self.envelope.response_url.issued_at()),
            Err(unknown) => unknown,
        };
        tracing::warn!(
            error = %unknown,
            "CloudFormation cannot be asked whether this is still wanted: the event's date decides"
        );
        Verdict::Wanted
    }
}
