//! Compares the output of `karpenter-prereqs plan` with the run that follows.

use local_cloud::cloudformation::Request;

use super::{super::judge::Violation, Run};
use crate::program::check_plan;

impl Run<'_> {
    /// Delivers events and all that follow. An event that is delivered alone is planned first, and compared with its plan. Events
    /// that run at the same time are not planned, because a plan does not know what the other event does.
    ///
    /// # Errors
    /// The plan differs from the run, or an error of [`Run::record`].
    pub(super) async fn deliver_all_with_plan(&mut self, mut requests: Vec<Request>) -> Result<(), Violation> {
        while let [request] = requests.as_slice() {
            let plan = self.environment.cli.plan(&self.engine.event_for(request)).await?;
            let journal = self.environment.cloud.gateway().journal();
            let mark = journal.position();
            let delivered = self.deliver(request.clone()).await?;
            let comparison =
                delivered.response.as_ref().map(|response| check_plan(&plan, response, &journal.since(mark)));
            requests = self.record(delivered, true)?;
            // An event without a response has already failed in `record`.
            if let Some(Err(difference)) = comparison {
                return Err(Violation::wrong(format!("the plan differs from the run\n{difference}")));
            }
            self.tally.planned += 1;
        }
        self.deliver_all(requests).await
    }
}
