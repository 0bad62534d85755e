//! The property table, from which parsing, error messages and documentation are derived.
//!
//! CloudFormation passes every scalar as a string. Lists and maps keep their structure. An empty string counts as absent, because
//! a template leaves a property out with `!Ref` of a parameter that has an empty default.

mod errors;
mod rules;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub use errors::PropertyError;
pub use rules::{IAM_TAG_KEY, IAM_TAG_VALUE, Rule, TAGS_MAX};
pub use table::{EXCLUSIONS, Exclusion, Kind, PROPERTIES, Property};
pub use values::PropertyValue;

use crate::request::event::RawProperties;
use errors::nearest;
use std::collections::BTreeMap;
use values::is_absent;

/// The properties of CloudFormation itself, which are not in the table.
const RESERVED_PROPERTIES: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// The properties that are set and valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<&'static str, PropertyValue>);

impl Properties {
    /// Validates the raw properties, and returns the valid values and all errors. The order of the errors: unknown names, then
    /// invalid values in the order of the table, then exclusions.
    ///
    /// A value is returned if it is valid, even if other values are not, because a Delete uses what it has.
    pub fn parse(raw: &RawProperties) -> (Self, Vec<PropertyError>) {
        let mut errors: Vec<_> = raw
            .keys()
            .filter(|name| !RESERVED_PROPERTIES.contains(&name.as_str()))
            .filter(|name| PROPERTIES.iter().all(|property| property.name != name.as_str()))
            .map(|name| PropertyError::Unknown { name: name.clone(), nearest: nearest(name) })
            .collect();
        let mut values = BTreeMap::new();
        for property in PROPERTIES {
            let value = raw.get(property.name).filter(|value| !is_absent(value));
            match value.map(|value| (value, property.kind.parse(value))) {
                Some((_, Some(parsed))) => {
                    values.insert(property.name, parsed);
                }
                Some((value, None)) => errors.push(PropertyError::bad(property, value)),
                None if property.default.is_empty() => {
                    errors.push(PropertyError::Required { name: property.name, must_be: property.must_be });
                }
                None => {}
            }
        }
        let applies =
            |exclusion: &&Exclusion| values.contains_key(exclusion.one) && values.contains_key(exclusion.other);
        errors.extend(EXCLUSIONS.iter().filter(applies).copied().map(PropertyError::Exclusive));
        (Self(values), errors)
    }

    /// Returns the text of that property. Returns `None` if it is absent, invalid or not a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(PropertyValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the list of that property, in order and without repeats. Returns `None` if it is absent, invalid or not a list.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.0.get(name) {
            Some(PropertyValue::List(list)) => Some(list),
            _ => None,
        }
    }

    /// Returns the tags of that property. Returns an empty map if it is absent, invalid or not a map of tags.
    pub fn tags(&self, name: &str) -> BTreeMap<String, String> {
        match self.0.get(name) {
            Some(PropertyValue::Tags(tags)) => tags.clone(),
            _ => BTreeMap::new(),
        }
    }
}
