//! What must be true of the edits of a text, judged by a parser that has no part in them: `yaml_serde`, a translation
//! of libyaml, which the parser of aws-iam-authenticator is a port of.

mod edits;
mod refusals;
mod spans;

pub(super) use edits::{HAS_TO_STAY, judged};
pub(super) use refusals::{NO_EDIT, STRICTER};

use karpenter_prereqs_core::documents::aws_auth::NodeEntry;
use yaml_serde::Value;

/// The role whose entry is put in and taken out.
pub(super) const ARN: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-blue";

/// The username of its entry.
pub(super) const USERNAME: &str = "system:node:{{EC2PrivateDNSName}}";

const GROUPS: [&str; 2] = ["system:bootstrappers", "system:nodes"];

fn entry() -> NodeEntry {
    NodeEntry::new(ARN)
}

/// Why a text is no list to the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoList {
    /// It does not parse, and why.
    NoYaml(String),
    /// It is something else.
    Other,
}

/// The list that `text` is to the judge.
pub(super) fn list(text: &str) -> Result<Vec<Value>, NoList> {
    if matches!(text.trim(), "" | "``" | "\"\"" | "''") {
        return Ok(Vec::new());
    }
    if has_bare_question_mark(text) {
        return Err(NoList::NoYaml("a `?` that YAML 1.1 and 1.2 differ on".to_owned()));
    }
    // yaml_serde gives the mark a column, and then takes a second item for a second document.
    let value = yaml_serde::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).and_then(|mut value: Value| {
        value.apply_merge()?;
        Ok(value)
    });
    // A tag of a list or a mapping says nothing to Go's parser.
    let untagged = value.map(|value| match value {
        Value::Tagged(tagged) if tagged.value.is_sequence() => tagged.value,
        value => value,
    });
    match untagged {
        Ok(Value::Null) => Ok(Vec::new()),
        Ok(Value::Sequence(list)) => Ok(list),
        Ok(_) => Err(NoList::Other),
        Err(error) => Err(NoList::NoYaml(error.to_string())),
    }
}

/// Whether a `?` stands where a key of a flow mapping may begin, and right before its text: it marks the key in YAML 1.1,
/// and is its first character in YAML 1.2. The handler goes by the latter.
fn has_bare_question_mark(text: &str) -> bool {
    text.match_indices('?').any(|(at, _)| {
        let is_first = text[..at].trim_end().ends_with(['{', '[', ',']);
        is_first && text[at + 1..].chars().next().is_some_and(|next| !next.is_whitespace())
    })
}

/// Whether `text` is well but for a key that stands twice in one mapping.
pub(super) fn has_duplicate_keys(text: &str) -> bool {
    matches!(list(text), Err(NoList::NoYaml(why)) if why.contains("duplicate entry"))
}

/// How an entry of a list relates to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// For another role.
    Other,
    /// It says the same.
    Same,
    /// For the role, and it says something else.
    Conflict,
}

fn relation(value: &Value) -> Relation {
    let Some(fields) = value.as_mapping() else { return Relation::Other };
    let named = |name: &'static str| {
        fields.iter().filter(move |(key, _)| key.as_str().is_some_and(|key| same(key, name))).map(|(_, value)| value)
    };
    if !named("rolearn").any(|value| value.as_str().is_some_and(|arn| same(arn, ARN))) {
        return Relation::Other;
    }
    let is_same = fields.len() == 3
        && named("rolearn").eq([ARN])
        && named("username").eq([USERNAME])
        && named("groups").all(|value| value.as_sequence().is_some_and(|groups| are_ours(groups)))
        && named("groups").count() == 1;
    if is_same { Relation::Same } else { Relation::Conflict }
}

fn are_ours(groups: &[Value]) -> bool {
    let given: Option<std::collections::BTreeSet<&str>> = groups.iter().map(Value::as_str).collect();
    given.is_some_and(|given| given.into_iter().eq(GROUPS))
}

/// In any letter case; the Kelvin sign is a `k`, as it is to Go.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}
