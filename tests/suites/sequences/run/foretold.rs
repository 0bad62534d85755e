//! What `karpenter-prereqs plan` tells of an event that comes by itself, beside what comes of it.

use local_cloud::cloudformation::Request;

use super::{super::judge::Broken, Run};

impl Run<'_> {
    /// Delivers events and all that comes of them. Those that come alone are planned first: of those that run side by side
    /// no plan knows what the other does meanwhile.
    pub(super) async fn settle_foretold(&mut self, mut requests: Vec<Request>) -> Result<(), Broken> {
        while let [request] = requests.as_slice() {
            let plan = self.bench.cli.plan(&self.engine.event_for(request)).await?;
            let journal = self.bench.cloud.gateway().journal();
            let mark = journal.position();
            let delivered = self.deliver(request.clone()).await?;
            let foretold = delivered.response.as_ref().map(|response| plan.check_plan(response, &journal.since(mark)));
            requests = self.took(delivered, true)?;
            // Without an answer, that was the failure.
            if let Some(Err(difference)) = foretold {
                return Err(Broken::wrong(format!("the plan was another than what came of it\n{difference}")));
            }
            self.tally.foretold += 1;
        }
        self.settle(requests).await
    }
}
