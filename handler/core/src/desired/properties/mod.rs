//! The property table: the one source of parsing, messages and documentation.
//!
//! CloudFormation hands every scalar over as a string, lists and maps keep their structure. An empty string
//! counts as absent, since `!Ref` of a parameter with an empty default is how templates leave a property out.

mod errors;
mod rules;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub use errors::PropertyError;
pub use rules::{IAM_TAG_KEY, IAM_TAG_VALUE, Rule, TAGS_MAX};
pub use table::{EXCLUSIONS, Exclusion, Kind, PROPERTIES, Property};
pub use values::Given;

use crate::request::event::RawProperties;
use errors::nearest;
use std::collections::BTreeMap;
use values::is_absent;

/// Properties that are CloudFormation's own and not in the table.
const CLOUDFORMATIONS_OWN: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// The properties that were given and are good; what is absent is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<&'static str, Given>);

impl Properties {
    /// Sorts raw properties into good values and errors, each error once, in the table's order after the
    /// unknown names; last, what does not go together. A good value is there whatever is wrong with others: a Delete works with what there is.
    pub fn parse(raw: &RawProperties) -> (Self, Vec<PropertyError>) {
        let mut errors: Vec<_> = raw
            .keys()
            .filter(|name| !CLOUDFORMATIONS_OWN.contains(&name.as_str()))
            .filter(|name| PROPERTIES.iter().all(|property| property.name != name.as_str()))
            .map(|name| PropertyError::Unknown { name: name.clone(), nearest: nearest(name) })
            .collect();
        let mut given = BTreeMap::new();
        for property in PROPERTIES {
            let value = raw.get(property.name).filter(|value| !is_absent(value));
            match value.map(|value| (value, property.kind.parse(value))) {
                Some((_, Some(good))) => {
                    given.insert(property.name, good);
                }
                Some((value, None)) => errors.push(PropertyError::bad(property, value)),
                None if property.default.is_empty() => {
                    errors.push(PropertyError::Required { name: property.name, must_be: property.must_be });
                }
                None => {}
            }
        }
        let clash = |exclusion: &&Exclusion| given.contains_key(exclusion.one) && given.contains_key(exclusion.other);
        errors.extend(EXCLUSIONS.iter().filter(clash).copied().map(PropertyError::Exclusive));
        (Self(given), errors)
    }

    /// The text of that property, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The list of that property, if it was given; never empty.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.0.get(name) {
            Some(Given::List(list)) => Some(list),
            _ => None,
        }
    }

    /// The tags of that property; empty when it was not given.
    pub fn tags(&self, name: &str) -> BTreeMap<String, String> {
        match self.0.get(name) {
            Some(Given::Tags(tags)) => tags.clone(),
            _ => BTreeMap::new(),
        }
    }
}
