//! What must be true of an event that was read.

use crate::target::Fate;
use karpenter_prereqs_core::request::event::{Envelope, Operation, Request};
use serde_json::Value;

/// The event was read as it is.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn envelope(event: &Value) -> Result<(Option<Envelope>, Fate), String> {
    let given = |field: &str| event.get(field)?.as_str().filter(|text| !text.is_empty());
    let needed = ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"].map(given);
    let is_whole = needed.iter().all(Option::is_some) && given("StackId").is_some_and(is_stack);
    let (read, read_partial) = (Envelope::read(event), Envelope::read_partial(event));
    let (envelope, fate) = match (read, read_partial) {
        (Ok(read), Some(read_partial)) if is_whole => {
            require(read == read_partial, || format!("read and read_partial differ: {read:?} {read_partial:?}"))?;
            (read, "read")
        }
        (Err(error), Some(read_partial)) if !is_whole && needed[0].is_some() => {
            require(!error.to_string().is_empty(), || "the error says nothing".to_owned())?;
            (read_partial, "read_partial")
        }
        (Err(_), None) if needed[0].is_none() => return Ok((None, "nowhere to answer to")),
        (read, read_partial) => return Err(format!("not as it is: {read:?} {read_partial:?}")),
    };
    let [url, stack, request, logical] = needed.map(|field| field.unwrap_or("unknown"));
    require(envelope.response_url.expose() == url, || format!("another URL: {}", envelope.response_url.expose()))?;
    require(envelope.stack_id == stack, || format!("another StackId: {}", envelope.stack_id))?;
    require(envelope.request_id == request, || format!("another RequestId: {}", envelope.request_id))?;
    require(envelope.logical_resource_id == logical, || format!("another id: {}", envelope.logical_resource_id))?;
    let physical = envelope.physical_resource_id.as_deref();
    require(physical == given("PhysicalResourceId"), || format!("another PhysicalResourceId: {physical:?}"))?;
    require((1..=3600).contains(&envelope.service_timeout), || format!("{} s", envelope.service_timeout))?;
    is_secret(&envelope, url)?;
    let _ = (envelope.deadline(), envelope.response_url.check(&envelope.scope.partition));
    Ok((Some(envelope), fate))
}

/// The request was read as it is; `None` if it was not, and is none.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn request(event: &Value) -> Result<Option<Request>, String> {
    let Ok(request) = Request::read(event.clone()) else {
        return Ok(None);
    };
    let field = |name: &str| event.get(name).filter(|value| !value.is_null());
    let id = |given: &str| field("PhysicalResourceId").and_then(Value::as_str) == Some(given);
    let map = |name: &str, given: &serde_json::Map<String, Value>| match field(name) {
        None => given.is_empty(),
        Some(value) => value.as_object() == Some(given),
    };
    let is_same = map("ResourceProperties", &request.properties)
        && field("RequestType").and_then(Value::as_str) == Some(request.operation.name())
        && match &request.operation {
            Operation::Create => true,
            Operation::Update { physical_resource_id, old_properties } => {
                id(physical_resource_id) && map("OldResourceProperties", old_properties)
            }
            Operation::Delete { physical_resource_id } => id(physical_resource_id),
        };
    require(is_same, || format!("another request: {request:?}"))?;
    Ok(Some(request))
}

/// The ARN of a stack, by its parts.
fn is_stack(id: &str) -> bool {
    let parts: Vec<&str> = id.split(':').collect();
    let (head, tail) = parts.split_at(parts.len().min(5));
    let full = head.len() == 5 && head.iter().all(|part| !part.is_empty());
    full && head[0] == "arn"
        && head[2] == "cloudformation"
        && tail.first().is_some_and(|tail| tail.starts_with("stack/"))
}

/// What is shown of a URL has nothing of its query.
fn is_secret(envelope: &Envelope, url: &str) -> Result<(), String> {
    let shown = format!("{envelope:?} {}", envelope.response_url);
    let query = url.split_once('?').map(|(_, query)| query).filter(|query| query.contains('='));
    require(query.is_none_or(|query| !shown.contains(query)), || format!("the query is shown: {shown}"))
}

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
