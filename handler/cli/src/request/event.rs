//! An event that is parsed and checked without credentials and without a network.

use super::{CliRequest, properties};
use crate::failure::Failure;
use crate::input;
use aws_config::{Region, SdkConfig};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Owner;
use karpenter_prereqs_core::request::event::{Operation, Request, unwrap_sns};
use serde_json::{Value, json};
use std::path::Path;

/// An event, with the Region and the account of its stack.
pub(super) struct ParsedEvent {
    event: Request,
    owner: Owner,
    pub(super) scope: Scope,
}

impl ParsedEvent {
    /// Reads an event from a file, or from standard input if the path is `-`. The event may be wrapped in an SNS notification.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not JSON, is not an event, or, except for a Delete, has properties that
    /// the function would reject. The function does not reject a Delete because of its properties.
    pub(super) fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = input::read(path)?;
        let event = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("{} is not valid JSON: {error}", input::display_name(path))))?;
        let parsed = Self::from_json(unwrap_sns(event))?;
        if !matches!(parsed.event.operation, Operation::Delete { .. }) {
            properties::validate(&parsed.event.properties)?;
        }
        Ok(parsed)
    }

    /// Parses an event. `RequestId`, `ResponseURL` and `ServiceToken` may be absent.
    ///
    /// # Errors
    /// Returns an error if the event has no `StackId` or `LogicalResourceId`, if the `StackId` is not the ARN of a stack, or if
    /// [`Request::read`] fails.
    pub(super) fn from_json(mut event: Value) -> Result<Self, Failure> {
        let text = |field: &str| event[field].as_str().map(str::to_owned);
        let stack_id = text("StackId").ok_or_else(|| Failure::new("the event has no StackId"))?;
        let scope = Scope::of_stack(&stack_id)
            .ok_or_else(|| Failure::new(format!("the event's StackId `{stack_id}` is not the ARN of a stack")))?;
        let logical_resource_id =
            text("LogicalResourceId").ok_or_else(|| Failure::new("the event has no LogicalResourceId"))?;
        // No response is sent, so a hand-written event may omit the fields that a response needs.
        if let Some(fields) = event.as_object_mut() {
            for field in ["RequestId", "ResponseURL", "ServiceToken"] {
                fields.entry(field).or_insert_with(|| json!("none"));
            }
        }
        let event = Request::read(event).map_err(|error| Failure::chain("cannot read the event", &error))?;
        Ok(Self { event, owner: Owner { stack_id, logical_resource_id }, scope })
    }

    /// Adds the configuration for AWS calls, and notes for the reader.
    ///
    /// # Errors
    /// Returns an error if the Region of the configuration is not the Region of the stack.
    pub(super) fn with_config(self, config: SdkConfig, notes: Vec<String>) -> Result<CliRequest, Failure> {
        let Self { event, owner, scope } = self;
        let region = config.region().map(Region::as_ref).unwrap_or_default();
        if region != scope.region {
            return Err(Failure::new(format!(
                "the stack is in {}, but the Region is {region}: omit --region, or pass the Region of the stack",
                scope.region
            )));
        }
        Ok(CliRequest { config, event, owner, scope, notes })
    }
}
