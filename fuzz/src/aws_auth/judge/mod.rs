//! Judges the edits of a text with a parser that the handler does not use: `yaml_serde`, a translation of libyaml. The parser of
//! aws-iam-authenticator is a port of libyaml too.

mod edits;
mod rejections;
mod spans;

pub(super) use edits::{ENTRY_KEPT, check_text};
pub(super) use rejections::{NO_EDIT, STRICTER_PARSER};

use aws_auth::NodeEntry;
use yaml_serde::Value;

/// The role whose entry is added and removed.
pub(super) const ARN: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-blue";

/// The username of its entry.
pub(super) const USERNAME: &str = "system:node:{{EC2PrivateDNSName}}";

/// Its groups.
pub(super) const GROUPS: [&str; 2] = ["system:bootstrappers", "system:nodes"];

fn entry() -> NodeEntry {
    NodeEntry::new(ARN)
}

/// Why the judge does not read a text as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ListError {
    /// The text does not parse, for this reason.
    NotYaml(String),
    /// The text is another kind of value.
    NotAList,
}

/// Parses a text as the judge reads it.
pub(super) fn list(text: &str) -> Result<Vec<Value>, ListError> {
    if matches!(text.trim(), "" | "``" | "\"\"" | "''") {
        return Ok(Vec::new());
    }
    if has_bare_question_mark(text) {
        return Err(ListError::NotYaml("a `?` that YAML 1.1 and 1.2 differ on".to_owned()));
    }
    // yaml_serde counts the byte order mark as a column, and then reads a second item as a second document.
    let value = yaml_serde::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).and_then(|mut value: Value| {
        value.apply_merge()?;
        Ok(value)
    });
    // Go's parser ignores a tag of a list or a mapping.
    let untagged = value.map(|value| match value {
        Value::Tagged(tagged) if tagged.value.is_sequence() => tagged.value,
        value => value,
    });
    match untagged {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::Sequence(list)) => Ok(list),
        Ok(_) => Err(ListError::NotAList),
        Err(error) => Err(ListError::NotYaml(error.to_string())),
    }
}

/// Returns whether a `?` directly precedes text, at a position where a key of a flow mapping may begin. In YAML 1.1 it announces
/// the key. In YAML 1.2, which the handler's second parser follows, it is the first character of the key.
fn has_bare_question_mark(text: &str) -> bool {
    text.match_indices('?').any(|(index, _)| {
        let is_first = text[..index].trim_end().ends_with(['{', '[', ',']);
        is_first && text[index + 1..].chars().next().is_some_and(|next| !next.is_whitespace())
    })
}

/// Returns whether the only error of `text` is a duplicate key in a mapping.
pub(super) fn has_duplicate_keys(text: &str) -> bool {
    matches!(list(text), Err(ListError::NotYaml(reason)) if reason.contains("duplicate entry"))
}

/// How an entry of a list relates to the entry that the handler writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// The entry is for another role.
    Other,
    /// The entry is for the role, and has the same keys and values.
    Equal,
    /// The entry is for the role, and the authenticator reads what the handler writes, but it has further keys or groups, or
    /// another letter case of the ARN.
    Equivalent,
    /// The entry is for the role, and has another username or not all groups.
    Conflict,
}

/// Reads an entry as the authenticator's decoder of JSON does: keys in any letter case, and of several spellings the one that sorts
/// last.
fn relation(value: &Value) -> Relation {
    let Some(fields) = value.as_mapping() else { return Relation::Other };
    let mut sorted: Vec<(&str, &Value)> =
        fields.iter().filter_map(|(key, value)| Some((key.as_str()?, value))).collect();
    sorted.sort_by_key(|(key, _)| *key);
    let values_of =
        |name: &'static str| sorted.iter().filter(move |(key, _)| is_equal_name(key, name)).map(|(_, value)| *value);
    let text_of = |name| values_of(name).filter_map(Value::as_str).next_back();
    let Some(arn) = text_of("rolearn").filter(|arn| is_equal_name(arn, ARN)) else { return Relation::Other };
    if values_of("sso").any(|value| !value.is_null()) {
        return Relation::Other;
    }
    let groups = values_of("groups").rfind(|value| value.is_sequence() || value.is_null());
    let groups: Vec<Option<&str>> =
        groups.and_then(Value::as_sequence).into_iter().flatten().map(Value::as_str).collect();
    if text_of("username") != Some(USERNAME) || !GROUPS.iter().all(|group| groups.contains(&Some(group))) {
        return Relation::Conflict;
    }
    let has_no_others = groups.iter().all(|group| group.is_some_and(|group| GROUPS.contains(&group)));
    if fields.len() == 3 && arn == ARN && has_no_others { Relation::Equal } else { Relation::Equivalent }
}

/// Compares names in any letter case. The Kelvin sign is equal to `k`, as it is in Go.
fn is_equal_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}
