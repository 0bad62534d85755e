//! The XML of CloudFormation's responses, as far as the function reads it. All tests that simulate CloudFormation use it.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use jiff::Timestamp;

use crate::gateway::{Call, Effect, Installed, Rules, ServiceResponse, When};

/// The status of a stack and of a resource in it. The ids of stack and resource are those that the caller asks for.
#[derive(Clone, Debug)]
pub struct Status {
    /// The resource's status, such as `CREATE_IN_PROGRESS`.
    pub resource: String,
    /// The resource's physical id. Empty if it has none yet.
    pub physical_id: String,
    /// The stack's status.
    pub stack: String,
    /// The time of the last event of the stack and of the resource.
    pub since: SystemTime,
}

impl Status {
    /// Returns the status of a resource without a physical id, since the beginning of time.
    pub fn new(resource: impl Into<String>, stack: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            physical_id: String::new(),
            stack: stack.into(),
            since: SystemTime::UNIX_EPOCH,
        }
    }

    /// Makes CloudFormation return this status for the calls of one operation that `when` selects, until the rule is removed. A
    /// call that the caller may not make is still denied. The operations are `DescribeStackResource`, `DescribeStacks` and `DescribeStackEvents`.
    pub fn show(&self, rules: &Rules, when: When) -> Installed {
        let status = self.clone();
        let show = move |call: &Call, response: &mut ServiceResponse| {
            if response.status != StatusCode::FORBIDDEN {
                response.status = StatusCode::OK;
                response.body = status.response(call).into();
            }
        };
        rules.add(when, Effect::rewrite(show))
    }

    /// Makes CloudFormation return this status for every resource and stack, until the rules are removed. The events of a stack
    /// remain unknown.
    pub fn show_all(&self, rules: &Rules) -> [Installed; 2] {
        ["DescribeStackResource", "DescribeStacks"]
            .map(|operation| self.show(rules, When::call("cloudformation", operation)))
    }

    fn response(&self, call: &Call) -> String {
        let stack_id = call.param("StackName").unwrap_or_default();
        let stack = Stack { id: stack_id, name: stack_name(stack_id) };
        let result = match call.operation.as_str() {
            "DescribeStackResource" => {
                let logical_id = call.param("LogicalResourceId").unwrap_or_default();
                let physical_id = (!self.physical_id.is_empty()).then_some(self.physical_id.as_str());
                stack_resource(logical_id, physical_id, &self.resource, self.since)
            }
            "DescribeStacks" => stack.described(&self.stack, SystemTime::UNIX_EPOCH + CREATED),
            // Newest first, as CloudFormation lists them. The function must not count the event of the resource.
            "DescribeStackEvents" => events(&[
                stack.event(&self.physical_id, RESOURCE, &self.stack, self.since),
                stack.event(stack_id, STACK, &self.stack, self.since),
            ]),
            _ => String::new(),
        };
        enveloped(&call.operation, &result)
    }
}

/// The ids of a stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stack<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

impl Stack<'_> {
    /// Returns the result of `DescribeStacks`.
    pub(super) fn described(&self, status: &str, created: SystemTime) -> String {
        format!(
            "<Stacks><member><StackId>{}</StackId><StackName>{}</StackName>\
             <CreationTime>{}</CreationTime><StackStatus>{status}</StackStatus></member></Stacks>",
            self.id,
            self.name,
            stamp(created)
        )
    }

    /// Returns one member of [`events`]: of a resource, or of the stack itself.
    pub(super) fn event(&self, physical_id: &str, kind: &str, status: &str, at: SystemTime) -> String {
        format!(
            "<member><StackId>{}</StackId><EventId>{kind}-{status}</EventId><StackName>{}</StackName>\
             <PhysicalResourceId>{}</PhysicalResourceId><ResourceType>{kind}</ResourceType>\
             <Timestamp>{}</Timestamp><ResourceStatus>{status}</ResourceStatus></member>",
            self.id,
            self.name,
            escaped(physical_id),
            stamp(at)
        )
    }
}

/// Returns the result of `DescribeStackResource`.
pub(super) fn stack_resource(logical_id: &str, physical_id: Option<&str>, status: &str, updated: SystemTime) -> String {
    let physical_id = physical_id.map(|id| format!("<PhysicalResourceId>{}</PhysicalResourceId>", escaped(id)));
    format!(
        "<StackResourceDetail><LogicalResourceId>{logical_id}</LogicalResourceId>{}\
         <ResourceType>{RESOURCE}</ResourceType><ResourceStatus>{status}</ResourceStatus>\
         <LastUpdatedTimestamp>{}</LastUpdatedTimestamp></StackResourceDetail>",
        physical_id.unwrap_or_default(),
        stamp(updated)
    )
}

/// Returns the result of `DescribeStackEvents`, with the newest event first.
pub(super) fn events(members: &[String]) -> String {
    format!("<StackEvents>{}</StackEvents>", members.concat())
}

/// Returns the body of a response.
pub(super) fn enveloped(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{operation}Result>\
         {result}</{operation}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// Returns the name in a stack's id: `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`.
fn stack_name(id: &str) -> &str {
    id.split('/').nth(1).unwrap_or(id)
}

fn stamp(at: SystemTime) -> String {
    Timestamp::try_from(at).unwrap_or_default().to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The creation of a stack without an engine: 2026-01-01.
const CREATED: Duration = Duration::from_hours(490_896);

/// The types of the custom resource and of a stack, in events.
pub(super) const RESOURCE: &str = "Custom::KarpenterPrereqs";
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

/// The response for a resource or a stack that does not exist.
pub(super) const UNKNOWN: &str = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
     <Type>Sender</Type><Code>ValidationError</Code><Message>Resource does not exist for stack</Message></Error>\
     <RequestId>0</RequestId></ErrorResponse>";
