//! Events that CloudFormation may no longer want: superseded, cancelled and stale ones.
//!
//! The tests show each status of the stack and of the resource that counts against an event. They also show similar statuses
//! that do not count ("near misses"), and send events for which CloudFormation returns no status.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use local_cloud::{
    gateway::{Effect, When},
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
struct Shown {
    /// The resource's status.
    resource: &'static str,
    /// The resource's physical id.
    id: String,
    /// The stack's status.
    stack: &'static str,
    /// The time of the stack event with that status.
    since: SystemTime,
}

impl Shown {
    fn new(resource: &'static str, stack: &'static str) -> Self {
        Self { resource, id: String::new(), stack, since: SystemTime::UNIX_EPOCH }
    }

    /// Sets the physical id.
    fn with_id(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// Sets the time of the stack event.
    fn since(self, since: SystemTime) -> Self {
        Self { since, ..self }
    }

    /// Makes CloudFormation return this status. `which` limits the calls that get it.
    fn show(&self, scenario: &Scenario, which: fn(When) -> When) {
        let (logical_id, stack_id) = (scenario.resource.logical_resource_id(), scenario.resource.stack_id());
        let Self { resource, id, stack, since } = self;
        let since = Timestamp::try_from(*since).unwrap();
        let event = |id: &str, kind: &str, status: &str| {
            format!(
                "<member><StackId>{stack_id}</StackId><EventId>{status}</EventId><StackName>platform</StackName>\
                 <PhysicalResourceId>{id}</PhysicalResourceId><ResourceType>{kind}</ResourceType>\
                 <Timestamp>{since}</Timestamp><ResourceStatus>{status}</ResourceStatus></member>"
            )
        };
        let results = [
            (
                "DescribeStackResource",
                format!(
                    "<StackResourceDetail><LogicalResourceId>{logical_id}</LogicalResourceId><PhysicalResourceId>{id}\
                     </PhysicalResourceId><ResourceType>Custom::KarpenterPrereqs</ResourceType><LastUpdatedTimestamp>{since}\
                     </LastUpdatedTimestamp><ResourceStatus>{resource}</ResourceStatus></StackResourceDetail>"
                ),
            ),
            (
                "DescribeStacks",
                format!(
                    "<Stacks><member><StackId>{stack_id}</StackId><StackName>platform</StackName>\
                     <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{stack}</StackStatus></member></Stacks>"
                ),
            ),
            (
                "DescribeStackEvents",
                // Newest first, as CloudFormation lists them. The function must not count the event of the resource.
                format!(
                    "<StackEvents>{}{}</StackEvents>",
                    event(id, "Custom::KarpenterPrereqs", stack),
                    event(stack_id, "AWS::CloudFormation::Stack", stack)
                ),
            ),
        ];
        for (operation, result) in results {
            let body = format!(
                "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{operation}Result>\
                 {result}</{operation}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
            );
            let rewrite = Effect::rewrite(move |_, response| {
                response.status = 200.try_into().unwrap();
                response.body = body.clone().into();
            });
            let when = When::call("cloudformation", operation);
            // The function reads the events only if the stack's status may count against the event. So `which` does not apply
            // to these calls, and the rule that was added last decides.
            let when = if operation == "DescribeStackEvents" { when } else { which(when) };
            scenario.cloud.gateway().rules().add(when, rewrite);
        }
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
