//! What must be true of the edits of a text, judged by a parser that has no part in them.

use karpenter_prereqs_core::aws_auth::{self, NodeEntry, Presence};
use yaml_serde::Value;

const ARN: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-blue";

/// The entry that the judge has put in and taken out.
pub(crate) fn entry() -> NodeEntry {
    NodeEntry::new(ARN)
}

/// The list that `text` is to the judge, or why it is none.
pub(crate) fn list(text: &str) -> Result<Vec<Value>, String> {
    if matches!(text.trim(), "" | "``" | "\"\"" | "''") {
        return Ok(Vec::new());
    }
    // yaml_serde gives the mark a column, and then takes a second item for a second document.
    match yaml_serde::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::Sequence(list)) => Ok(list),
        Ok(other) => Err(format!("no list: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// `before` became `after` by one insertion.
pub(crate) fn is_one_insertion(before: &str, after: &str) -> bool {
    let same = |(a, b): &(u8, u8)| a == b;
    let start = before.bytes().zip(after.bytes()).take_while(same).count();
    let end = before.bytes().rev().zip(after.bytes().rev()).take_while(same).count();
    after.len() > before.len() && start + end >= before.len()
}

/// Adds the entry to `before` and takes it out again. `replaced` if the text holds an empty value
/// that the entry replaces.
///
/// # Errors
/// The first thing that is not as it must be.
pub(crate) fn edits(before: &str, replaced: bool) -> Result<(), String> {
    let old = list(before).map_err(|error| format!("the text itself is bad: {error}"))?;
    let after = step("insert", aws_auth::insert(Some(before), &entry()))?;
    require(presence(before)? == Presence::Absent, "the entry is there before", before)?;
    require(presence(&after)? == Presence::Equal, "the entry is not there", &after)?;
    require(values_are(&after, &old)?, "a foreign entry has changed", &after)?;
    let again = step("insert again", aws_auth::insert(Some(&after), &entry()))?;
    require(again == after, "a second insert changes the text", &again)?;

    let removed = step("remove", aws_auth::remove(&after, &entry()))?;
    if replaced {
        return require(list(&removed)?.is_empty(), "the list is not left empty", &removed);
    }
    require(is_one_insertion(before, &after), "more than one insertion", &after)?;
    let ends = |text: &str| text.is_empty() || text.ends_with(['\n', '\r']);
    require(ends(before) == ends(&after), "the final newline has changed", &after)?;
    require(removed == before, "remove does not give the text back", &removed)
}

/// `after` holds `old` and our entry, as the first or the last.
fn values_are(after: &str, old: &[Value]) -> Result<bool, String> {
    let new = list(after).map_err(|error| format!("the new text is bad: {error}\n{after}"))?;
    let ours: Value = yaml_serde::from_str(&format!(
        "{{rolearn: '{ARN}', username: 'system:node:{{{{EC2PrivateDNSName}}}}', \
         groups: ['system:bootstrappers', 'system:nodes']}}"
    ))
    .map_err(|error| error.to_string())?;
    let first = new.split_first().is_some_and(|(first, rest)| *first == ours && rest == old);
    let last = new.split_last().is_some_and(|(last, rest)| *last == ours && rest == old);
    Ok(first || last)
}

fn presence(text: &str) -> Result<Presence, String> {
    step("presence", aws_auth::presence(Some(text), &entry()))
}

fn step<T>(name: &str, result: Result<T, aws_auth::AwsAuthError>) -> Result<T, String> {
    result.map_err(|error| format!("{name}: {error}"))
}

fn require(holds: bool, what: &str, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {text:?}")) }
}
