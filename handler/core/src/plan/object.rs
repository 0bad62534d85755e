//! What roles and instance profiles have in common: whose they are, where they stand, and their tags.

use super::{Aim, Refusal};
use crate::ownership::{OWNER_KEY, Tags};
use std::collections::BTreeSet;

/// IAM's limit of tags on a role or an instance profile.
const TAGS_MAX: usize = 50;

/// What to add to an object's tags, and which keys to take away: those that the old properties asked for.
///
/// The owner tag stays its maker's: another resource of the stack uses the object beside it.
pub(super) fn tag_changes(aim: Aim<'_>, wanted: &Tags, found: &Tags) -> (Tags, BTreeSet<String>) {
    let add = wanted.iter().filter(|(key, value)| key.as_str() != OWNER_KEY && found.get(*key) != Some(value));
    let asked_before = aim.old.map(|old| &old.tags).into_iter().flatten();
    let remove = asked_before.filter(|(key, value)| !wanted.contains_key(*key) && found.get(*key) == Some(value));
    (add.map(|(key, value)| (key.clone(), value.clone())).collect(), remove.map(|(key, _)| key.clone()).collect())
}

/// Why IAM would not take the tags that an object would carry.
pub(super) fn too_many_tags(
    kind: &'static str,
    name: &str,
    found: &Tags,
    add: &Tags,
    remove: &BTreeSet<String>,
) -> Option<Refusal> {
    let count = found.keys().chain(add.keys()).collect::<BTreeSet<_>>().len() - remove.len();
    (!add.is_empty() && TAGS_MAX < count).then(|| Refusal::TooManyIamTags { kind, name: name.to_owned(), count })
}

/// Why an object of ours, found by a name that IAM holds equal to the wanted one, is not the one that is wanted.
pub(super) fn elsewhere(
    kind: &'static str,
    (path, name): (&str, &str),
    wanted: (&str, &str),
    property: &'static str,
) -> Option<Refusal> {
    if path != wanted.0 {
        let (name, found, wanted) = (name.to_owned(), path.to_owned(), wanted.0.to_owned());
        return Some(Refusal::OtherPath { kind, name, found, wanted, property });
    }
    (name != wanted.1).then(|| Refusal::OtherSpelling {
        kind,
        found: name.to_owned(),
        wanted: wanted.1.to_owned(),
        property,
    })
}

/// Whose an object is, in words.
pub(super) fn owner_of(tags: &Tags) -> String {
    match (tags.get(OWNER_KEY), tags.get("aws:cloudformation:stack-name")) {
        (Some(owner), _) => format!("the resource {owner}'s"),
        (None, Some(stack)) => format!("the stack `{stack}`'s"),
        (None, None) => "nobody's that its tags name".to_owned(),
    }
}
