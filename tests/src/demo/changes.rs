//! What differs between two worlds, shown and checked.

use std::collections::BTreeMap;

use local_cloud::world::{Change, World};
use serde_json::Value;
use sha2::{Digest, Sha256};
use similar::{ChangeTag, TextDiff};

use super::{Failure, Page};

/// Shows the lines that differ, thing by thing.
pub(crate) fn show(page: &mut Page, before: &World, after: &World) -> Result<(), Failure> {
    for change in before.changes(after) {
        page.line(change.name)?;
        let lines = changed_lines(&change);
        page.diff(lines.iter().map(|(sign, line)| (*sign, line.as_str())))?;
    }
    Ok(())
}

/// Claims that these things changed, by these lines, and nothing else. A line is its sign and its text.
pub(crate) fn are(page: &mut Page, before: &World, after: &World, expected: &[(&str, &[&str])]) -> Result<(), Failure> {
    let found: BTreeMap<_, Vec<_>> = before
        .changes(after)
        .iter()
        .map(|change| {
            (change.name, changed_lines(change).iter().map(|(sign, line)| format!("{sign}{}", line.trim())).collect())
        })
        .collect();
    let holds = found.len() == expected.len()
        && expected.iter().all(|(name, lines)| found.get(name).is_some_and(|found| found == lines));
    page.claim(holds, "that was asked for, and nothing else changed", || format!("{found:#?}"))
}

/// Claims that nothing differs.
pub(crate) fn none(page: &mut Page, before: &World, after: &World, claim: &str) -> Result<(), Failure> {
    page.claim(before == after, claim, || before.difference(after))
}

/// Shows how much is the same, and the digest of aws-auth.
pub(crate) fn compared(page: &mut Page, world: &World) -> Result<(), Failure> {
    let of = |prefix: &str| world.names().filter(|name| name.starts_with(prefix)).count();
    page.note(format_args!(
        "  {} roles, {} instance profiles, {} OIDC provider, tags of {} subnets and {} security groups, aws-auth;",
        of("role/"),
        of("instance-profile/"),
        of("oidc-provider/"),
        of("subnet-"),
        of("sg-"),
    ))?;
    let text = world.get("aws-auth/mapRoles").unwrap_or_default();
    page.note(format_args!("  mapRoles: {} bytes, SHA-256 {}", text.len(), hex(&Sha256::digest(text))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The lines that differ, each with its sign.
fn changed_lines(change: &Change<'_>) -> Vec<(char, String)> {
    let (before, after) = (readable(change.before), readable(change.after));
    let diff = TextDiff::from_lines(&before, &after);
    let changes = diff.iter_all_changes().filter_map(|line| {
        let sign = match line.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => return None,
        };
        Some((sign, line.value().trim_end().to_owned()))
    });
    changes.collect()
}

/// As YAML, where it is JSON: an item more then changes no comma of the line before.
fn readable(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let value = serde_json::from_str::<Value>(text).ok();
    value.and_then(|value| yaml_serde::to_string(&value).ok()).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_its_lines_alone() {
        let change = Change {
            name: "role/r",
            before: Some(r#"{"tags": {"a": "1"}}"#),
            after: Some(r#"{"tags": {"a": "1", "b": "2"}}"#),
        };
        assert_eq!(changed_lines(&change), [('+', "  b: '2'".to_owned())]);
        let gone = Change { name: "aws-auth/mapRoles", before: Some("- a # x\n- b\n"), after: Some("- a # x\n") };
        assert_eq!(changed_lines(&gone), [('-', "- b".to_owned())]);
    }
}
