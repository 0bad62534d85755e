//! Arguments, or a file, → the event that is looked at.
//!
//! What can be told without asking anybody is told first: a slip needs no credentials to be seen.

mod event;
mod properties;

use crate::account::{self, Stack};
use crate::arguments::{self, OperationName};
use crate::failure::Failure;
use crate::progress::told;
use aws_config::SdkConfig;
use event::Event;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Owner;
use karpenter_prereqs_core::request::event::Request;
use serde_json::{Value, json};
use std::path::Path;

/// The logical id of the project's own template.
const LOGICAL_ID: &str = "KarpenterPrereqs";

/// The name of a stack that nobody has named.
pub(crate) const NO_STACK: &str = "not-deployed";

/// What is looked at, and with what.
pub(crate) struct Wanted {
    pub(crate) config: SdkConfig,
    pub(crate) request: Request,
    pub(crate) owner: Owner,
    pub(crate) scope: Scope,
    /// What the reader should know of how the question was understood.
    pub(crate) notes: Vec<String>,
}

/// The event of `plan`'s arguments.
///
/// # Errors
/// A file that is no event, a property that is no `NAME=VALUE` or that the function would refuse, or a stack that cannot be
/// asked for.
pub(crate) async fn of_plan(plan: &arguments::Plan) -> Result<Wanted, Failure> {
    match &plan.event {
        Some(path) => of_file(path, &plan.wanted).await,
        None => of_properties(plan).await,
    }
}

async fn of_file(path: &Path, asked: &arguments::Wanted) -> Result<Wanted, Failure> {
    let event = Event::in_file(path)?;
    let region = asked.region.clone().unwrap_or_else(|| event.scope.region.clone());
    let config = account::configuration(asked.profile.as_deref(), Some(&region)).await?;
    let (_, account) = account::identity(&config).await?;
    let of_stack = &event.scope.account;
    if account != *of_stack {
        let message = format!("the event's stack is of account {of_stack}, and the credentials of account {account}");
        return Err(Failure::new(format!("{message}: take a profile of the stack's")));
    }
    event.looked_at_with(config, Vec::new())
}

async fn of_properties(plan: &arguments::Plan) -> Result<Wanted, Failure> {
    let asked = &plan.wanted;
    let properties = properties::read(&asked.properties)?;
    let old = properties::read(&plan.old_properties)?;
    if plan.operation != Some(OperationName::Delete) {
        properties::sound(&properties)?;
    }
    let unnamed = asked.stack.is_none().then_some("no --stack is named");
    if let Some(operation) = plan.operation.or_else(|| unnamed.map(|_| OperationName::Create)) {
        possible(operation, unnamed, &plan.old_properties)?;
    }
    let config = account::configuration(asked.profile.as_deref(), region(asked).as_deref()).await?;
    let Place { stack_id, logical_id, physical_id, note } = place(&config, asked).await?;
    let operation = plan.operation.unwrap_or(match &physical_id {
        Some(_) => OperationName::Update,
        None => OperationName::Create,
    });
    possible(operation, note.as_deref(), &plan.old_properties)?;
    let mut notes: Vec<_> = note.into_iter().collect();
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
        let mut former = properties;
        former.extend(old);
        former.retain(|_, value| *value != json!(""));
        event["OldResourceProperties"] = Value::Object(former);
        if plan.old_properties.is_empty() {
            notes.push(
                "the old properties are taken for equal to these: what only they asked for is told with --old-property"
                    .to_owned(),
            );
        }
    }
    Event::read(event)?.looked_at_with(config, notes)
}

/// Whether there can be such an operation: of a resource that stands, or of one that does not, and then why; and with these
/// old properties.
fn possible(operation: OperationName, missing: Option<&str>, old_properties: &[String]) -> Result<(), Failure> {
    let name = operation.name();
    if let (OperationName::Update | OperationName::Delete, Some(why)) = (operation, missing) {
        return Err(Failure::new(format!("{why}: {name} is of a resource that stands; say its --stack, or --event")));
    }
    if operation != OperationName::Update && !old_properties.is_empty() {
        return Err(Failure::new(format!("--old-property is for an Update, and this is a {name}")));
    }
    Ok(())
}

/// What `check`'s arguments ask for, as a Create of it would.
///
/// # Errors
/// As [`of_plan`].
pub(crate) async fn of_check(check: &arguments::Check) -> Result<Wanted, Failure> {
    let asked = &check.wanted;
    let properties = properties::read(&asked.properties)?;
    properties::sound(&properties)?;
    let config = account::configuration(asked.profile.as_deref(), region(asked).as_deref()).await?;
    let Place { stack_id, logical_id, .. } = place(&config, asked).await?;
    let event = json!({
        "RequestType": "Create",
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "ResourceProperties": properties,
    });
    Event::read(event)?.looked_at_with(config, Vec::new())
}

/// Where the resource is, or will be.
struct Place {
    stack_id: String,
    logical_id: String,
    /// Absent where it does not stand.
    physical_id: Option<String>,
    /// What was looked for and not found; only where it does not stand, and a stack was named.
    note: Option<String>,
}

/// The Region that is asked for, or that of the stack's ARN.
fn region(asked: &arguments::Wanted) -> Option<String> {
    let of_stack = || Some(Scope::of_stack(asked.stack.as_deref()?)?.region);
    asked.region.clone().or_else(of_stack)
}

/// Looks for the stack and the resource in it.
async fn place(config: &SdkConfig, asked: &arguments::Wanted) -> Result<Place, Failure> {
    let logical_id = || asked.logical_id.clone().unwrap_or_else(|| LOGICAL_ID.to_owned());
    let found = match &asked.stack {
        Some(name) => {
            let found = account::stack(config, name, asked.logical_id.as_deref());
            told("reading the stack", found).await?
        }
        None => None,
    };
    match found {
        Some(Stack { id, resource: Some((logical_id, physical_id)) }) => {
            let stack = asked.stack.as_deref().unwrap_or_default();
            let being_made = || format!("resource `{logical_id}` of stack `{stack}` has no physical id yet");
            let note = physical_id.is_none().then(being_made);
            Ok(Place { stack_id: id, logical_id, physical_id, note })
        }
        Some(Stack { id, resource: None }) => {
            let (stack, logical_id) = (asked.stack.as_deref().unwrap_or_default(), logical_id());
            let note = match &asked.logical_id {
                Some(id) => format!("stack `{stack}` has no resource `{id}` yet"),
                None => format!("stack `{stack}` has no resource of type Custom::KarpenterPrereqs yet"),
            };
            Ok(Place { stack_id: id, logical_id, physical_id: None, note: Some(note) })
        }
        None => {
            let name = asked.stack.as_deref().unwrap_or(NO_STACK);
            if name.starts_with("arn:") {
                return Err(Failure::new(format!("there is no stack {name}")));
            }
            let stack_id = account::stack_to_be(config, name).await?;
            let note = asked.stack.as_ref().map(|name| format!("there is no stack `{name}` yet"));
            Ok(Place { stack_id, logical_id: logical_id(), physical_id: None, note })
        }
    }
}
