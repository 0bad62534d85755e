//! One text: the entry put in, and taken out again.

use super::spans::{cuts, has_value, is_left_of, is_one_insertion};
use super::{ARN, GROUPS, NoList, Relation, USERNAME, entry, list, refusals, relation};
use crate::target::Fate;
use karpenter_prereqs_core::documents::aws_auth::{self, AwsAuthError, Presence};
use yaml_serde::Value;

/// An entry that cannot go without something else.
pub(in super::super) const HAS_TO_STAY: Fate = "had the entry, which has to stay";

/// What became of `text`. `sound`: it is a list beyond doubt, and may be refused only for another entry for the role.
///
/// # Errors
/// The first thing that is not as it must be.
pub(crate) fn judged(text: &str, sound: bool) -> Result<Fate, String> {
    let old = match list(text) {
        Ok(old) if !sound && ends_in_doubt(text, &old) => {
            Err(NoList::NoYaml("a block scalar that parsers end differently".to_owned()))
        }
        old => old,
    };
    if let (true, Err(why)) = (sound, &old) {
        return Err(format!("the generator is wrong, this is no list ({why:?}): {text:?}"));
    }
    let relations: Vec<Relation> = old.iter().flatten().map(relation).collect();
    let conflict = relations.contains(&Relation::Conflict);
    let for_role = relations.iter().any(|relation| *relation != Relation::Other);
    if sound && text.len() % 4 == 1 {
        presence(text, conflict, for_role)?;
    }
    let kept = for_role && !taken_out(text, old.as_deref().unwrap_or_default(), sound)?;
    match (aws_auth::insert(Some(text), &entry()), &old) {
        (Err(error), old) => {
            let name = refusals::named(text, &error, old.as_ref().map(|_| ()), conflict)?;
            require(!sound || conflict, text, || format!("a sound text is refused: {error}"))?;
            Ok(name)
        }
        (Ok(after), Ok(_)) if conflict => Err(format!("added beside another entry for the role: {after:?}")),
        (Ok(after), Ok(_)) if for_role => {
            require(after == text, text, || format!("the entry was there, and yet: {after:?}"))?;
            Ok(if kept { HAS_TO_STAY } else { "had the entry" })
        }
        (Ok(after), Ok(old)) => added(text, &after, old),
        (Ok(after), Err(_)) => {
            let spared = after == text || is_one_insertion(text, &after);
            let was_empty = || aws_auth::is_empty_list(Some(text)) == Ok(true);
            require(spared || was_empty(), text, || format!("more than one insertion: {after:?}"))?;
            Ok("edited, though the judge does not read it")
        }
    }
}

/// Whether an entry for the role ends in a block scalar, and the text with it, without a newline: to some parsers the
/// value has one all the same, and is another.
fn ends_in_doubt(text: &str, old: &[Value]) -> bool {
    let is_for_role = old.last().is_some_and(|last| relation(last) != Relation::Other);
    is_for_role && !text.ends_with(['\n', '\r']) && list(&format!("{text}\n")).as_deref() != Ok(old)
}

/// The entry was put into `before`, which had none; and goes again.
fn added(before: &str, after: &str, old: &[Value]) -> Result<Fate, String> {
    let new = list(after).map_err(|why| format!("{before:?} became no list ({why:?}): {after:?}"))?;
    let first = new.split_first().is_some_and(|(first, rest)| is_ours(first) && rest == old);
    let last = new.split_last().is_some_and(|(last, rest)| is_ours(last) && rest == old);
    require(first || last, before, || format!("another's entry has changed: {after:?}"))?;
    // A look costs a parse; some texts are enough.
    if before.len().is_multiple_of(4) {
        let again = aws_auth::insert(Some(after), &entry());
        require(again.as_deref() == Ok(after), before, || format!("a second insertion into {after:?}: {again:?}"))?;
    }
    let removed = aws_auth::remove(after, &entry()).map_err(|error| format!("{after:?} keeps the entry: {error}"))?;
    if old.is_empty() && has_value(before) {
        require(list(&removed) == Ok(Vec::new()), before, || format!("not left empty: {removed:?}"))?;
        return Ok("edited: an empty value gave way");
    }
    require(is_one_insertion(before, after), before, || format!("more than one insertion: {after:?}"))?;
    let ends = |text: &str| text.is_empty() || text.ends_with(['\n', '\r']);
    require(ends(before) == ends(after), before, || format!("the final newline has changed: {after:?}"))?;
    require(removed == before, before, || format!("removing does not give the text back: {removed:?}"))?;
    Ok("edited")
}

/// The entries that say what ours says go from `text`, and nothing else does; false if they cannot.
fn taken_out(text: &str, old: &[Value], sound: bool) -> Result<bool, String> {
    let rest: Vec<Value> = old.iter().filter(|value| relation(value) != Relation::Same).cloned().collect();
    match aws_auth::remove(text, &entry()) {
        Ok(removed) => {
            require(list(&removed).as_ref() == Ok(&rest), text, || format!("others are left: {removed:?}"))?;
            // Where nothing would not be read, an empty list is written.
            let kept = if rest.is_empty() { removed.replacen("[]", "", 1) } else { removed.clone() };
            let spared = match old.len() - rest.len() {
                0 => removed == text,
                1 => cuts(text, &removed).chain(cuts(text, &kept)).any(is_no_comment),
                _ => is_left_of(text, &removed) || is_left_of(text, &kept),
            };
            require(spared, text, || format!("more than the entry went: {removed:?}"))?;
            Ok(true)
        }
        // An alias points at it, or what stands behind it would be read as a part of a block scalar before it.
        Err(AwsAuthError::GuardFailed { .. }) if text.contains(['&', '|', '>']) => Ok(false),
        Err(error) => require(!sound, text, || format!("the entry stays: {error}")).map(|()| false),
    }
}

/// Whether what was cut out neither begins nor ends with a comment on a line of its own.
fn is_no_comment(cut: &str) -> bool {
    let mut lines = cut.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    let is_comment = |line: Option<&str>| line.is_some_and(|line| line.starts_with('#'));
    !is_comment(lines.next()) && !is_comment(lines.next_back())
}

fn presence(text: &str, conflict: bool, for_role: bool) -> Result<(), String> {
    let presence = aws_auth::presence(Some(text), &entry());
    let is_right = match &presence {
        Ok(Presence::Conflict { quoted }) => conflict && !quoted.is_empty(),
        Ok(Presence::Equal) => for_role && !conflict,
        Ok(Presence::Absent) => !for_role,
        Err(_) => false,
    };
    require(is_right, text, || format!("not so: {presence:?}"))
}

fn is_ours(value: &Value) -> bool {
    let Value::Mapping(fields) = value else {
        return false;
    };
    let groups = Value::Sequence(GROUPS.map(Value::from).to_vec());
    let ours = [("rolearn", Value::from(ARN)), ("username", Value::from(USERNAME)), ("groups", groups)];
    fields.len() == ours.len() && ours.iter().all(|(key, value)| fields.get(*key) == Some(value))
}

fn require(holds: bool, text: &str, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{}, in {text:?}", what())) }
}
