//! Shows and checks the differences between two snapshots.

use std::collections::BTreeMap;

use local_cloud::world::{Change, World};
use serde_json::Value;
use sha2::{Digest, Sha256};
use similar::{ChangeTag, TextDiff};

use super::{Failure, Reporter};

/// Shows the lines that differ, object by object.
pub(crate) fn print(reporter: &mut Reporter, before: &World, after: &World) -> Result<(), Failure> {
    for change in before.changes(after) {
        reporter.line(change.name)?;
        let lines = changed_lines(&change);
        reporter.diff(lines.iter().map(|(sign, line)| (*sign, line.as_str())))?;
    }
    Ok(())
}

/// Checks that exactly these objects changed, by exactly these lines. A line is its sign and its text.
pub(crate) fn check(
    reporter: &mut Reporter,
    before: &World,
    after: &World,
    expected: &[(&str, &[&str])],
) -> Result<(), Failure> {
    let found: BTreeMap<_, Vec<_>> = before
        .changes(after)
        .iter()
        .map(|change| {
            (change.name, changed_lines(change).iter().map(|(sign, line)| format!("{sign}{}", line.trim())).collect())
        })
        .collect();
    let holds = found.len() == expected.len()
        && expected.iter().all(|(name, lines)| found.get(name).is_some_and(|found| found == lines));
    reporter.check(holds, "these changes were requested, and nothing else changed", || format!("{found:#?}"))
}

/// Checks that nothing differs.
pub(crate) fn check_unchanged(
    reporter: &mut Reporter,
    before: &World,
    after: &World,
    text: &str,
) -> Result<(), Failure> {
    reporter.check(before == after, text, || before.difference(after))
}

/// Shows how many objects are equal, and the digest of aws-auth.
pub(crate) fn print_totals(reporter: &mut Reporter, world: &World) -> Result<(), Failure> {
    let of = |prefix: &str| world.names().filter(|name| name.starts_with(prefix)).count();
    reporter.dim_line(format_args!(
        "  {} roles, {} instance profiles, {} OIDC providers, tags of {} subnets and {} security groups, aws-auth",
        of("role/"),
        of("instance-profile/"),
        of("oidc-provider/"),
        of("subnet-"),
        of("sg-"),
    ))?;
    let text = world.get("aws-auth/mapRoles").unwrap_or_default();
    reporter.dim_line(format_args!("  mapRoles: {} bytes, SHA-256 {}", text.len(), hex(&Sha256::digest(text))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Returns the lines that differ, each with its sign.
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

/// Returns JSON as YAML, because another item then does not change the comma of the previous line. Other text is unchanged.
fn readable(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    let value = serde_json::from_str::<Value>(text).ok();
    value.and_then(|value| yaml_serde::to_string(&value).ok()).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_consists_of_changed_lines() {
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
