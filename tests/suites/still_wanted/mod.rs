//! Events that CloudFormation may no longer want: superseded, cancelled and stale ones.
//!
//! The tests show each status of the stack and of the resource that counts against an event. They also show similar statuses
//! that do not count ("near misses"), and send events for which CloudFormation returns no status.

use std::time::{Duration, SystemTime};

use local_cloud::{
    cloudformation::Status,
    gateway::When,
    lambda::Event,
    scenario::{CLUSTER, Delivered, Scenario},
};
use serde_json::{Value, json};

mod create;
mod delete;
mod stale;
mod status_unavailable;
mod update;

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// The status that CloudFormation shows of the resource and of its stack.
#[derive(Clone, Debug)]
struct Shown(Status);

impl Shown {
    fn new(resource: &'static str, stack: &'static str) -> Self {
        Self(Status::new(resource, stack))
    }

    /// Sets the physical id.
    fn with_id(self, id: &str) -> Self {
        Self(Status { physical_id: id.to_owned(), ..self.0 })
    }

    /// Sets the time of the stack event.
    fn since(self, since: SystemTime) -> Self {
        Self(Status { since, ..self.0 })
    }

    /// Makes CloudFormation return this status. `which` limits the calls that get it.
    fn show(&self, scenario: &Scenario, which: fn(When) -> When) {
        let call = |operation| When::call("cloudformation", operation);
        let rules = scenario.cloud.gateway().rules();
        self.0.show(rules, which(call("DescribeStackResource")));
        self.0.show(rules, which(call("DescribeStacks")));
        // The function reads the events only if the stack's status may count against the event. So `which` does not apply to
        // these calls, and the rule that was added last decides.
        self.0.show(rules, call("DescribeStackEvents"));
    }

    /// Makes CloudFormation return this status at the first query, and `then` at the second.
    fn show_then(&self, scenario: &Scenario, then: &Self) {
        self.show(scenario, When::once);
        then.show(scenario, |when| when.nth(2));
    }
}

/// Sends an event with this issue date, and removes all rules afterwards.
async fn deliver(scenario: &mut Scenario, event: &Event, issued: SystemTime) -> Delivered {
    let url = scenario.responses.expect_signed_at(event.ids(), issued);
    let delivered = scenario.send_raw(&event.with_response_url(&url), &url).await.unwrap();
    scenario.cloud.gateway().rules().clear();
    delivered
}

/// Returns how often the function queried the status from CloudFormation.
fn status_queries(delivered: &Delivered) -> usize {
    delivered.calls.iter().filter(|call| call.is("cloudformation", "DescribeStackResource")).count()
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
