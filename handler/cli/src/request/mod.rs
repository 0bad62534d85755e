//! Arguments, or an event file → the event to plan or to check.
//!
//! Errors in the arguments are reported before the first call, so that a typo needs no credentials to be found.

mod event;
mod properties;

use crate::account::{self, Stack};
use crate::arguments::{self, OperationName};
use crate::failure::Failure;
use crate::progress::with_progress;
use aws_config::SdkConfig;
use event::ParsedEvent;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Owner;
use karpenter_prereqs_core::request::event::Request;
use serde_json::{Value, json};
use std::path::Path;

/// The default logical id: the one in the project's own template, `infra/template.yaml`.
const LOGICAL_ID: &str = "KarpenterPrereqs";

/// The stack name in the placeholder ARN if `--stack` is not set.
pub(crate) const NO_STACK: &str = "not-deployed";

/// An event to plan or to check, and how to call AWS.
pub(crate) struct CliRequest {
    /// The credentials of the user, and the Region of the stack.
    pub(crate) config: SdkConfig,
    /// The operation and the properties.
    pub(crate) event: Request,
    /// The stack and the logical id of the resource.
    pub(crate) owner: Owner,
    /// Partition, account and Region of the stack.
    pub(crate) scope: Scope,
    /// How the options were interpreted, as sentences for the reader.
    pub(crate) notes: Vec<String>,
}

/// Builds the event from the options of `plan`.
///
/// # Errors
/// Returns an error if the event file or a property is not valid, if the operation does not fit the stack, if the stack or the
/// credentials cannot be read, or if they do not fit the event's account and Region.
pub(crate) async fn for_plan(options: &arguments::Plan) -> Result<CliRequest, Failure> {
    match &options.event {
        Some(path) => from_file(path, &options.resource).await,
        None => from_properties(options).await,
    }
}

async fn from_file(path: &Path, options: &arguments::ResourceOptions) -> Result<CliRequest, Failure> {
    let parsed = ParsedEvent::from_file(path)?;
    let region = options.region.clone().unwrap_or_else(|| parsed.scope.region.clone());
    let config = account::configuration(options.profile.as_deref(), Some(&region)).await?;
    let (_, account) = account::identity(&config).await?;
    let stack_account = &parsed.scope.account;
    if account != *stack_account {
        return Err(Failure::new(format!(
            "the stack of the event is in account {stack_account}, but the credentials are for account {account}: use a profile for account {stack_account}"
        )));
    }
    parsed.with_config(config, Vec::new())
}

async fn from_properties(options: &arguments::Plan) -> Result<CliRequest, Failure> {
    let resource = &options.resource;
    let properties = properties::parse(&resource.properties)?;
    let differing = properties::parse(&options.old_properties)?;
    if options.operation != Some(OperationName::Delete) {
        properties::validate(&properties)?;
    }
    // Without a stack the resource cannot exist, so the operation is checked before the first call.
    let no_stack = resource.stack.is_none().then_some("--stack is not set");
    if let Some(operation) = options.operation.or_else(|| no_stack.map(|_| OperationName::Create)) {
        check_operation(operation, no_stack, &options.old_properties)?;
    }
    let config = account::configuration(resource.profile.as_deref(), region(resource).as_deref()).await?;
    let Location { stack_id, logical_id, physical_id, missing } = locate(&config, resource).await?;
    let operation = options.operation.unwrap_or(match &physical_id {
        Some(_) => OperationName::Update,
        None => OperationName::Create,
    });
    check_operation(operation, missing.as_deref(), &options.old_properties)?;
    let mut notes: Vec<_> = missing.into_iter().collect();
    let mut event = json!({
        "RequestType": operation.name(),
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "ResourceProperties": properties,
    });
    if operation != OperationName::Create {
        event["PhysicalResourceId"] = json!(physical_id);
    }
    if operation == OperationName::Update {
        let mut old_properties = properties;
        old_properties.extend(differing);
        old_properties.retain(|_, value| *value != json!(""));
        event["OldResourceProperties"] = Value::Object(old_properties);
        if options.old_properties.is_empty() {
            notes.push(
                "assuming that the deployed properties equal these. Pass --old-property for each property that differs"
                    .to_owned(),
            );
        }
    }
    ParsedEvent::from_json(event)?.with_config(config, notes)
}

/// Checks that an Update or a Delete has a resource, and that `--old-property` is passed for an Update only. `missing` says why
/// the resource does not exist; `None` if it exists.
///
/// # Errors
/// Returns what does not fit.
fn check_operation(operation: OperationName, missing: Option<&str>, old_properties: &[String]) -> Result<(), Failure> {
    let name = operation.name();
    if let (OperationName::Update | OperationName::Delete, Some(missing)) = (operation, missing) {
        return Err(Failure::new(format!("{missing}: {name} needs an existing resource. Pass --stack or --event")));
    }
    if operation != OperationName::Update && !old_properties.is_empty() {
        return Err(Failure::new(format!("--old-property needs an Update, but the operation is {name}")));
    }
    Ok(())
}

/// Builds a Create with the properties in the options of `check`.
///
/// # Errors
/// Returns an error if a property is not valid, or if the stack or the credentials cannot be read.
pub(crate) async fn for_check(options: &arguments::Check) -> Result<CliRequest, Failure> {
    let resource = &options.resource;
    let properties = properties::parse(&resource.properties)?;
    properties::validate(&properties)?;
    let config = account::configuration(resource.profile.as_deref(), region(resource).as_deref()).await?;
    let Location { stack_id, logical_id, .. } = locate(&config, resource).await?;
    let event = json!({
        "RequestType": "Create",
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "ResourceProperties": properties,
    });
    ParsedEvent::from_json(event)?.with_config(config, Vec::new())
}

/// The resource in its stack, deployed or not.
struct Location {
    /// The ARN of the stack, or a placeholder if the stack does not exist.
    stack_id: String,
    logical_id: String,
    /// Absent if the resource does not exist.
    physical_id: Option<String>,
    /// Why the resource does not exist. Absent if it exists, and if `--stack` is not set.
    missing: Option<String>,
}

/// Returns the Region of `--region`, or of the ARN in `--stack`. `None` means the Region of the AWS configuration.
fn region(options: &arguments::ResourceOptions) -> Option<String> {
    let of_stack = || Some(Scope::of_stack(options.stack.as_deref()?)?.region);
    options.region.clone().or_else(of_stack)
}

/// Finds the stack of `--stack`, and the resource in it.
///
/// # Errors
/// Returns an error if a call fails, or if `--stack` is an ARN and that stack does not exist. A stack name may be new.
async fn locate(config: &SdkConfig, options: &arguments::ResourceOptions) -> Result<Location, Failure> {
    let logical_id = || options.logical_id.clone().unwrap_or_else(|| LOGICAL_ID.to_owned());
    let found = match &options.stack {
        Some(name) => {
            let found = account::find_stack(config, name, options.logical_id.as_deref());
            with_progress("reading the stack", found).await?
        }
        None => None,
    };
    match found {
        Some(Stack { id, resource: Some((logical_id, physical_id)) }) => {
            let stack = options.stack.as_deref().unwrap_or_default();
            let no_physical_id = || format!("resource `{logical_id}` of stack `{stack}` has no physical id yet");
            let missing = physical_id.is_none().then(no_physical_id);
            Ok(Location { stack_id: id, logical_id, physical_id, missing })
        }
        Some(Stack { id, resource: None }) => {
            let (stack, logical_id) = (options.stack.as_deref().unwrap_or_default(), logical_id());
            let missing = match &options.logical_id {
                Some(id) => format!("stack `{stack}` has no resource `{id}` yet"),
                None => format!("stack `{stack}` has no resource of type Custom::KarpenterPrereqs yet"),
            };
            Ok(Location { stack_id: id, logical_id, physical_id: None, missing: Some(missing) })
        }
        None => {
            let name = options.stack.as_deref().unwrap_or(NO_STACK);
            if name.starts_with("arn:") {
                return Err(Failure::new(format!("stack {name} does not exist")));
            }
            let stack_id = account::placeholder_stack_arn(config, name).await?;
            let missing = options.stack.as_ref().map(|name| format!("stack `{name}` does not exist yet"));
            Ok(Location { stack_id, logical_id: logical_id(), physical_id: None, missing })
        }
    }
}
