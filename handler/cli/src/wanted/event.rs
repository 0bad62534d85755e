//! An event, as far as it can be judged where it is read.

use super::{Wanted, properties};
use crate::failure::Failure;
use crate::input;
use aws_config::{Region, SdkConfig};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Owner;
use karpenter_prereqs_core::request::event::{Operation, Request, unwrap_sns};
use serde_json::{Value, json};
use std::path::Path;

/// What can be told of an event before anybody is asked: without credentials, and without a network.
pub(super) struct Event {
    request: Request,
    owner: Owner,
    pub(super) scope: Scope,
}

impl Event {
    /// The event in a file, or on standard input for `-`; also as SNS wraps it.
    ///
    /// # Errors
    /// As [`Event::read`], for a file that is no JSON, and for properties that the function would refuse.
    pub(super) fn in_file(path: &Path) -> Result<Self, Failure> {
        let text = input::read(path)?;
        let event = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{} is no JSON: {error}", input::named(path))))?;
        let event = Self::read(unwrap_sns(event))?;
        if !matches!(event.request.operation, Operation::Delete { .. }) {
            properties::sound(&event.request.properties)?;
        }
        Ok(event)
    }

    /// The event that this is.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(mut event: Value) -> Result<Self, Failure> {
        let text = |field: &str| event[field].as_str().map(str::to_owned);
        let stack_id = text("StackId").ok_or_else(|| Failure::new("the event has no StackId"))?;
        let scope = Scope::of_stack(&stack_id)
            .ok_or_else(|| Failure::new(format!("the event's StackId `{stack_id}` is not the ARN of a stack")))?;
        let logical_resource_id =
            text("LogicalResourceId").ok_or_else(|| Failure::new("the event has no LogicalResourceId"))?;
        // Nobody is answered, so an event by hand may leave out what an answer needs.
        if let Some(fields) = event.as_object_mut() {
            for field in ["RequestId", "ResponseURL", "ServiceToken"] {
                fields.entry(field).or_insert_with(|| json!("none"));
            }
        }
        let request = Request::read(event).map_err(|error| Failure::chain("read the event", &error))?;
        Ok(Self { request, owner: Owner { stack_id, logical_resource_id }, scope })
    }

    /// It, and with what it is looked at.
    ///
    /// # Errors
    /// When that is another Region than the stack's.
    pub(super) fn looked_at_with(self, config: SdkConfig, notes: Vec<String>) -> Result<Wanted, Failure> {
        let Self { request, owner, scope } = self;
        let region = config.region().map(Region::as_ref).unwrap_or_default();
        if region != scope.region {
            return Err(Failure::new(format!(
                "the stack is in {} and the Region is {region}: leave --region out, or say the stack's",
                scope.region
            )));
        }
        Ok(Wanted { config, request, owner, scope, notes })
    }
}
