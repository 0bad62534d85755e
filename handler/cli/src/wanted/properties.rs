//! `NAME=VALUE` → properties, and whether the function would take them.

use crate::failure::Failure;
use karpenter_prereqs_core::desired::properties::{Properties, PropertyError};
use karpenter_prereqs_core::request::event::RawProperties;
use serde_json::{Map, json};

/// `NAME=VALUE`, each: text, or JSON where it begins as a map or a list does.
///
/// # Errors
/// When one is no such pair, is no JSON though it begins so, or is given twice.
pub(super) fn read(given: &[String]) -> Result<RawProperties, Failure> {
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

/// Whether the function would take these properties for a Create or an Update; a Delete takes any.
///
/// # Errors
/// All that is wrong with them, in the function's words.
pub(super) fn sound(properties: &RawProperties) -> Result<(), Failure> {
    let (_, errors) = Properties::parse(properties);
    if errors.is_empty() { Ok(()) } else { Err(Failure::new(PropertyError::all(&errors))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn told(given: &[&str]) -> Result<Value, String> {
        let given: Vec<_> = given.iter().map(ToString::to_string).collect();
        read(&given).map(Value::Object).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_property_is_text_and_json_where_it_begins_so() {
        let read = told(&["ClusterName=demo", "Tags={\"a\": \"b=c\"}", "SubnetIds=subnet-1,subnet-2", "RolePath="]);
        let wanted =
            json!({"ClusterName": "demo", "Tags": {"a": "b=c"}, "SubnetIds": "subnet-1,subnet-2", "RolePath": ""});
        assert_eq!(read.unwrap(), wanted);
    }

    #[test]
    fn what_is_no_property_is_told_with_what_one_is() {
        assert_eq!(told(&["demo"]).unwrap_err(), "`demo` is no property: say NAME=VALUE");
        assert!(told(&["Tags={a}"]).unwrap_err().contains("`Tags` begins as JSON"));
        assert!(told(&["A=1", "A=2"]).unwrap_err().contains("`A` is given twice"));
    }
}
