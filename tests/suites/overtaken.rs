//! Events that CloudFormation has overtaken change nothing: each thing that counts as a no, the near misses that do
//! not, and what decides when CloudFormation cannot be asked.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use local_cloud::{
    gateway::{Effect, When},
    lambda::Event,
    scenario::{CLUSTER, Delivered, Scenario},
};
use serde_json::{Value, json};

mod asking;
mod create;
mod delete;
mod stale;
mod update;

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// What CloudFormation shows of the resource and its stack.
#[derive(Clone, Debug)]
struct Shown {
    resource: &'static str,
    id: String,
    stack: &'static str,
    since: SystemTime,
}

impl Shown {
    fn new(resource: &'static str, stack: &'static str) -> Self {
        Self { resource, id: String::new(), stack, since: SystemTime::UNIX_EPOCH }
    }

    /// With this physical id.
    fn under(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    /// With a stack event of that status at this time.
    fn since(self, since: SystemTime) -> Self {
        Self { since, ..self }
    }

    /// Has CloudFormation show this from now on, to the questions of `which`.
    fn tell(&self, scenario: &Scenario, which: fn(When) -> When) {
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
        let responses = [
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
                // Newest first, as CloudFormation lists them; the resource's own never count.
                format!(
                    "<StackEvents>{}{}</StackEvents>",
                    event(id, "Custom::KarpenterPrereqs", stack),
                    event(stack_id, "AWS::CloudFormation::Stack", stack)
                ),
            ),
        ];
        for (operation, result) in responses {
            let body = format!(
                "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{operation}Result>\
                 {result}</{operation}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
            );
            let told = Effect::rewrite(move |_, response| {
                response.status = 200.try_into().unwrap();
                response.body = body.clone().into();
            });
            let when = When::call("cloudformation", operation);
            // The events are asked for only where the status is one that may speak against it; the last word holds.
            let when = if operation == "DescribeStackEvents" { when } else { which(when) };
            scenario.cloud.gateway().rules().add(when, told);
        }
    }

    /// Has CloudFormation show this to the first question, and `then` to the second.
    fn tell_then(&self, scenario: &Scenario, then: &Self) {
        self.tell(scenario, When::once);
        then.tell(scenario, |when| when.nth(2));
    }
}

/// Sends an event that CloudFormation issued at this time; the rules are for it alone.
async fn deliver(scenario: &mut Scenario, event: &Event, issued: SystemTime) -> Delivered {
    let url = scenario.responses.expect_signed_at(event.ids(), issued);
    let delivered = scenario.send_raw(&event.with_response_url(&url), &url).await.unwrap();
    scenario.cloud.gateway().rules().clear();
    delivered
}

/// How often CloudFormation was asked.
fn questions(delivered: &Delivered) -> usize {
    delivered.calls.iter().filter(|call| call.is("cloudformation", "DescribeStackResource")).count()
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
