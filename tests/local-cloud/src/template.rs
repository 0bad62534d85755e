//! A CloudFormation template of `infra/`, with resolved parameters and conditions, for tests that need its content without a
//! stack.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use yaml_serde::Value as Yaml;

use crate::{error::Error, tools};

/// A template.
#[derive(Clone, Debug)]
pub struct Template(Value);

/// The values of parameters and pseudo parameters: texts and lists.
pub type Values = BTreeMap<String, Value>;

impl Template {
    /// Reads the template with this name from `infra/`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Unusable`] when it is not YAML.
    pub fn read(name: &str) -> Result<Self, Error> {
        let path = tools::checkout().join("infra").join(name);
        let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let yaml = yaml_serde::from_str(&text).map_err(|error| Error::Unusable(format!("{name}: {error}")))?;
        Ok(Self(to_long_form(yaml)))
    }

    /// Returns a section, with functions in their long form; `null` when it does not exist.
    pub fn section(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// Returns the values of the parameters: the given ones, or the defaults. The value of a list parameter is split at its
    /// commas.
    pub fn values(&self, given: &[(&str, &str)]) -> Values {
        let parameters = self.0["Parameters"].as_object().into_iter().flatten();
        let values = parameters.map(|(name, parameter)| {
            let default = parameter["Default"].as_str().unwrap_or_default();
            let text = given.iter().find(|(given, _)| given == name).map_or(default, |(_, text)| text);
            let is_list = parameter["Type"] == "CommaDelimitedList";
            let value = if is_list { text.split(',').collect::<Vec<_>>().into() } else { Value::from(text) };
            (name.clone(), value)
        });
        values.collect()
    }

    /// Returns the documents of the managed policies, by the names of the resources. `values` also contains the pseudo
    /// parameters, and attributes as `Resource.Attribute`.
    ///
    /// # Panics
    /// Panics when a value is missing, or the template uses a function that no policy uses.
    pub fn policies(&self, values: &Values) -> BTreeMap<String, Value> {
        let resources = self.0["Resources"].as_object().into_iter().flatten();
        let policies = resources.filter(|(_, resource)| resource["Type"] == "AWS::IAM::ManagedPolicy");
        let resolved = |document| self.resolve(document, values).unwrap_or_default();
        policies.map(|(name, policy)| (name.clone(), resolved(&policy["Properties"]["PolicyDocument"]))).collect()
    }

    /// Returns the environment variables of the function, resolved like [`policies`](Self::policies).
    ///
    /// # Panics
    /// As `policies`.
    pub fn environment(&self, values: &Values) -> Value {
        let variables = &self.0["Resources"]["Function"]["Properties"]["Environment"]["Variables"];
        self.resolve(variables, values).unwrap_or_default()
    }

    fn is_true(&self, condition: &Value, values: &Values) -> bool {
        let evaluate = |condition| self.is_true(condition, values);
        match function(condition) {
            None => evaluate(&self.0["Conditions"][condition.as_str().unwrap_or_default()]),
            Some(("Condition", name)) => evaluate(name),
            Some(("Fn::Not", one)) => !evaluate(&one[0]),
            Some(("Fn::And", all)) => all.as_array().into_iter().flatten().all(evaluate),
            Some(("Fn::Equals", two)) => self.resolve(&two[0], values) == self.resolve(&two[1], values),
            Some((other, _)) => panic!("{other} in a condition"),
        }
    }

    /// `None` is `AWS::NoValue`.
    fn resolve(&self, node: &Value, values: &Values) -> Option<Value> {
        let resolve = |node| self.resolve(node, values);
        let named = |name: &str| values.get(name).unwrap_or_else(|| panic!("{name} has no value")).clone();
        let texts = |node| match resolve(node) {
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
            }
            _ => Vec::new(),
        };
        Some(match (function(node), node) {
            (Some(("Ref", name)), _) if name == "AWS::NoValue" => return None,
            (Some(("Ref", name)), _) => named(name.as_str()?),
            (Some(("Fn::GetAtt", path)), _) => {
                named(&path.as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."))
            }
            (Some(("Fn::If", choice)), _) => {
                return resolve(&choice[if self.is_true(&choice[0], values) { 1 } else { 2 }]);
            }
            (Some(("Fn::Select", choice)), _) => {
                let place = choice[0].as_u64().and_then(|place| usize::try_from(place).ok())?;
                texts(&choice[1]).get(place).cloned()?.into()
            }
            (Some(("Fn::Join", join)), _) => texts(&join[1]).join(join[0].as_str()?).into(),
            (Some(("Fn::Split", split)), _) => {
                let text = resolve(&split[1])?;
                text.as_str()?.split(split[0].as_str()?).collect::<Vec<_>>().into()
            }
            (Some(("Fn::Sub", Value::Array(sub))), _) => {
                let own = sub[1].as_object()?.iter().filter_map(|(name, value)| Some((name.clone(), resolve(value)?)));
                substitute(sub[0].as_str()?, &values.clone().into_iter().chain(own).collect()).into()
            }
            (Some(("Fn::Sub", text)), _) => substitute(text.as_str()?, values).into(),
            (_, Value::Array(items)) => items.iter().filter_map(resolve).collect(),
            (_, Value::Object(map)) => {
                map.iter().filter_map(|(key, value)| Some((key.clone(), resolve(value)?))).collect::<Map<_, _>>().into()
            }
            (_, plain) => plain.clone(),
        })
    }
}

/// Returns a function in its long form, and its argument.
fn function(node: &Value) -> Option<(&str, &Value)> {
    let (name, argument) = node.as_object().filter(|map| map.len() == 1)?.iter().next()?;
    (name.starts_with("Fn::") || name == "Ref" || name == "Condition" && argument.is_string())
        .then_some((name.as_str(), argument))
}

fn substitute(text: &str, values: &Values) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        let (name, after) = part.split_once('}').unwrap_or_else(|| panic!("missing brace in {text}"));
        let value = values.get(name).unwrap_or_else(|| panic!("{name} has no value"));
        before + value.as_str().unwrap_or_else(|| panic!("{name} is not a text")) + after
    })
}

/// Converts YAML with short forms to JSON with long forms.
fn to_long_form(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let value = match to_long_form(tagged.value) {
                Value::String(path) if tag == "GetAtt" => path.split('.').collect::<Vec<_>>().into(),
                value => value,
            };
            let name = if ["Ref", "Condition"].contains(&tag) { tag.to_owned() } else { format!("Fn::{tag}") };
            json!({ name: value })
        }
        Yaml::Sequence(items) => items.into_iter().map(to_long_form).collect(),
        Yaml::Mapping(map) => {
            let key = |key: Yaml| key.as_str().unwrap_or_default().to_owned();
            map.into_iter().map(|(name, value)| (key(name), to_long_form(value))).collect::<Map<_, _>>().into()
        }
        plain => serde_json::to_value(plain).unwrap_or_default(),
    }
}
