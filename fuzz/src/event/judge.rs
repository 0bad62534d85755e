//! Checks how the handler reads an event.

use crate::target::CaseOutcome;
use karpenter_prereqs_core::request::event::{Envelope, Operation, Request};
use serde_json::Value;

/// Checks the envelope of an event. Returns it with the outcome, or no envelope if the event has no response URL.
///
/// # Errors
/// The first violation.
pub(super) fn check_envelope(event: &Value) -> Result<(Option<Envelope>, CaseOutcome), String> {
    let given = |field: &str| event.get(field)?.as_str().filter(|text| !text.is_empty());
    let required = ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"].map(given);
    let is_complete = required.iter().all(Option::is_some) && given("StackId").is_some_and(is_stack);
    let (read, read_partial) = (Envelope::read(event), Envelope::read_partial(event));
    let (envelope, outcome) = match (read, read_partial) {
        (Ok(read), Some(read_partial)) if is_complete => {
            require(read == read_partial, || format!("read and read_partial differ: {read:?} {read_partial:?}"))?;
            (read, "read")
        }
        (Err(error), Some(read_partial)) if !is_complete && required[0].is_some() => {
            require(!error.to_string().is_empty(), || "the error has no message".to_owned())?;
            (read_partial, "read partially")
        }
        (Err(_), None) if required[0].is_none() => return Ok((None, "no response URL")),
        (read, read_partial) => return Err(format!("unexpected result: {read:?} {read_partial:?}")),
    };
    let [url, stack, request, logical] = required.map(|field| field.unwrap_or("unknown"));
    require(envelope.response_url.expose() == url, || format!("another URL: {}", envelope.response_url.expose()))?;
    require(envelope.stack_id == stack, || format!("another StackId: {}", envelope.stack_id))?;
    require(envelope.request_id == request, || format!("another RequestId: {}", envelope.request_id))?;
    require(envelope.logical_resource_id == logical, || format!("another id: {}", envelope.logical_resource_id))?;
    let physical = envelope.physical_resource_id.as_deref();
    require(physical == given("PhysicalResourceId"), || format!("another PhysicalResourceId: {physical:?}"))?;
    require((1..=3600).contains(&envelope.service_timeout), || format!("{} s", envelope.service_timeout))?;
    check_query_is_hidden(&envelope, url)?;
    let _ = (envelope.deadline(), envelope.response_url.check(&envelope.scope.partition));
    Ok((Some(envelope), outcome))
}

/// Checks the request of an event. Returns `None` if the handler rejects the event.
///
/// # Errors
/// The first violation.
pub(super) fn check_request(event: &Value) -> Result<Option<Request>, String> {
    let Ok(request) = Request::read(event.clone()) else {
        return Ok(None);
    };
    let field = |name: &str| event.get(name).filter(|value| !value.is_null());
    let id_equals = |id: &str| field("PhysicalResourceId").and_then(Value::as_str) == Some(id);
    let map_equals = |name: &str, map: &serde_json::Map<String, Value>| match field(name) {
        None => map.is_empty(),
        Some(value) => value.as_object() == Some(map),
    };
    let is_equal = map_equals("ResourceProperties", &request.properties)
        && field("RequestType").and_then(Value::as_str) == Some(request.operation.name())
        && match &request.operation {
            Operation::Create => true,
            Operation::Update { physical_resource_id, old_properties } => {
                id_equals(physical_resource_id) && map_equals("OldResourceProperties", old_properties)
            }
            Operation::Delete { physical_resource_id } => id_equals(physical_resource_id),
        };
    require(is_equal, || format!("another request: {request:?}"))?;
    Ok(Some(request))
}

/// Returns whether the id has the parts of the ARN of a stack.
fn is_stack(id: &str) -> bool {
    let parts: Vec<&str> = id.split(':').collect();
    let (head, tail) = parts.split_at(parts.len().min(5));
    let is_complete = head.len() == 5 && head.iter().all(|part| !part.is_empty());
    is_complete
        && head[0] == "arn"
        && head[2] == "cloudformation"
        && tail.first().is_some_and(|tail| tail.starts_with("stack/"))
}

/// Checks that the printed URL does not contain its query, which is a credential.
fn check_query_is_hidden(envelope: &Envelope, url: &str) -> Result<(), String> {
    let printed = format!("{envelope:?} {}", envelope.response_url);
    let query = url.split_once('?').map(|(_, query)| query).filter(|query| query.contains('='));
    require(query.is_none_or(|query| !printed.contains(query)), || format!("the query is printed: {printed}"))
}

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
