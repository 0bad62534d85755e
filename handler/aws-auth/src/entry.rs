//! What an entry of `mapRoles` means to the authenticator: `ParseMap` of `pkg/mapper/configmap/configmap.go`, and `RoleMapping` of
//! `pkg/config/mapper.go`, aws-iam-authenticator 0.7.18.

use super::NodeEntry;
use super::value::Value;
use std::collections::BTreeMap;

/// How an entry of the list relates to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It is for another role, or the authenticator drops it.
    Other,
    /// It has exactly our keys and values.
    Equal,
    /// The authenticator reads it as ours, and it differs: it has further keys or groups, or another letter case of the ARN.
    Equivalent,
    /// It is for our role, with another user name or without one of our groups.
    Conflict,
}

/// An entry as Go's JSON decoder reads it into `RoleMapping`.
#[derive(Default)]
struct RoleMapping<'a> {
    role_arn: &'a str,
    has_sso: bool,
    username: &'a str,
    groups: Vec<&'a str>,
}

impl<'a> RoleMapping<'a> {
    /// Reads the keys in the order of JSON. A key counts in any letter case, and a later spelling replaces an earlier one. A value
    /// of another type changes nothing.
    fn of(fields: &'a BTreeMap<String, Value>) -> Self {
        let mut mapping = Self::default();
        for (key, value) in fields {
            let field = ["rolearn", "username", "groups", "sso"].into_iter().find(|field| are_equal(key, field));
            match (field, value) {
                (Some("rolearn"), Value::Text(text)) => mapping.role_arn = text,
                (Some("username"), Value::Text(text)) => mapping.username = text,
                (Some("groups"), Value::Null) => mapping.groups.clear(),
                (Some("groups"), Value::List(groups)) => {
                    let text = |group: &'a Value| if let Value::Text(text) = group { text.as_str() } else { "" };
                    mapping.groups = groups.iter().map(text).collect();
                }
                (Some("sso"), value) => mapping.has_sso = *value != Value::Null,
                _ => {}
            }
        }
        mapping
    }
}

/// Returns how an item of the list relates to `entry`.
pub(super) fn relation(value: &Value, entry: &NodeEntry) -> Relation {
    let Value::Map(fields) = value else {
        return Relation::Other;
    };
    let mapping = RoleMapping::of(fields);
    // The authenticator drops an entry with both.
    if mapping.has_sso || !are_equal(mapping.role_arn, entry.rolearn()) {
        return Relation::Other;
    }
    let ours = NodeEntry::groups();
    if mapping.username != NodeEntry::username() || !ours.iter().all(|group| mapping.groups.contains(group)) {
        return Relation::Conflict;
    }
    let is_exact = fields.len() == 3
        && mapping.role_arn == entry.rolearn()
        && mapping.groups.iter().all(|group| ours.contains(group));
    if is_exact { Relation::Equal } else { Relation::Equivalent }
}

/// Compares texts as Go's `strings.EqualFold` and its JSON decoder do: in any letter case. The Kelvin sign equals `k`.
fn are_equal(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    let folded =
        |text: &str| text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect::<String>();
    folded(one) == folded(other)
}
