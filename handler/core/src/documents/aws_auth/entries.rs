//! What a text of `mapRoles` means: the list of its entries, and which of them speak of a role.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_saphyr::UserMessageFormatter;

use super::{AwsAuthError, NodeEntry};

/// An entry has three levels. Deeper nesting is not an entry of anybody, and what is refused here
/// is never walked recursively.
const MAX_DEPTH: usize = 64;

/// How much of a foreign text a message repeats.
const MAX_QUOTE: usize = 300;

/// How an entry of the list relates to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It is for another role, or no entry at all.
    Other,
    /// It says the same.
    Equal,
    /// It is for our role and says something else.
    Conflict,
}

/// The entries of `text`, in order; an empty text, an empty value and `null` have none.
///
/// # Errors
/// [`AwsAuthError::NotYaml`] and [`AwsAuthError::NotAList`].
pub(super) fn read(text: &str) -> Result<Vec<Value>, AwsAuthError> {
    if is_skipped(text) {
        return Ok(Vec::new());
    }
    if let Some((at, char)) = text.char_indices().find(|&(at, char)| is_ambiguous(at, char)) {
        return Err(AwsAuthError::NotYaml {
            line: 1 + text[..at].matches('\n').count() as u64,
            message: format!("U+{:04X} stands there, which YAML parsers do not read alike", u32::from(char)),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH },
        emit_comments: false,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::Array(entries)) => Ok(entries),
        Ok(_) => Err(AwsAuthError::NotAList { first_line: first_line(text) }),
        Err(error) => Err(not_yaml(&error)),
    }
}

/// Whether the authenticator takes `text` for a missing value, without parsing it (`isSkippable`).
pub(super) fn is_skipped(text: &str) -> bool {
    matches!(text.trim(), "" | "``" | r#""""# | "''")
}

/// How `value`, an item of the list, relates to `entry`. Keys count in any letter case, as Go's
/// JSON decoder takes them; a key that ours has not (`userid`, `sso`) makes a difference, and so
/// does the letter case of the ARN.
pub(super) fn relation(value: &Value, entry: &NodeEntry) -> Relation {
    let Some(fields) = value.as_object() else {
        return Relation::Other;
    };
    let is_role = |value: &Value| value.as_str().is_some_and(|arn| same(arn, entry.rolearn()));
    if !fields.iter().any(|(key, value)| same(key, "rolearn") && is_role(value)) {
        return Relation::Other;
    }
    let folded: BTreeMap<String, &Value> = fields.iter().map(|(key, value)| (fold(key).collect(), value)).collect();
    let says_the_same = fields.len() == 3
        && folded.get("rolearn").is_some_and(|value| *value == entry.rolearn())
        && folded.get("username").is_some_and(|value| *value == NodeEntry::username())
        && folded.get("groups").is_some_and(|value| are_our_groups(value));
    if says_the_same { Relation::Equal } else { Relation::Conflict }
}

/// `entry` as [`read`] must give it.
pub(super) fn value_of(entry: &NodeEntry) -> Value {
    json!({
        "rolearn": entry.rolearn(),
        "username": NodeEntry::username(),
        "groups": NodeEntry::groups(),
    })
}

/// `text` on one line, cut at [`MAX_QUOTE`] characters.
pub(super) fn one_line(text: &str) -> String {
    let printable = text.replace(char::is_control, " ");
    let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_QUOTE) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// Whether two texts are one but for the letter case.
fn same(one: &str, other: &str) -> bool {
    fold(one).eq(fold(other))
}

/// Go's `strings.EqualFold` compares so (the Kelvin sign equals `k`).
fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Groups are a set.
fn are_our_groups(value: &Value) -> bool {
    let ours = NodeEntry::groups();
    value.as_array().is_some_and(|groups| {
        ours.iter().all(|group| groups.iter().any(|given| given == group))
            && groups.iter().all(|given| ours.iter().any(|group| given == group))
    })
}

/// Whether `char` at `at` is one thing to the parser here and another to the authenticator's, so
/// that they would not read the same list: line ends of YAML 1.1, and a byte order mark that does
/// not stand first.
fn is_ambiguous(at: usize, char: char) -> bool {
    matches!(char, '\u{85}' | '\u{2028}' | '\u{2029}') || (char == '\u{feff}' && at > 0)
}

fn first_line(text: &str) -> String {
    let is_content = |line: &&str| !line.is_empty() && !line.starts_with('#') && *line != "---";
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    one_line(lines.find(is_content).unwrap_or_default())
}

fn not_yaml(error: &serde_saphyr::Error) -> AwsAuthError {
    let line = error.location().map_or(1, |location| location.line());
    let message = one_line(&error.render_with_formatter(&UserMessageFormatter));
    let position = format!(" at line {line}, column ");
    AwsAuthError::NotYaml {
        line,
        message: match message.rfind(&position) {
            Some(end) => message[..end].to_owned(),
            None => message,
        },
    }
}
