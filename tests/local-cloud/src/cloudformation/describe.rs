//! Responds to `DescribeStacks`, `DescribeStackResource` and `DescribeStackEvents` for the simulated stacks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use hyper::StatusCode;
use jiff::Timestamp;

use super::stack::Stack;
use crate::gateway::{Call, Effect, Rules, ServiceResponse, When};

/// All stacks, by their ids.
pub(super) type Stacks = Arc<Mutex<BTreeMap<String, Stack>>>;

/// Makes the gateway respond for these stacks, with their state at the time of the call. The emulator responds for other
/// stacks.
pub(super) fn serve(rules: &Rules, stacks: &Stacks) {
    for operation in ["DescribeStackResource", "DescribeStacks", "DescribeStackEvents"] {
        let (known, current) = (Arc::clone(stacks), Arc::clone(stacks));
        let is_ours = move |call: &Call| {
            let stack = call.param("StackName").unwrap_or_default();
            known.lock().is_ok_and(|known| known.contains_key(stack))
        };
        let show = move |call: &Call, response: &mut ServiceResponse| {
            let stack = call.param("StackName").unwrap_or_default();
            let Ok(stacks) = current.lock() else { return };
            let Some(stack) = stacks.get(stack) else { return };
            let (status, body) = match result(stack, call) {
                Some(result) => (StatusCode::OK, enveloped(&call.operation, &result)),
                None => (StatusCode::BAD_REQUEST, UNKNOWN.to_owned()),
            };
            (response.status, response.body) = (status, body.into());
        };
        rules.add(When::call("cloudformation", operation).passing(is_ours), Effect::rewrite(show));
    }
}

fn result(stack: &Stack, call: &Call) -> Option<String> {
    match call.operation.as_str() {
        "DescribeStackResource" => stack_resource(stack, call.param("LogicalResourceId")?),
        "DescribeStacks" => Some(format!(
            "<Stacks><member><StackId>{}</StackId><StackName>{}</StackName>\
             <CreationTime>{}</CreationTime><StackStatus>{}</StackStatus></member></Stacks>",
            stack.id,
            stack.name,
            stamp(stack.events.first().map_or_else(SystemTime::now, |event| event.at)),
            stack.status
        )),
        _ => Some(events(stack)),
    }
}

fn stack_resource(stack: &Stack, logical_id: &str) -> Option<String> {
    let state = stack.resources.get(logical_id)?;
    let physical_id = state.physical_id.as_ref();
    let physical_id =
        physical_id.map(|id| format!("<PhysicalResourceId>{}</PhysicalResourceId>", escaped(id))).unwrap_or_default();
    // The time of a resource is always the current one, because the function must not use it.
    Some(format!(
        "<StackResourceDetail><LogicalResourceId>{logical_id}</LogicalResourceId>{physical_id}\
         <ResourceType>Custom::KarpenterPrereqs</ResourceType><ResourceStatus>{}</ResourceStatus>\
         <LastUpdatedTimestamp>{}</LastUpdatedTimestamp></StackResourceDetail>",
        state.status,
        stamp(SystemTime::now())
    ))
}

/// The newest event first, as in CloudFormation. The events of resources are included, and the function must ignore them.
fn events(stack: &Stack) -> String {
    let member = |id: &str, kind: &str, status: &str, at: SystemTime| {
        format!(
            "<member><StackId>{}</StackId><EventId>{kind}-{status}</EventId><StackName>{}</StackName>\
             <PhysicalResourceId>{}</PhysicalResourceId><ResourceType>{kind}</ResourceType>\
             <Timestamp>{}</Timestamp><ResourceStatus>{status}</ResourceStatus></member>",
            stack.id,
            stack.name,
            escaped(id),
            stamp(at)
        )
    };
    let resources = stack.resources.values().map(|state| {
        let id = state.physical_id.as_deref().unwrap_or_default();
        member(id, "Custom::KarpenterPrereqs", state.status, SystemTime::now())
    });
    let of_stack = stack.events.iter().rev();
    let of_stack = of_stack.map(|event| member(&stack.id, "AWS::CloudFormation::Stack", event.status, event.at));
    format!("<StackEvents>{}</StackEvents>", resources.chain(of_stack).collect::<String>())
}

fn enveloped(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{operation}Result>\
         {result}</{operation}Result><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    )
}

const UNKNOWN: &str = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
     <Type>Sender</Type><Code>ValidationError</Code><Message>Resource does not exist for stack</Message></Error>\
     <RequestId>0</RequestId></ErrorResponse>";

fn stamp(at: SystemTime) -> String {
    Timestamp::try_from(at).unwrap_or_default().to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
