//! Properties: good ones make the spec that they say, bad ones an error that names them, and never a panic.

mod judge;
mod values;

use crate::choices::Choices;
use crate::target::{Constructs, Expected, Fate, Target};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use values::VALUES;

/// Properties, and the specs that they make.
pub static SPEC: Target = Target {
    name: "spec",
    unit: "maps of properties",
    zero: "wrong specs",
    long: 100_000,
    bytes: 300,
    fates: &[
        Expected { fate: "taken", most: 900 },
        Expected { fate: "refused, and good enough for a Delete", most: 900 },
        Expected { fate: "refused", most: 500 },
    ],
    show: |bytes| Value::from(sample(&mut Choices::new(bytes)).properties).to_string(),
    case,
};

/// Properties, and what is wrong with them.
struct Sample {
    properties: Map<String, Value>,
    /// The names whose values are bad.
    bad: BTreeSet<String>,
    /// Names that are no property's.
    unknown: BTreeSet<String>,
}

fn case(bytes: &[u8], constructs: Option<&mut Constructs>) -> Result<Fate, String> {
    let sample = sample(&mut Choices::new(bytes));
    if let Some(constructs) = constructs {
        for (name, ..) in VALUES {
            let given = sample.properties.contains_key(name);
            constructs.note(format!("a good {name}"), given && !sample.bad.contains(name));
            constructs.note(format!("a bad {name}"), sample.bad.contains(name));
        }
        constructs.note("an unknown property", !sample.unknown.is_empty());
        constructs.note(
            "a number or boolean",
            sample.properties.values().any(|value| value.is_number() || value.is_boolean()),
        );
        constructs.note("an empty value", sample.properties.values().any(|value| value == "" || value.is_null()));
    }
    judge::judged(&sample).map_err(|wrong| format!("{wrong}, in {}", Value::from(sample.properties)))
}

fn sample(choices: &mut Choices<'_>) -> Sample {
    let mut sample = Sample { properties: Map::new(), bad: BTreeSet::new(), unknown: BTreeSet::new() };
    let spoiled = choices.rarely(2);
    for (name, good, bad) in VALUES {
        let is_needed = name == "ClusterName";
        let value = match choices.below(12) {
            // Any text is a good Revision, and any shape that is none is bad.
            11 if spoiled => {
                sample.bad.insert(name.to_owned());
                bad(choices)
            }
            10 if spoiled || !is_needed => {
                choices.pick(&["\"\"", "null", "[]", "[\"\", null]"]).parse().unwrap_or_default()
            }
            0..=5 if !is_needed => continue,
            _ => good(choices),
        };
        sample.properties.insert(name.to_owned(), value);
    }
    if spoiled && choices.rarely(4) {
        let name = choices.pick(&["Clustername", "nodeRoleName", "X", "", "a\u{0}b", "Tags ", "servicetoken"]);
        sample.unknown.insert(name.to_owned());
        sample.properties.insert(name.to_owned(), "x".into());
    }
    for (name, value) in [("ServiceToken", "arn"), ("ServiceTimeout", "60")] {
        if choices.rarely(3) {
            sample.properties.insert(name.to_owned(), value.into());
        }
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;
    use karpenter_prereqs_core::desired::properties::PROPERTIES;

    #[test]
    fn every_property_is_made_good_and_bad() {
        let ours: Vec<&str> = VALUES.iter().map(|(name, ..)| *name).collect();
        let theirs: Vec<&str> = PROPERTIES.iter().map(|property| property.name).collect();
        assert_eq!(ours, theirs, "a new property is a row of VALUES too");
    }
}
