//! The edit of the ConfigMap `kube-system/aws-auth`: the text of `mapRoles` (see [`aws_auth`]), and annotations that
//! record which generations need an entry.
//!
//! Each generation annotates the ConfigMap with its marker. The value is the ARN of the node role. An entry is removed with the
//! last marker that has its ARN. If the first entry replaces an empty value that its removal would not restore, the annotation
//! [`BEFORE_KEY`] records that value. So the removal of the last entry restores the ConfigMap.

use crate::identity::ownership::{Marker, markers};
use crate::observed::ConfigMap;
use aws_auth::{AwsAuthError, MapRoles, NodeEntry, Presence};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The annotation that records the value of `mapRoles` before our first entry.
pub const BEFORE_KEY: &str = "karpenter-prereqs/before";

/// The desired change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The entry exists, with an annotation of this generation.
    AddEntry {
        /// The marker of the generation.
        marker: Marker,
        /// The entry.
        entry: NodeEntry,
        /// Whether an equal entry that already exists is ours, because a resource of this kind creates the role.
        own: bool,
    },
    /// The annotations of these generations are removed, and each entry that no other annotation needs.
    RemoveEntry {
        /// The markers of the generations.
        markers: BTreeSet<Marker>,
        /// The entry that is ours even without an annotation: a resource of this kind created the role, or the role is deleted.
        own: Option<NodeEntry>,
    },
}

/// The write that a change needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// No write.
    None,
    /// Create this ConfigMap.
    Create(ConfigMap),
    /// Replace `mapRoles` and the annotations of the ConfigMap by these.
    Replace(ConfigMap),
    /// Delete the ConfigMap, because it did not exist before our first entry.
    Delete,
}

/// The state before our first entry, if `mapRoles` was empty or absent. [`BEFORE_KEY`] has it as JSON.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Before {
    /// Whether the ConfigMap existed.
    config_map: bool,
    /// The value of `mapRoles`.
    map_roles: Option<String>,
    /// The value of `mapRoles` after our last entry is removed, without the edits of other writers. A different value contains
    /// such an edit, and is kept.
    emptied: String,
}

/// Returns the write that a change needs. `current` is the ConfigMap, or `None` if there is none.
///
/// # Errors
/// Returns an error if `mapRoles` is not a list that can be edited safely, or if another entry for the role contradicts ours.
pub fn edit(current: Option<&ConfigMap>, change: &Change) -> Result<Edit, AwsAuthError> {
    match change {
        Change::AddEntry { marker, entry, own } => add_entry(current, marker, entry, *own),
        Change::RemoveEntry { markers, own } => match current {
            Some(current) => remove_entries(current, markers, own.as_ref()),
            None => Ok(Edit::None),
        },
    }
}

fn add_entry(current: Option<&ConfigMap>, marker: &Marker, entry: &NodeEntry, own: bool) -> Result<Edit, AwsAuthError> {
    let mut map = current.cloned().unwrap_or_default();
    let is_annotated = markers(&map.annotations).any(|(_, arn)| arn == entry.rolearn());
    let map_roles = current.and_then(|current| current.map_roles.as_deref());
    let list = MapRoles::read(map_roles, entry)?;
    match list.presence() {
        Presence::Conflict { quoted } => {
            return Err(AwsAuthError::Conflict { role_arn: entry.rolearn().to_owned(), quoted });
        }
        // An entry of another owner, for a role of another owner, is used without an annotation, so that no teardown removes it.
        Presence::Equal if !own && !is_annotated => return Ok(Edit::None),
        Presence::Equal => {}
        Presence::Absent => {
            let edited = list.insert()?;
            if list.is_empty() && !map.annotations.contains_key(BEFORE_KEY) {
                let emptied = aws_auth::remove(&edited, entry)?;
                if map.map_roles.as_ref() != Some(&emptied) {
                    let before = Before { config_map: current.is_some(), map_roles: map.map_roles.clone(), emptied };
                    map.annotations.insert(BEFORE_KEY.to_owned(), serde_json::to_string(&before).unwrap_or_default());
                }
            }
            map.map_roles = Some(edited);
        }
    }
    map.annotations.insert(marker.key().to_owned(), entry.rolearn().to_owned());
    Ok(match current {
        None => Edit::Create(map),
        Some(current) if *current == map => Edit::None,
        Some(_) => Edit::Replace(map),
    })
}

fn remove_entries(current: &ConfigMap, ours: &BTreeSet<Marker>, own: Option<&NodeEntry>) -> Result<Edit, AwsAuthError> {
    let mut map = current.clone();
    let annotated =
        markers(&current.annotations).filter(|(marker, _)| ours.contains(marker)).map(|(_, arn)| arn.to_owned());
    let removed_arns: BTreeSet<String> = annotated.chain(own.map(|entry| entry.rolearn().to_owned())).collect();
    map.annotations.retain(|key, _| Marker::from_key(key).is_none_or(|marker| !ours.contains(&marker)));
    let needed: BTreeSet<&str> = markers(&map.annotations).map(|(_, arn)| arn).collect();
    let mut text = map.map_roles.clone();
    for entry in
        removed_arns.iter().filter(|arn| !needed.contains(arn.as_str())).map(|arn| NodeEntry::new(arn.as_str()))
    {
        if let Some(old_text) = &text {
            text = Some(aws_auth::remove(old_text, &entry)?);
        }
    }
    let is_last = markers(&map.annotations).next().is_none();
    map.map_roles = text;
    if is_last && let Some(json) = map.annotations.remove(BEFORE_KEY) {
        let before = serde_json::from_str::<Before>(&json).ok();
        if let Some(before) = before.filter(|before| map.map_roles.as_ref() == Some(&before.emptied)) {
            if !before.config_map && !map.has_more && map.annotations.is_empty() {
                return Ok(Edit::Delete);
            }
            map.map_roles = before.map_roles;
        }
    }
    Ok(if map == *current { Edit::None } else { Edit::Replace(map) })
}
