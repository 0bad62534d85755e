//! Properties from `NAME=VALUE` arguments.

use crate::failure::Failure;
use karpenter_prereqs_core::desired::properties::{Properties, PropertyError};
use karpenter_prereqs_core::request::event::RawProperties;
use serde_json::{Map, json};

/// Parses `NAME=VALUE` arguments. A value that starts with `{` or `[` is JSON, any other value is text.
///
/// # Errors
/// Returns an error if an argument has no `=`, if such JSON is not valid, or if a name occurs twice.
pub(super) fn parse(arguments: &[String]) -> Result<RawProperties, Failure> {
    let mut properties = Map::new();
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("invalid property `{argument}`: expected NAME=VALUE")))?;
        let value = if value.starts_with(['{', '[']) {
            serde_json::from_str(value)
                .map_err(|error| Failure::new(format!("the value of property `{name}` is not valid JSON: {error}")))?
        } else {
            json!(value)
        };
        if properties.insert(name.to_owned(), value).is_some() {
            return Err(Failure::new(format!("property `{name}` is set twice. A list is one value: `{name}=a,b`")));
        }
    }
    Ok(properties)
}

/// Checks properties as the function does for a Create or an Update. A Delete accepts any properties.
///
/// # Errors
/// Returns every property error in one message, as the function reports them.
pub(super) fn validate(properties: &RawProperties) -> Result<(), Failure> {
    let (_, errors) = Properties::parse(properties);
    if errors.is_empty() { Ok(()) } else { Err(Failure::new(PropertyError::all(&errors))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn parsed(arguments: &[&str]) -> Result<Value, String> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        parse(&arguments).map(Value::Object).map_err(|failure| failure.to_string())
    }

    #[test]
    fn values_are_text_unless_they_start_like_json() {
        let properties =
            parsed(&["ClusterName=demo", "Tags={\"a\": \"b=c\"}", "SubnetIds=subnet-1,subnet-2", "RolePath="]);
        let expected =
            json!({"ClusterName": "demo", "Tags": {"a": "b=c"}, "SubnetIds": "subnet-1,subnet-2", "RolePath": ""});
        assert_eq!(properties.unwrap(), expected);
    }

    #[test]
    fn invalid_property_is_an_error_with_the_expected_form() {
        assert_eq!(parsed(&["demo"]).unwrap_err(), "invalid property `demo`: expected NAME=VALUE");
        assert!(parsed(&["Tags={a}"]).unwrap_err().contains("property `Tags` is not valid JSON"));
        assert!(parsed(&["A=1", "A=2"]).unwrap_err().contains("property `A` is set twice"));
    }
}
