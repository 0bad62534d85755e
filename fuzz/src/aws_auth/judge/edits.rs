//! Checks one text: adds the entry, and removes it again.

use super::spans::{cuts, has_value, is_one_insertion, is_subsequence};
use super::{ARN, GROUPS, ListError, Relation, USERNAME, entry, list, rejections, relation};
use crate::target::CaseOutcome;
use aws_auth::{AwsAuthError, MapRoles, Presence, remove};
use yaml_serde::Value;

/// The outcome if the entry cannot be removed without changing something else.
pub(in super::super) const ENTRY_KEPT: CaseOutcome = "had the entry, which cannot be removed";

/// Checks the edits of `text`, and returns the outcome. `is_valid`: the text is certainly a valid list. Then it may be rejected
/// only because of another entry for the role.
///
/// # Errors
/// The first violation.
pub(crate) fn check_text(text: &str, is_valid: bool) -> Result<CaseOutcome, String> {
    let old = match list(text) {
        Ok(old) if !is_valid && has_ambiguous_end(text, &old) => {
            Err(ListError::NotYaml("a block scalar that parsers end differently".to_owned()))
        }
        old => old,
    };
    if let (true, Err(error)) = (is_valid, &old) {
        return Err(format!("the generator made an invalid list ({error:?}): {text:?}"));
    }
    // The last entry of a role counts.
    let relation = old.iter().flatten().map(relation).rfind(|relation| *relation != Relation::Other);
    let (conflict, for_role) = (relation == Some(Relation::Conflict), relation.is_some());
    if is_valid && text.len() % 4 == 1 {
        check_presence(text, conflict, for_role)?;
    }
    let is_kept = for_role && !check_removal(text, old.as_deref().unwrap_or_default(), is_valid)?;
    match (insert(text), &old) {
        (Err(error), old) => {
            let outcome = rejections::classify(text, &error, old.as_ref().map(|_| ()), conflict)?;
            require(!is_valid || conflict, text, || format!("a valid text is rejected: {error}"))?;
            Ok(outcome)
        }
        (Ok(after), Ok(_)) if conflict => {
            Err(format!("the entry was added although another entry for the role exists: {after:?}"))
        }
        (Ok(after), Ok(_)) if for_role => {
            require(after == text, text, || format!("the text has the entry, and was changed: {after:?}"))?;
            Ok(if is_kept { ENTRY_KEPT } else { "had the entry" })
        }
        (Ok(after), Ok(old)) => check_addition(text, &after, old),
        (Ok(after), Err(_)) => {
            let is_minimal = after == text || is_one_insertion(text, &after);
            let was_empty = || MapRoles::read(Some(text), &entry()).is_ok_and(|list| list.is_empty());
            require(is_minimal || was_empty(), text, || format!("more than one insertion: {after:?}"))?;
            Ok("edited, although the judge rejects the text")
        }
    }
}

fn insert(text: &str) -> Result<String, AwsAuthError> {
    MapRoles::read(Some(text), &entry())?.insert()
}

/// Returns whether the text ends in a block scalar of an entry for the role, without a newline. Some parsers read the value with
/// a newline, so they read another value.
fn has_ambiguous_end(text: &str, old: &[Value]) -> bool {
    let is_for_role = old.last().is_some_and(|last| relation(last) != Relation::Other);
    is_for_role && !text.ends_with(['\n', '\r']) && list(&format!("{text}\n")).as_deref() != Ok(old)
}

/// Checks an edit that added the entry to `before`, which had none, and the removal of the entry.
fn check_addition(before: &str, after: &str, old: &[Value]) -> Result<CaseOutcome, String> {
    let new = list(after).map_err(|error| format!("{before:?} became invalid ({error:?}): {after:?}"))?;
    let first = new.split_first().is_some_and(|(first, rest)| is_written_by_handler(first) && rest == old);
    let last = new.split_last().is_some_and(|(last, rest)| is_written_by_handler(last) && rest == old);
    require(first || last, before, || format!("an entry of others has changed: {after:?}"))?;
    // A second insertion parses the text again. Doing it for some texts is enough.
    if before.len().is_multiple_of(4) {
        let second = insert(after);
        require(second.as_deref() == Ok(after), before, || format!("a second insertion into {after:?}: {second:?}"))?;
    }
    let removed =
        remove(after, &entry()).map_err(|error| format!("the entry cannot be removed from {after:?}: {error}"))?;
    if old.is_empty() && has_value(before) {
        require(list(&removed) == Ok(Vec::new()), before, || format!("the list is not empty: {removed:?}"))?;
        return Ok("edited: an empty value was replaced");
    }
    require(is_one_insertion(before, after), before, || format!("more than one insertion: {after:?}"))?;
    let has_line_end = |text: &str| text.is_empty() || text.ends_with(['\n', '\r']);
    require(has_line_end(before) == has_line_end(after), before, || {
        format!("the final newline has changed: {after:?}")
    })?;
    require(removed == before, before, || format!("the removal does not restore the text: {removed:?}"))?;
    Ok("edited")
}

/// Checks that the removal takes the equal entries out of `text`, and nothing else. Returns false if they cannot be removed.
fn check_removal(text: &str, old: &[Value], is_valid: bool) -> Result<bool, String> {
    let rest: Vec<Value> = old.iter().filter(|value| relation(value) != Relation::Equal).cloned().collect();
    match remove(text, &entry()) {
        Ok(removed) => {
            require(list(&removed).as_ref() == Ok(&rest), text, || {
                format!("the other entries have changed: {removed:?}")
            })?;
            // If an empty text would be invalid, the edit writes an empty list.
            let without_list = if rest.is_empty() { removed.replacen("[]", "", 1) } else { removed.clone() };
            let is_minimal = match old.len() - rest.len() {
                0 => removed == text,
                1 => cuts(text, &removed).chain(cuts(text, &without_list)).any(has_no_outer_comment),
                _ => is_subsequence(text, &removed) || is_subsequence(text, &without_list),
            };
            require(is_minimal, text, || format!("more than the entry was removed: {removed:?}"))?;
            Ok(true)
        }
        // An alias refers to the entry, or a block scalar before it would include the text after it.
        Err(AwsAuthError::GuardFailed { .. }) if text.contains(['&', '|', '>']) => Ok(false),
        Err(error) => require(!is_valid, text, || format!("the entry cannot be removed: {error}")).map(|()| false),
    }
}

/// Returns whether the removed text neither begins nor ends with a comment line, which would be a comment of others.
fn has_no_outer_comment(cut: &str) -> bool {
    let mut lines = cut.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    let is_comment = |line: Option<&str>| line.is_some_and(|line| line.starts_with('#'));
    !is_comment(lines.next()) && !is_comment(lines.next_back())
}

fn check_presence(text: &str, conflict: bool, for_role: bool) -> Result<(), String> {
    let entry = entry();
    let presence = MapRoles::read(Some(text), &entry).map(|list| list.presence());
    let is_correct = match &presence {
        Ok(Presence::Conflict { quoted }) => conflict && !quoted.is_empty(),
        Ok(Presence::Equal) => for_role && !conflict,
        Ok(Presence::Absent) => !for_role,
        Err(_) => false,
    };
    require(is_correct, text, || format!("wrong presence: {presence:?}"))
}

/// Returns whether the entry is exactly what the handler writes.
fn is_written_by_handler(value: &Value) -> bool {
    let Value::Mapping(fields) = value else {
        return false;
    };
    let groups = Value::Sequence(GROUPS.map(Value::from).to_vec());
    let expected = [("rolearn", Value::from(ARN)), ("username", Value::from(USERNAME)), ("groups", groups)];
    fields.len() == expected.len() && expected.iter().all(|(key, value)| fields.get(*key) == Some(value))
}

fn require(holds: bool, text: &str, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{}, in {text:?}", what())) }
}
