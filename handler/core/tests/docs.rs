//! Checks that the documentation agrees with the code: its tables have the values of the constants, the code has the messages
//! that it explains, its links resolve, and the tests that it names exist.
//!
//! `UPDATE_DOCS=1 cargo test -p karpenter-prereqs-core --test docs` writes the tables of properties and attributes.

#![allow(clippy::unwrap_used, reason = "a panic fails the test and shows its location, in helpers too")]

use karpenter_prereqs_core::desired::properties::{Kind, PROPERTIES};
use karpenter_prereqs_core::response::ATTRIBUTES;
use regex::Regex;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIGURATION: &str = "docs/configuration.md";
const TROUBLESHOOTING: &str = "docs/troubleshooting.md";

/// One test checks both tables, because it may rewrite their common file.
#[test]
fn property_and_attribute_tables_equal_constants() {
    let page = read(CONFIGURATION);
    let with_properties = between(&page, "properties").replaced_by(&properties());
    let wanted = between(&with_properties, "attributes").replaced_by(&attributes());
    #[allow(clippy::disallowed_methods, reason = "the rule is for the function, and a test has no other input")]
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1");
    if update {
        fs::write(workspace().join(CONFIGURATION), wanted).unwrap();
    } else {
        assert!(page == wanted, "the tables of {CONFIGURATION} differ from the constants: run this with UPDATE_DOCS=1");
    }
}

/// Every code has one row, in the order of the codes. The message in the row is a message of the sources.
#[test]
fn code_tables_have_each_code_and_its_message() {
    let page = read(TROUBLESHOOTING);
    let sources = handler_sources();
    let quoted = Regex::new(r#""(KP[0-9]{4})""#).unwrap();
    let codes: BTreeSet<&str> =
        quoted.captures_iter(&sources).filter_map(|found| found.get(1)).map(|code| code.as_str()).collect();
    assert!(80 < codes.len(), "the sources have fewer codes than expected: {codes:?}");
    let tables = ["problems", "properties", "errors", "warnings", "findings"];
    let rows: Vec<_> = tables.into_iter().flat_map(|table| rows(between(&page, table).text, 4)).collect();
    let listed: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let expected: Vec<&str> = codes.into_iter().collect();
    assert_eq!(listed, expected, "{TROUBLESHOOTING} and the sources have different codes");
    for row in &rows {
        assert_in_sources(row[1], &sources);
    }
}

/// The messages in the other tables are messages of the sources.
#[test]
fn documented_messages_exist_in_sources() {
    let page = read(TROUBLESHOOTING);
    let sources = handler_sources();
    for (table, columns, least) in [("aws-auth", 3, 3), ("log", 2, 8)] {
        let rows = rows(between(&page, table).text, columns);
        assert!(least < rows.len(), "the table `{table}` has fewer rows than expected: {rows:?}");
        for row in &rows {
            assert_in_sources(row[0], &sources);
        }
    }
}

/// Every relative link resolves to a file, and to a heading if it has an anchor.
#[test]
fn links_resolve_to_files_and_headings() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let pages = pages();
    assert!(15 < pages.len(), "there are fewer pages than expected: {pages:?}");
    for page in &pages {
        let text = without_code(&fs::read_to_string(page).unwrap());
        let targets = link.captures_iter(&text).filter_map(|found| found.get(1)).map(|target| target.as_str());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(file.exists(), "{}: the link {target} has no file", page.display());
            if !anchor.is_empty() {
                let linked = without_code(&fs::read_to_string(&file).unwrap());
                let has_heading = linked.lines().filter_map(heading_anchor).any(|found| found == anchor);
                assert!(has_heading, "{}: the link {target} has no heading", page.display());
            }
        }
    }
}

/// Every name in the column Tests of the guarantees is a suite, a test of the core crate, a file of the repository or a Makefile
/// target. Every suite that the page about testing names exists.
#[test]
fn named_tests_exist() {
    let guarantees = read("docs/guarantees.md");
    let cells = guarantees.lines().filter(|line| line.starts_with("| **")).filter_map(|line| line.split(" | ").nth(1));
    let mut named: Vec<_> = cells.flat_map(code_spans).collect();
    assert!(20 < named.len(), "{named:?}");
    let testing = without_code(&read("docs/internals/testing.md"));
    let suites: Vec<_> = testing.lines().flat_map(code_spans).filter(|name| name.contains("::")).collect();
    assert!(20 < suites.len(), "{suites:?}");
    named.extend(suites);
    let (suites, core) = (workspace().join("tests/suites"), workspace().join("handler/core/tests"));
    for name in named {
        let path = name.trim_end_matches("::*").replace("::", "/");
        let exists = suites.join(format!("{path}.rs")).exists()
            || suites.join(&path).join("mod.rs").exists()
            || core.join(&path).join("main.rs").exists()
            || workspace().join(name).exists()
            || is_target(name);
        assert!(exists, "the documentation names `{name}`, but no such test exists");
    }
}

/// Returns whether `name` is `make` followed by a target of the Makefile.
fn is_target(name: &str) -> bool {
    let makefile = read("Makefile");
    name.strip_prefix("make ")
        .is_some_and(|target| makefile.lines().any(|line| line.starts_with(&format!("{target}:"))))
}

/// Returns the code spans of a line.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the table of the properties.
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

/// Returns the table of the attributes.
fn attributes() -> String {
    let mut table = "| Attribute | Meaning |\n|---|---|\n".to_owned();
    for (name, text) in ATTRIBUTES {
        writeln!(table, "| {name} | {text} |").unwrap();
    }
    table
}

/// The text between `<!-- name:begin -->` and `<!-- name:end -->`, and the text before and after it.
struct Between<'a> {
    before: &'a str,
    text: &'a str,
    after: &'a str,
}

fn between<'a>(page: &'a str, name: &str) -> Between<'a> {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->\n"));
    let missing = |line: &str| format!("the page has no line `{}`", line.trim_end());
    let begins = page.find(&begin).unwrap_or_else(|| panic!("{}", missing(&begin))) + begin.len();
    let (before, rest) = page.split_at(begins);
    let ends = rest.find(&end).unwrap_or_else(|| panic!("{}", missing(&end)));
    let (text, after) = rest.split_at(ends);
    Between { before, text, after }
}

impl Between<'_> {
    fn replaced_by(&self, table: &str) -> String {
        format!("{}{table}{}", self.before, self.after)
    }
}

/// Returns the cells of all rows of a table, without its head.
fn rows(table: &str, columns: usize) -> Vec<Vec<&str>> {
    let rows: Vec<_> = table.lines().skip(2).map(cells).collect();
    for row in &rows {
        assert_eq!(row.len(), columns, "{row:?}");
    }
    rows
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split(" | ").map(str::trim).collect()
}

/// Checks that the sources have the message in a cell. The cell is one code span, in which `…` is a part that varies.
#[track_caller]
fn assert_in_sources(cell: &str, sources: &str) {
    let message = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    let message = message.unwrap_or_else(|| panic!("{cell} is not one code span"));
    for part in message.split('…').map(str::trim).filter(|part| !part.is_empty()) {
        assert!(6 < part.len(), "`{part}` of {cell} is too short for a search: replace it by …");
        assert!(
            sources.contains(part),
            "{TROUBLESHOOTING} explains {cell}, and no message of the handler has `{part}`"
        );
    }
}

/// Returns the pages of the documentation.
fn pages() -> Vec<PathBuf> {
    let names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let mut pages = names.map(|name| workspace().join(name)).to_vec();
    pages.extend(
        files(vec![workspace().join("docs")]).into_iter().filter(|path| path.extension().is_some_and(|it| it == "md")),
    );
    pages
}

/// Returns the page without its fenced code blocks, because they have no links and no headings.
fn without_code(page: &str) -> String {
    page.split("```").enumerate().filter(|(index, _)| index % 2 == 0).map(|(_, block)| block).collect()
}

/// Returns the anchor that GitHub gives a heading, or `None` if the line is no heading.
fn heading_anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

fn read(page: &str) -> String {
    fs::read_to_string(workspace().join(page)).unwrap()
}

/// Returns the sources of the three handler crates. A string literal that continues on the next line (`\`) is joined.
fn handler_sources() -> String {
    let folders =
        ["aws-auth", "core", "function", "cli"].map(|part| workspace().join("handler").join(part).join("src")).to_vec();
    let sources: String = files(folders).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut pieces = sources.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |joined, piece| joined + piece.trim_start())
}

/// Returns all files in these folders and their subfolders.
fn files(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

fn workspace() -> &'static Path {
    Path::new(env!("KARPENTER_PREREQS_CHECKOUT"))
}
