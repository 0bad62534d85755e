//! The schema of the resource, for those who check a template before it is deployed: made from the property table, and
//! saying what the table's rules say.
//!
//! `UPDATE_SCHEMA=1 cargo test -p karpenter-prereqs-core --test schema` writes it anew.

#![allow(clippy::unwrap_used, reason = "a panic is a failure with its place, also in what tests share")]

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
fn the_schema_is_made_from_the_table() {
    let path = workspace().join("infra/schema.json");
    let found = fs::read_to_string(&path).unwrap_or_default();
    hold(&path, &found, &format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()));
}

/// That the file says what it should; written anew where that is asked for.
fn hold(path: &Path, found: &str, wanted: &str) {
    #[allow(clippy::disallowed_methods, reason = "the rule is for the function; a test is told by its caller")]
    let update = env::var_os("UPDATE_SCHEMA").is_some_and(|value| value == "1");
    if update {
        fs::write(path, wanted).unwrap();
    } else {
        assert!(found == wanted, "{} differs from the property table: run this with UPDATE_SCHEMA=1", path.display());
    }
}

/// The file of cases that the construct's validation is judged by, too: the properties are written by hand, the words are
/// the function's.
#[test]
fn the_words_of_the_cases_are_the_functions() {
    let path = workspace().join("tests/validation.json");
    let found = fs::read_to_string(&path).unwrap();
    let mut cases: Vec<Value> = serde_json::from_str(&found).unwrap();
    assert!(30 < cases.len());
    for case in &mut cases {
        let (_, errors) = Properties::parse(case["properties"].as_object().unwrap());
        case["errors"] = errors.iter().map(ToString::to_string).collect();
    }
    hold(&path, &found, &format!("{:#}\n", json!(cases)));
}

/// A rule is its pattern: of texts that the pattern makes, of such with a character changed, and of any others.
#[test]
fn each_rule_is_its_pattern() {
    for property in PROPERTIES {
        if let Kind::Text(rule) | Kind::List(rule) = property.kind {
            prove(property.name, rule);
        }
    }
    prove("the key of a tag", IAM_TAG_KEY);
    prove("the value of a tag", IAM_TAG_VALUE);
}

fn prove(name: &str, rule: Rule) {
    let regex = |pattern| Regex::new(pattern).unwrap();
    let (pattern, not) = (regex(rule.pattern), rule.not.map(regex));
    let made = rule.pattern.trim_start_matches('^').trim_end_matches('$');
    let made =
        if made.is_empty() { any::<String>().boxed() } else { proptest::string::string_regex(made).unwrap().boxed() };
    let lead = prop_oneof![6 => Just(""), 1 => Just("aws:"), 1 => Just("AwS:"), 1 => Just("karpenter-prereqs/"), 1 => Just("é")];
    let more = prop_oneof![4 => Just(String::new()), 1 => "[a-z.:/é=\n-]{1,2}", 1 => "[0-9]{60,130}", 1 => "[a-z/]{400,510}", 1 => Just("a.".repeat(130))];
    let texts = (lead, made, any::<prop::sample::Index>(), more).prop_map(|(lead, made, place, more)| {
        let places: Vec<_> = made.char_indices().map(|(place, _)| place).chain([made.len()]).collect();
        let (before, after) = made.split_at(*place.get(&places));
        format!("{lead}{before}{more}{after}")
    });
    let texts = prop_oneof![9 => texts, 1 => any::<String>()];
    let mut seen = [0; 2];
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    let judged = TestRunner::new(config).run(&texts, |text| {
        let expected = pattern.is_match(&text)
            && not.as_ref().is_none_or(|not| !not.is_match(&text))
            && rule.max_length.is_none_or(|most| text.chars().count() <= most);
        prop_assert_eq!((rule.is)(&text), expected, "{:?}", text);
        Ok(())
    });
    judged.unwrap_or_else(|error| panic!("{name}: {error}"));
    for text in sample(&texts) {
        seen[usize::from((rule.is)(&text))] += 1;
    }
    assert!(
        rule.pattern.is_empty() || seen.iter().all(|seen| 10 < *seen),
        "{name}: {seen:?} bad and good texts of 300"
    );
}

/// Some of what the strategy makes, to see that it makes both good and bad.
fn sample(texts: &impl Strategy<Value = String>) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    (0..300).map(|_| texts.new_tree(&mut runner).unwrap().current()).collect()
}

/// A map that is written in this order: the table's, which is that of the errors too.
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
    let own = |name| (name, json!({"type": "string", "description": "A standard property of every custom resource."}));
    let rows = PROPERTIES.iter().map(|property| (property.name, described(property)));
    let required = PROPERTIES.iter().filter(|property| property.default.is_empty()).map(|property| property.name);
    let pairs: Vec<_> =
        EXCLUSIONS.iter().map(|exclusion| json!({"required": [exclusion.one, exclusion.other]})).collect();
    let told = |exclusion: &Exclusion| json!({"one": exclusion.one, "other": exclusion.other, "why": exclusion.why});
    Schema {
        dialect: "https://json-schema.org/draft/2020-12/schema",
        title: "Custom::KarpenterPrereqs",
        description: "The properties of the resource. `x-attributes` lists the attributes that Fn::GetAtt returns.",
        kind: "object",
        properties: Ordered(["ServiceToken", "ServiceTimeout"].map(own).into_iter().chain(rows).collect()),
        required: ["ServiceToken"].into_iter().chain(required).collect(),
        additional_properties: false,
        not: json!({"anyOf": pairs}),
        exclusions: EXCLUSIONS.iter().map(told).collect(),
        attributes: Ordered(ATTRIBUTES.iter().map(|(name, text)| (*name, json!(text))).collect()),
    }
}

fn described(property: &Property) -> Value {
    let mut schema = match property.kind {
        Kind::Text(rule) => text(rule),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
        Kind::SomeOf(words) => json!({"anyOf": [
            {"type": "array", "items": {"type": "string", "enum": words}},
            joined(&words.join("|")),
        ]}),
        Kind::List(rule) => {
            assert!(rule.not.is_none() && rule.max_length.is_none(), "{rule:?} cannot be told within a text");
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

fn text(rule: Rule) -> Value {
    let mut schema = json!({"type": "string"});
    if !rule.pattern.is_empty() {
        schema["pattern"] = json!(rule.pattern);
    }
    if let Some(not) = rule.not {
        schema["not"] = json!({"pattern": not});
    }
    if let Some(most) = rule.max_length {
        schema["maxLength"] = json!(most);
    }
    schema
}

/// A list as one text, with commas between.
fn joined(item: &str) -> Value {
    let item = format!(r"\s*(?:{item})?\s*");
    json!({"type": "string", "pattern": format!("^{item}(?:,{item})*$")})
}

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
