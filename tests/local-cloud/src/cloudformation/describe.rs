//! Responds to `DescribeStacks`, `DescribeStackResource` and `DescribeStackEvents` for the simulated stacks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use hyper::StatusCode;

use super::{
    responses::{self, RESOURCE, STACK, UNKNOWN, enveloped, events, stack_resource},
    stack::Stack,
};
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
    let ids = responses::Stack { id: &stack.id, name: &stack.name };
    match call.operation.as_str() {
        "DescribeStackResource" => {
            let logical_id = call.param("LogicalResourceId")?;
            let state = stack.resources.get(logical_id)?;
            // The time of a resource is always the current one, because the function must not use it.
            Some(stack_resource(logical_id, state.physical_id.as_deref(), state.status, SystemTime::now()))
        }
        "DescribeStacks" => {
            let created = stack.events.first().map_or_else(SystemTime::now, |event| event.at);
            Some(ids.described(stack.status, created))
        }
        _ => Some(all_events(stack, ids)),
    }
}

/// The newest event first, as in CloudFormation. The events of resources are included, and the function must ignore them.
fn all_events(stack: &Stack, ids: responses::Stack<'_>) -> String {
    let resources = stack.resources.values().map(|state| {
        let id = state.physical_id.as_deref().unwrap_or_default();
        ids.event(id, RESOURCE, state.status, SystemTime::now())
    });
    let of_stack = stack.events.iter().rev().map(|event| ids.event(&stack.id, STACK, event.status, event.at));
    events(&resources.chain(of_stack).collect::<Vec<_>>())
}
