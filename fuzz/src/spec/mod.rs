//! Properties. Valid properties result in the spec that they describe, invalid ones in errors that name them. No properties cause
//! a panic.

mod judge;
mod values;

use crate::choices::Choices;
use crate::target::{CaseOutcome, Constructs, ExpectedOutcome, Target};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use values::VALUES;

/// Properties, and the specs that are parsed from them.
pub static SPEC: Target = Target {
    name: "spec",
    unit: "maps of properties",
    violations: "wrong specs",
    min_full_run: 100_000,
    max_bytes: 300,
    outcomes: &[
        ExpectedOutcome { outcome: "accepted", max_permille: 900 },
        ExpectedOutcome { outcome: "rejected, and sufficient for a Delete", max_permille: 900 },
        ExpectedOutcome { outcome: "rejected", max_permille: 500 },
    ],
    show: |bytes| Value::from(sample(&mut Choices::new(bytes)).properties).to_string(),
    case,
};

/// Properties, and their errors.
struct Sample {
    properties: Map<String, Value>,
    /// The names of the properties with invalid values.
    invalid: BTreeSet<String>,
    /// The names that no property has.
    unknown: BTreeSet<String>,
}

fn case(bytes: &[u8], constructs: Option<&mut Constructs>) -> Result<CaseOutcome, String> {
    let sample = sample(&mut Choices::new(bytes));
    if let Some(constructs) = constructs {
        for (name, ..) in VALUES {
            let is_given = sample.properties.contains_key(name);
            constructs.record(format!("a valid {name}"), is_given && !sample.invalid.contains(name));
            constructs.record(format!("an invalid {name}"), sample.invalid.contains(name));
        }
        constructs.record("an unknown property", !sample.unknown.is_empty());
        constructs.record(
            "a number or boolean",
            sample.properties.values().any(|value| value.is_number() || value.is_boolean()),
        );
        constructs.record("an empty value", sample.properties.values().any(|value| value == "" || value.is_null()));
    }
    judge::check(&sample).map_err(|error| format!("{error}, in {}", Value::from(sample.properties)))
}

fn sample(choices: &mut Choices<'_>) -> Sample {
    let mut sample = Sample { properties: Map::new(), invalid: BTreeSet::new(), unknown: BTreeSet::new() };
    let may_have_errors = choices.one_in(2);
    for (name, valid, invalid) in VALUES {
        let is_required = name == "ClusterName";
        let value = match choices.below(12) {
            11 if may_have_errors => {
                sample.invalid.insert(name.to_owned());
                invalid(choices)
            }
            10 if may_have_errors || !is_required => {
                choices.pick(&["\"\"", "null", "[]", "[\"\", null]"]).parse().unwrap_or_default()
            }
            0..=5 if !is_required => continue,
            _ => valid(choices),
        };
        sample.properties.insert(name.to_owned(), value);
    }
    if may_have_errors && choices.one_in(4) {
        let name = choices.pick(&["Clustername", "nodeRoleName", "X", "", "a\u{0}b", "Tags ", "servicetoken"]);
        sample.unknown.insert(name.to_owned());
        sample.properties.insert(name.to_owned(), "x".into());
    }
    for (name, value) in [("ServiceToken", "arn"), ("ServiceTimeout", "60")] {
        if choices.one_in(3) {
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
    fn values_cover_every_property() {
        let generated: Vec<&str> = VALUES.iter().map(|(name, ..)| *name).collect();
        let expected: Vec<&str> = PROPERTIES.iter().map(|property| property.name).collect();
        assert_eq!(generated, expected, "add a row to VALUES for a new property");
    }
}
