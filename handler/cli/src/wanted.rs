//! Arguments, or a file, → the event that is looked at.

use crate::account::{self, Stack};
use crate::arguments::{self, OperationName};
use crate::failure::Failure;
use crate::progress::told;
use aws_config::{Region, SdkConfig};
use karpenter_prereqs_core::event::{RawProperties, Request, unwrap_sns};
use karpenter_prereqs_core::names::Scope;
use karpenter_prereqs_core::ownership::Owner;
use serde_json::{Map, Value, json};
use std::io::Read as _;
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
/// A file that is no event, a property that is no `NAME=VALUE`, or a stack that cannot be asked for.
pub(crate) async fn of_plan(plan: &arguments::Plan) -> Result<Wanted, Failure> {
    let asked = &plan.wanted;
    if let Some(path) = &plan.event {
        let event = unwrap_sns(read_event(path)?);
        let region = asked.region.clone().or_else(|| Some(Scope::of_stack(event["StackId"].as_str()?)?.region));
        let config = account::configuration(asked.profile.as_deref(), region.as_deref()).await?;
        let (_, account) = account::identity(&config).await?;
        let wanted = of_event(config, event, Vec::new())?;
        if account != wanted.scope.account {
            let of_stack = &wanted.scope.account;
            let message =
                format!("the event's stack is of account {of_stack}, and the credentials of account {account}");
            return Err(Failure::new(format!("{message}: take a profile of the stack's")));
        }
        return Ok(wanted);
    }
    let properties = properties(&asked.properties)?;
    let old = self::properties(&plan.old_properties)?;
    let config = account::configuration(asked.profile.as_deref(), region(asked).as_deref()).await?;
    let Place { stack_id, logical_id, physical_id, note } = place(&config, asked).await?;
    let operation = plan.operation.unwrap_or(match &physical_id {
        Some(_) => OperationName::Update,
        None => OperationName::Create,
    });
    if operation != OperationName::Create && physical_id.is_none() {
        let why = note.unwrap_or_else(|| "no --stack is named".to_owned());
        let name = operation.name();
        return Err(Failure::new(format!("{why}: {name} is of a resource that stands; say its --stack, or --event")));
    }
    if operation != OperationName::Update && !plan.old_properties.is_empty() {
        return Err(Failure::new(format!("--old-property is for an Update, and this is a {}", operation.name())));
    }
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
    of_event(config, event, notes)
}

/// What `check`'s arguments ask for, as a Create of it would.
///
/// # Errors
/// As [`of_plan`].
pub(crate) async fn of_check(check: &arguments::Check) -> Result<Wanted, Failure> {
    let asked = &check.wanted;
    let properties = properties(&asked.properties)?;
    let config = account::configuration(asked.profile.as_deref(), region(asked).as_deref()).await?;
    let Place { stack_id, logical_id, .. } = place(&config, asked).await?;
    let event = json!({
        "RequestType": "Create",
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "ResourceProperties": properties,
    });
    of_event(config, event, Vec::new())
}

/// Where the resource is, or will be.
struct Place {
    stack_id: String,
    logical_id: String,
    /// Absent where it does not stand.
    physical_id: Option<String>,
    /// What was looked for and not found.
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
            Ok(Place { stack_id: id, logical_id, physical_id, note: None })
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

fn of_event(config: SdkConfig, mut event: Value, notes: Vec<String>) -> Result<Wanted, Failure> {
    let text = |field: &str| event[field].as_str().map(str::to_owned);
    let stack_id = text("StackId").unwrap_or_default();
    let scope = Scope::of_stack(&stack_id)
        .ok_or_else(|| Failure::new(format!("the event's StackId `{stack_id}` is not the ARN of a stack")))?;
    let region = config.region().map(Region::as_ref).unwrap_or_default();
    if region != scope.region {
        return Err(Failure::new(format!(
            "the stack is in {} and the Region is {region}: leave --region out, or say the stack's",
            scope.region
        )));
    }
    let logical_resource_id =
        text("LogicalResourceId").ok_or_else(|| Failure::new("the event has no LogicalResourceId"))?;
    // Nobody is answered, so an event by hand may leave out what an answer needs.
    if let Some(fields) = event.as_object_mut() {
        for field in ["RequestId", "ResponseURL", "ServiceToken"] {
            fields.entry(field).or_insert_with(|| json!("none"));
        }
    }
    let request = Request::read(event).map_err(|error| Failure::chain("read the event", &error))?;
    Ok(Wanted { config, request, owner: Owner { stack_id, logical_resource_id }, scope, notes })
}

fn read_event(path: &Path) -> Result<Value, Failure> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("{} is no JSON: {error}", path.display())))
}

/// The text of a file; of standard input for `-`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map(|()| text).map_err(|error| Failure::file("read", path.display(), &error))
}

/// `NAME=VALUE`, each: text, or JSON where it begins as a map or a list does.
fn properties(given: &[String]) -> Result<RawProperties, Failure> {
    let mut properties = Map::new();
    for property in given {
        let (name, value) = property
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("`{property}` is no property: say NAME=VALUE")))?;
        let value = if value.starts_with(['{', '[']) {
            serde_json::from_str(value)
                .map_err(|error| Failure::new(format!("the value of `{name}` begins as JSON and is none: {error}")))?
        } else {
            json!(value)
        };
        if properties.insert(name.to_owned(), value).is_some() {
            return Err(Failure::new(format!("`{name}` is given twice: a list is one value, `{name}=a,b`")));
        }
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> Result<Value, String> {
        let given: Vec<_> = given.iter().map(ToString::to_string).collect();
        properties(&given).map(Value::Object).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_property_is_text_and_json_where_it_begins_so() {
        let read = read(&["ClusterName=demo", "Tags={\"a\": \"b=c\"}", "SubnetIds=subnet-1,subnet-2", "RolePath="]);
        let wanted =
            json!({"ClusterName": "demo", "Tags": {"a": "b=c"}, "SubnetIds": "subnet-1,subnet-2", "RolePath": ""});
        assert_eq!(read.unwrap(), wanted);
    }

    #[test]
    fn what_is_no_property_is_told_with_what_one_is() {
        assert_eq!(read(&["demo"]).unwrap_err(), "`demo` is no property: say NAME=VALUE");
        assert!(read(&["Tags={a}"]).unwrap_err().contains("`Tags` begins as JSON"));
        assert!(read(&["A=1", "A=2"]).unwrap_err().contains("`A` is given twice"));
    }
}
