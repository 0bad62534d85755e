//! The text of `mapRoles` in `kube-system/aws-auth`, before and after a node role is let in.
//!
//! The list belongs to many hands, and a `mapRoles` that does not parse refuses every role in it.
//! So nothing here ever writes YAML anew. An edit is a [`splice::Splice`]: one range of the old
//! text replaced by other text, at a place that `yaml-edit`'s lossless tree gives. What the list
//! means, before and after, is read by another parser, `serde-saphyr`: the new list must be the
//! old one plus (or minus) the entry, or there is no new text.
//!
//! ```text
//! text ─ entries (serde-saphyr) ─ decide ─ splice (yaml-edit's spans) ─ entries again: as expected?
//! ```
//!
//! [`insert`] and then [`remove`] give the text back byte for byte, except where the text held an
//! explicit empty value (`null`, `~`, `""`, `''`, ` `` `, whitespace with tabs) or there was no
//! text at all. There [`is_empty_list`] is true before, and the caller records what stood and puts
//! it back when [`is_empty_list`] is true again.
//!
//! How entries count is read from aws-iam-authenticator: `pkg/mapper/configmap/configmap.go` and
//! `pkg/config/mapper.go`.

mod entries;
mod splice;
mod style;
mod tree;

#[cfg(test)]
mod tests;

use entries::Relation;
use serde::Serialize;
use serde_json::Value;
use splice::Splice;

/// The entry of `mapRoles` that lets the nodes of one role join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeEntry {
    role_arn: String,
}

impl NodeEntry {
    /// The entry for the role `role_arn`, which must be given without the role's path: the
    /// authenticator compares with the ARN of an assumed role, and that never has the path.
    pub fn new(role_arn: impl Into<String>) -> Self {
        Self { role_arn: role_arn.into() }
    }

    /// `rolearn`: the ARN, as given to [`NodeEntry::new`].
    pub fn rolearn(&self) -> &str {
        &self.role_arn
    }

    /// `username`: the node authorizer of Kubernetes wants `system:node:` and the node's name.
    pub fn username() -> &'static str {
        "system:node:{{EC2PrivateDNSName}}"
    }

    /// `groups`: to ask for a certificate, and to be a node.
    pub fn groups() -> [&'static str; 2] {
        ["system:bootstrappers", "system:nodes"]
    }
}

/// What `mapRoles` holds for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// No entry names the role.
    Absent,
    /// Every entry that names the role says what ours says. The order of the groups and the letter
    /// case of keys do not count.
    Equal,
    /// An entry names the role, in any letter case, and says something else. The authenticator
    /// takes the last entry of a role and merges nothing, so ours must not be put beside it.
    Conflict {
        /// The (last) such entry as it stands, on one line, cut at 300 characters.
        quoted: String,
    },
}

/// Why `mapRoles` was not edited. Nothing is to be written then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsAuthError {
    /// The text is not one YAML document with unique keys.
    #[error(
        "cannot read mapRoles of the ConfigMap kube-system/aws-auth, line {line}: {message}. \
         The ConfigMap was not changed"
    )]
    NotYaml {
        /// The line of `mapRoles`, from 1.
        line: u64,
        /// What the parser says, on one line, without the position.
        message: String,
    },
    /// The text is YAML, but not a list.
    #[error(
        "cannot edit mapRoles of the ConfigMap kube-system/aws-auth: it must be a list, and it starts \
         with `{first_line}`. The ConfigMap was not changed"
    )]
    NotAList {
        /// The first line that is not blank, a comment or `---`, cut at 300 characters.
        first_line: String,
    },
    /// [`Presence::Conflict`], met by [`insert`].
    #[error(
        "cannot add {role_arn} to mapRoles of the ConfigMap kube-system/aws-auth, because the role has another entry: \
         `{quoted}`. The authenticator uses only the last entry of a role"
    )]
    Conflict {
        /// The role of the entry that was to be added.
        role_arn: String,
        /// The entry that stands there, as in [`Presence::Conflict`].
        quoted: String,
    },
    /// No edit was found that changes nothing else, or the two parsers do not agree on the text.
    #[error(
        "cannot edit mapRoles of the ConfigMap kube-system/aws-auth for {role_arn} without a change to \
         other entries ({reason}). The ConfigMap was not changed"
    )]
    GuardFailed {
        /// The role whose entry was to be added or removed.
        role_arn: String,
        /// What was not as it must be.
        reason: String,
    },
}

impl AwsAuthError {
    /// Returns what to do about it. Sentences without the last period.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotYaml { .. } | Self::NotAList { .. } => {
                "Correct mapRoles with an identity that may edit it, then retry"
            }
            Self::Conflict { .. } => "Remove that entry, or choose another node role",
            Self::GuardFailed { .. } => "Add or remove the entry of this role by hand, then retry",
        }
    }
}

/// What stands in `map_roles` for the role of `entry`.
///
/// `None` (no such key, no `ConfigMap`), text that the authenticator skips (blank, `""`, `''`,
/// ` `` `), comments alone, `null` and `[]` are empty lists. Entries of other shapes are nobody's.
///
/// # Errors
/// [`AwsAuthError::NotYaml`] and [`AwsAuthError::NotAList`].
pub fn presence(map_roles: Option<&str>, entry: &NodeEntry) -> Result<Presence, AwsAuthError> {
    let text = map_roles.unwrap_or_default();
    Ok(presence_in(text, &entries::read(text)?, entry))
}

/// `map_roles` with `entry` added: the old text with one contiguous insertion. The entry goes
/// after all that is there, comments too, in the list's own style (indentation, flow or JSON, line
/// ends). Text without a final newline ends without one.
///
/// It goes first in the list where the text ends inside a block scalar without a newline: the
/// newline that a further entry needs would become part of that value.
/// An empty value that is written out is replaced: see the module's page. Text that already holds
/// the entry is returned as it is.
///
/// # Errors
/// Every [`AwsAuthError`]; [`AwsAuthError::Conflict`] if another entry for the role is there.
pub fn insert(map_roles: Option<&str>, entry: &NodeEntry) -> Result<String, AwsAuthError> {
    let text = map_roles.unwrap_or_default();
    let mut expected = entries::read(text)?;
    match presence_in(text, &expected, entry) {
        Presence::Absent => {}
        Presence::Equal => return Ok(text.to_owned()),
        Presence::Conflict { quoted } => {
            return Err(AwsAuthError::Conflict { role_arn: entry.role_arn.clone(), quoted });
        }
    }
    let Splice { range, with, first } =
        splice::insertion(text, expected.len(), entry).map_err(|reason| refused(entry, reason))?;
    let index = if first { 0 } else { expected.len() };
    expected.insert(index, entries::value_of(entry));
    let mut edited = text.to_owned();
    edited.replace_range(range, &with);
    guarded(edited, &expected, entry)
}

/// `map_roles` without the entries that equal `entry`, with their lines and the comments inside
/// them; `[]` stands where nothing would not be read, behind a tag or before a lone `...`. Text
/// without such an entry is returned as it is: one for the same role that says something else was
/// written or changed by somebody, and stays theirs.
///
/// # Errors
/// [`AwsAuthError::NotYaml`], [`AwsAuthError::NotAList`] and [`AwsAuthError::GuardFailed`].
pub fn remove(map_roles: &str, entry: &NodeEntry) -> Result<String, AwsAuthError> {
    let mut list = entries::read(map_roles)?;
    let mut text = map_roles.to_owned();
    let is_ours = |value: &Value| entries::relation(value, entry) == Relation::Equal;
    if !list.iter().any(is_ours) {
        return Ok(text);
    }
    while let Some(index) = list.iter().rposition(is_ours) {
        let removal = splice::removal(&text, list.len(), index);
        let Splice { range, with, .. } = removal.map_err(|reason| refused(entry, reason))?;
        text.replace_range(range, &with);
        list.remove(index);
    }
    guarded(text, &list, entry)
}

/// Whether `map_roles` holds no entry at all, in any of the ways that [`presence`] lists: for the
/// caller that records such a text before [`insert`], and restores it after [`remove`].
///
/// # Errors
/// [`AwsAuthError::NotYaml`] and [`AwsAuthError::NotAList`].
pub fn is_empty_list(map_roles: Option<&str>) -> Result<bool, AwsAuthError> {
    Ok(entries::read(map_roles.unwrap_or_default())?.is_empty())
}

fn presence_in(text: &str, list: &[Value], entry: &NodeEntry) -> Presence {
    let relations = || list.iter().map(|value| entries::relation(value, entry));
    match relations().rposition(|relation| relation == Relation::Conflict) {
        Some(index) => Presence::Conflict {
            quoted: splice::quote(text, list.len(), index)
                .unwrap_or_else(|| entries::one_line(&list[index].to_string())),
        },
        None if relations().any(|relation| relation == Relation::Equal) => Presence::Equal,
        None => Presence::Absent,
    }
}

/// `text`, if the parser that had no part in the edit reads exactly `expected` from it.
fn guarded(text: String, expected: &[Value], entry: &NodeEntry) -> Result<String, AwsAuthError> {
    match entries::read(&text) {
        Ok(list) if list == expected => Ok(text),
        Ok(_) => Err(refused(entry, "the edited text would hold other entries")),
        Err(AwsAuthError::NotYaml { line, message }) => {
            Err(refused(entry, format!("line {line} of the edited text would not parse: {message}")))
        }
        Err(_) => Err(refused(entry, "the edited text would not be a list")),
    }
}

fn refused(entry: &NodeEntry, reason: impl Into<String>) -> AwsAuthError {
    AwsAuthError::GuardFailed { role_arn: entry.role_arn.clone(), reason: reason.into() }
}
