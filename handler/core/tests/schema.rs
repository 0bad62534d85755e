//! Checks that `infra/schema.json` and `tests/validation.json` agree with the property table. Tools use the schema to check a
//! template before it is deployed.
//!
//! `UPDATE_SCHEMA=1 cargo test -p karpenter-prereqs-core --test schema` writes both files.

#![allow(clippy::unwrap_used, reason = "a panic fails the test and shows its location, in helpers too")]

use karpenter_prereqs_core::desired::properties::{
    EXCLUSIONS, Exclusion, IAM_TAG_KEY, IAM_TAG_VALUE, Kind, PROPERTIES, Properties, Property, Rule, TAGS_MAX,
};
use karpenter_prereqs_core::response::ATTRIBUTES;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use regex::Regex;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::path::Path;
use std::{env, fs};

fn workspace() -> &'static Path {
    Path::new(env!("KARPENTER_PREREQS_CHECKOUT"))
}

#[test]
fn schema_equals_property_table() {
    let path = workspace().join("infra/schema.json");
    let found = fs::read_to_string(&path).unwrap_or_default();
    expect_or_update(&path, &found, &format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()));
}

/// Checks the content of a file, or writes it if `UPDATE_SCHEMA` is 1.
fn expect_or_update(path: &Path, found: &str, wanted: &str) {
    #[allow(clippy::disallowed_methods, reason = "the rule is for the function, and a test has no other input")]
    let update = env::var_os("UPDATE_SCHEMA").is_some_and(|value| value == "1");
    if update {
        fs::write(path, wanted).unwrap();
    } else {
        assert!(found == wanted, "{} differs from the property table: run this with UPDATE_SCHEMA=1", path.display());
    }
}

/// The tests of the CDK construct use the same cases. A person writes the properties, and the parser of the function gives the
/// errors.
#[test]
fn validation_cases_equal_parser_errors() {
    let path = workspace().join("tests/validation.json");
    let found = fs::read_to_string(&path).unwrap();
    let mut cases: Vec<Value> = serde_json::from_str(&found).unwrap();
    assert!(30 < cases.len());
    for case in &mut cases {
        let (_, errors) = Properties::parse(case["properties"].as_object().unwrap());
        case["errors"] = errors.iter().map(ToString::to_string).collect();
    }
    expect_or_update(&path, &found, &format!("{:#}\n", json!(cases)));
}

/// The rule and the pattern of a property agree on texts that match the pattern, on such texts with an insertion, and on any
/// other texts.
#[test]
fn property_rules_equal_their_patterns() {
    for property in PROPERTIES {
        if let Kind::Text(rule) | Kind::List(rule) = property.kind {
            check_rule(property.name, rule);
        }
    }
    check_rule("the key of a tag", IAM_TAG_KEY);
    check_rule("the value of a tag", IAM_TAG_VALUE);
}

/// Compares a rule with its pattern on 512 texts. Fails if 300 texts have 10 or fewer valid or invalid ones, because such a
/// comparison checks too little.
fn check_rule(name: &str, rule: Rule) {
    let regex = |pattern| Regex::new(pattern).unwrap();
    let (pattern, not) = (regex(rule.pattern), rule.not.map(regex));
    let unanchored = rule.pattern.trim_start_matches('^').trim_end_matches('$');
    let matching = if unanchored.is_empty() {
        any::<String>().boxed()
    } else {
        proptest::string::string_regex(unanchored).unwrap().boxed()
    };
    let prefix = prop_oneof![6 => Just(""), 1 => Just("aws:"), 1 => Just("AwS:"), 1 => Just("karpenter-prereqs/"), 1 => Just("é")];
    let insertion = prop_oneof![4 => Just(String::new()), 1 => "[a-z.:/é=\n-]{1,2}", 1 => "[0-9]{60,130}", 1 => "[a-z/]{400,510}", 1 => Just("a.".repeat(130))];
    let parts = (prefix, matching, any::<prop::sample::Index>(), insertion);
    let texts = parts.prop_map(|(prefix, matching, choice, insertion)| {
        let positions: Vec<_> = matching.char_indices().map(|(position, _)| position).chain([matching.len()]).collect();
        let (before, after) = matching.split_at(*choice.get(&positions));
        format!("{prefix}{before}{insertion}{after}")
    });
    let texts = prop_oneof![9 => texts, 1 => any::<String>()];
    let mut counts = [0; 2];
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&texts, |text| {
        let expected = pattern.is_match(&text)
            && not.as_ref().is_none_or(|not| !not.is_match(&text))
            && rule.max_length.is_none_or(|max| text.chars().count() <= max);
        prop_assert_eq!((rule.is)(&text), expected, "{:?}", text);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{name}: {error}"));
    for text in sample(&texts) {
        counts[usize::from((rule.is)(&text))] += 1;
    }
    assert!(
        rule.pattern.is_empty() || counts.iter().all(|count| 10 < *count),
        "{name}: of 300 texts, {counts:?} are invalid and valid"
    );
}

/// Returns 300 texts of the strategy.
fn sample(texts: &impl Strategy<Value = String>) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    (0..300).map(|_| texts.new_tree(&mut runner).unwrap().current()).collect()
}

/// A JSON object that is written in this order. The properties have the order of the table, which is also the order of the
/// errors.
struct Ordered(Vec<(&'static str, Value)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[derive(Serialize)]
struct Schema {
    #[serde(rename = "$schema")]
    dialect: &'static str,
    title: &'static str,
    description: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Ordered,
    required: Vec<&'static str>,
    #[serde(rename = "additionalProperties")]
    additional_properties: bool,
    not: Value,
    #[serde(rename = "x-exclusions")]
    exclusions: Vec<Value>,
    #[serde(rename = "x-attributes")]
    attributes: Ordered,
}

fn schema() -> Schema {
    let common =
        |name| (name, json!({"type": "string", "description": "A standard property of every custom resource."}));
    let rows = PROPERTIES.iter().map(|property| (property.name, property_schema(property)));
    let required = PROPERTIES.iter().filter(|property| property.default.is_empty()).map(|property| property.name);
    let pairs: Vec<_> =
        EXCLUSIONS.iter().map(|exclusion| json!({"required": [exclusion.one, exclusion.other]})).collect();
    let described =
        |exclusion: &Exclusion| json!({"one": exclusion.one, "other": exclusion.other, "why": exclusion.why});
    Schema {
        dialect: "https://json-schema.org/draft/2020-12/schema",
        title: "Custom::KarpenterPrereqs",
        description: "The properties of the resource. `x-attributes` lists the attributes that Fn::GetAtt returns.",
        kind: "object",
        properties: Ordered(["ServiceToken", "ServiceTimeout"].map(common).into_iter().chain(rows).collect()),
        required: ["ServiceToken"].into_iter().chain(required).collect(),
        additional_properties: false,
        not: json!({"anyOf": pairs}),
        exclusions: EXCLUSIONS.iter().map(described).collect(),
        attributes: Ordered(ATTRIBUTES.iter().map(|(name, text)| (*name, json!(text))).collect()),
    }
}

/// Returns the schema of one property.
fn property_schema(property: &Property) -> Value {
    let mut schema = match property.kind {
        Kind::Text(rule) => text(rule),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::SomeOf(words) => json!({"anyOf": [
            {"type": "array", "items": {"type": "string", "enum": words}},
            joined(&words.join("|")),
        ]}),
        Kind::List(rule) => {
            assert!(
                rule.not.is_none() && rule.max_length.is_none(),
                "{rule:?} cannot be expressed as a pattern of a joined list"
            );
            let joined = joined(rule.pattern.trim_start_matches('^').trim_end_matches('$'));
            json!({"anyOf": [{"type": "array", "items": text(rule)}, joined]})
        }
        Kind::Tags => tags(),
    };
    schema["description"] = json!(property.text);
    schema["x-must-be"] = json!(property.must_be);
    if !property.default.is_empty() {
        schema["x-default"] = json!(property.default);
    }
    schema
}

/// Returns the schema of a text that obeys the rule.
fn text(rule: Rule) -> Value {
    let mut schema = json!({"type": "string"});
    if !rule.pattern.is_empty() {
        schema["pattern"] = json!(rule.pattern);
    }
    if let Some(not) = rule.not {
        schema["not"] = json!({"pattern": not});
    }
    if let Some(max_length) = rule.max_length {
        schema["maxLength"] = json!(max_length);
    }
    schema
}

/// Returns the schema of a list that is written as one text with commas. `item`: the pattern of an item.
fn joined(item: &str) -> Value {
    let item = format!(r"\s*(?:{item})?\s*");
    json!({"type": "string", "pattern": format!("^{item}(?:,{item})*$")})
}

/// Returns the schema of tags: a map, or a list of objects with `Key` and `Value`.
fn tags() -> Value {
    json!({"anyOf": [
        {"type": "object", "maxProperties": TAGS_MAX, "propertyNames": text(IAM_TAG_KEY), "additionalProperties": text(IAM_TAG_VALUE)},
        {"type": "array", "maxItems": TAGS_MAX, "items": {
            "type": "object",
            "required": ["Key", "Value"],
            "properties": {"Key": text(IAM_TAG_KEY), "Value": text(IAM_TAG_VALUE)},
        }},
    ]})
}
