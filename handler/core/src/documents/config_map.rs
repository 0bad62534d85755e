//! The ConfigMap around the text of [`aws_auth`](super::aws_auth): who put the entry there, and what stood there before.
//!
//! Each generation annotates the ConfigMap with its marker, the value being the role's ARN. The entry goes with the
//! last marker that names it. Where the first entry takes the place of an empty value that its removal would not bring
//! back, one more annotation keeps what stood there, so that the last entry to go leaves it as it was.

use crate::documents::aws_auth::{self, AwsAuthError, NodeEntry, Presence};
use crate::identity::ownership::{Marker, markers};
use crate::observed::ConfigMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The annotation that keeps what stood in `mapRoles` before our first entry.
pub const BEFORE_KEY: &str = "karpenter-prereqs/before";

/// What should be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The entry is there, marker_value as this generation's.
    AddEntry {
        /// The generation's marker.
        marker: Marker,
        /// The entry.
        entry: NodeEntry,
        /// Whether an equal entry that is there is ours: it is for a role that this resource makes.
        own: bool,
    },
    /// These generations' notes are gone, and the entry with the last of them.
    RemoveEntry {
        /// The generations' markers.
        markers: BTreeSet<Marker>,
        /// The entry that is ours though no note says so: of a role that goes.
        own: Option<NodeEntry>,
    },
}

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Nothing: it is so.
    None,
    /// A new ConfigMap.
    Create(ConfigMap),
    /// The ConfigMap that was read, with this `mapRoles` and these annotations.
    Replace(ConfigMap),
    /// No ConfigMap: there was none before.
    Delete,
}

/// What stood in `mapRoles` before the first entry of ours, where that was an empty value.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Before {
    config_map: bool,
    map_roles: Option<String>,
    /// What the last removal leaves if nobody else has written there; what differs from it is theirs, and stays.
    emptied: String,
}

/// What the change asks to write, given what is there (`None`: no ConfigMap).
///
/// # Errors
/// When `mapRoles` is no list that can be edited without harm, or another entry for the role contradicts ours.
pub fn edit(current: Option<&ConfigMap>, change: &Change) -> Result<Edit, AwsAuthError> {
    match change {
        Change::AddEntry { marker, entry, own } => admit(current, marker, entry, *own),
        Change::RemoveEntry { markers, own } => match current {
            Some(current) => expel(current, markers, own.as_ref()),
            None => Ok(Edit::None),
        },
    }
}

fn admit(current: Option<&ConfigMap>, marker: &Marker, entry: &NodeEntry, own: bool) -> Result<Edit, AwsAuthError> {
    let mut map = current.cloned().unwrap_or_default();
    let marker_value = markers(&map.annotations).any(|(_, arn)| arn == entry.rolearn());
    match aws_auth::presence(map.map_roles.as_deref(), entry)? {
        Presence::Conflict { quoted } => {
            return Err(AwsAuthError::Conflict { role_arn: entry.rolearn().to_owned(), quoted });
        }
        // Somebody else's entry for a role that is not ours either: used, not owned.
        Presence::Equal if !own && !marker_value => return Ok(Edit::None),
        Presence::Equal => {}
        Presence::Absent => {
            let edited = aws_auth::insert(map.map_roles.as_deref(), entry)?;
            if aws_auth::is_empty_list(map.map_roles.as_deref())? && !map.annotations.contains_key(BEFORE_KEY) {
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

fn expel(current: &ConfigMap, ours: &BTreeSet<Marker>, own: Option<&NodeEntry>) -> Result<Edit, AwsAuthError> {
    let mut map = current.clone();
    let marker_value: BTreeSet<String> = markers(&current.annotations)
        .filter(|(marker, _)| ours.contains(marker))
        .map(|(_, arn)| arn.to_owned())
        .collect();
    map.annotations.retain(|key, _| Marker::from_key(key).is_none_or(|marker| !ours.contains(&marker)));
    let needed: BTreeSet<&str> = markers(&map.annotations).map(|(_, arn)| arn).collect();
    let leaving = marker_value.iter().map(|arn| NodeEntry::new(arn.as_str())).chain(own.cloned());
    let mut text = map.map_roles.clone();
    for entry in leaving.filter(|entry| !needed.contains(entry.rolearn())) {
        if let Some(before) = &text {
            text = Some(aws_auth::remove(before, &entry)?);
        }
    }
    let last_out = markers(&map.annotations).next().is_none();
    map.map_roles = text;
    if last_out && let Some(note) = map.annotations.remove(BEFORE_KEY) {
        let before = serde_json::from_str::<Before>(&note).ok();
        if let Some(before) = before.filter(|before| map.map_roles.as_ref() == Some(&before.emptied)) {
            if !before.config_map && !map.has_more && map.annotations.is_empty() {
                return Ok(Edit::Delete);
            }
            map.map_roles = before.map_roles;
        }
    }
    Ok(if map == *current { Edit::None } else { Edit::Replace(map) })
}
