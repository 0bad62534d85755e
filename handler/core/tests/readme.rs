//! The README says what the code says: its tables are made from the constants, and the messages that it explains are
//! messages of the code.
//!
//! `UPDATE_README=1 cargo test -p karpenter-prereqs-core --test readme` writes the tables anew.

#![allow(clippy::unwrap_used, reason = "a panic is a failure with its place, also in what tests share")]

use karpenter_prereqs_core::desired::properties::{Kind, PROPERTIES};
use karpenter_prereqs_core::response::ATTRIBUTES;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One test for both: they rewrite one file.
#[test]
fn the_tables_of_properties_and_attributes_are_made_from_the_constants() {
    let path = workspace().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let with_properties = between(&readme, "properties").replaced_by(&properties());
    let wanted = between(&with_properties, "attributes").replaced_by(&attributes());
    #[allow(clippy::disallowed_methods, reason = "the rule is for the function; a test is told by its caller")]
    let update = std::env::var_os("UPDATE_README").is_some_and(|value| value == "1");
    if update {
        fs::write(&path, wanted).unwrap();
    } else {
        assert!(readme == wanted, "the tables of README.md differ from the constants: run this with UPDATE_README=1");
    }
}

/// A symptom in the table of errors is a message of the handler, `…` standing for what varies.
#[test]
fn the_messages_that_the_readme_explains_are_the_codes() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let code = handler_sources();
    let symptoms: Vec<_> = between(&readme, "errors")
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(symptom, _)| symptom)
        .collect();
    assert!(10 < symptoms.len(), "the table of errors is not where it was: {symptoms:?}");
    for symptom in symptoms {
        for part in symptom.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            assert!(6 < part.len(), "`{part}` of `{symptom}` is so short that it is found anywhere: leave it out");
            assert!(code.contains(part), "README.md explains `{symptom}`, and no message of the handler says `{part}`");
        }
    }
}

fn properties() -> String {
    let mut table = "| Property | Type | Default | Meaning |\n|---|---|---|---|\n".to_owned();
    for property in PROPERTIES {
        let default = if property.default.is_empty() { "required" } else { property.default };
        let kind = match property.kind {
            Kind::Text(_) => "text".to_owned(),
            Kind::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Kind::SomeOf(_) | Kind::List(_) => "list".to_owned(),
            Kind::Tags => "map or list".to_owned(),
        };
        writeln!(table, "| {} | {kind} | {default} | {} |", property.name, property.text).unwrap();
    }
    table
}

fn attributes() -> String {
    let mut table = "| Attribute | Meaning |\n|---|---|\n".to_owned();
    for (name, text) in ATTRIBUTES {
        writeln!(table, "| {name} | {text} |").unwrap();
    }
    table
}

/// The text between `<!-- name -->` and `<!-- /name -->`, and what is around it.
struct Between<'a> {
    before: &'a str,
    text: &'a str,
    after: &'a str,
}

fn between<'a>(readme: &'a str, name: &str) -> Between<'a> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let missing = |marker: &str| format!("README.md has no line `{}`", marker.trim_end());
    let begins = readme.find(&begin).unwrap_or_else(|| panic!("{}", missing(&begin))) + begin.len();
    let (before, rest) = readme.split_at(begins);
    let ends = rest.find(&end).unwrap_or_else(|| panic!("{}", missing(&end)));
    let (text, after) = rest.split_at(ends);
    Between { before, text, after }
}

impl Between<'_> {
    fn replaced_by(&self, table: &str) -> String {
        format!("{}{table}{}", self.before, self.after)
    }
}

/// All sources of the handler's two crates, a text that goes on in the next line of the source (`\`) being one.
fn handler_sources() -> String {
    let mut sources = String::new();
    let mut folders = vec![workspace().join("handler/core/src"), workspace().join("handler/function/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut pieces = sources.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |joined, piece| joined + piece.trim_start())
}

fn workspace() -> &'static Path {
    Path::new(env!("KARPENTER_PREREQS_CHECKOUT"))
}
