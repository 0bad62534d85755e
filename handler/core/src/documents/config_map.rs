//! The edit of the ConfigMap `kube-system/aws-auth`: the text of `mapRoles` (see [`aws_auth`]), and annotations that
//! record which generations need an entry.
//!
//! Each generation annotates the ConfigMap with its marker. The value is the ARN of the node role. An entry is removed with the
//! last marker that has its ARN. After the last marker is removed, a second write removes the function from
//! `metadata.managedFields`. If the first entry replaces an empty value that its removal would not restore, the annotation
//! [`BEFORE_KEY`] records that value. So the removal of the last entry restores the ConfigMap.

use crate::identity::ownership::{Marker, markers};
use crate::observed::ConfigMap;
use aws_auth::{AwsAuthError, MapRoles, NodeEntry, Presence, Remark};
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
    /// The function is no field manager, if no annotation of any generation is left.
    ///
    /// The API server records the writer of each field in `metadata.managedFields`. If the function stayed the owner of
    /// `mapRoles`, the next server-side apply of another tool would fail with a conflict:
    /// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts>. The write that removes the entry sets that
    /// record, so only a further write can remove it.
    ReleaseFields,
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
    edit_with_remarks(current, change).map(|(edit, _)| edit)
}

/// Returns the write as [`edit`] does, and what the user should know about the list.
///
/// # Errors
/// As [`edit`].
pub fn edit_with_remarks(current: Option<&ConfigMap>, change: &Change) -> Result<(Edit, Vec<Remark>), AwsAuthError> {
    match (change, current) {
        (Change::AddEntry { marker, entry, own }, _) => add_entry(current, marker, entry, *own),
        (Change::RemoveEntry { markers, own }, Some(current)) => remove_entries(current, markers, own.as_ref()),
        (Change::ReleaseFields, Some(current)) => Ok((release_fields(current), Vec::new())),
        (Change::RemoveEntry { .. } | Change::ReleaseFields, None) => Ok((Edit::None, Vec::new())),
    }
}

fn add_entry(
    current: Option<&ConfigMap>,
    marker: &Marker,
    entry: &NodeEntry,
    own: bool,
) -> Result<(Edit, Vec<Remark>), AwsAuthError> {
    let mut annotations = current.map(|current| current.annotations.clone()).unwrap_or_default();
    let is_annotated = markers(&annotations).any(|(_, arn)| arn == entry.rolearn());
    let map_roles = current.and_then(|current| current.map_roles.as_ref());
    let list = MapRoles::read(map_roles.map(String::as_str), entry)?;
    let remarks = list.remarks();
    let edited = match list.presence() {
        Presence::Conflict { quoted } => {
            return Err(AwsAuthError::Conflict { role_arn: entry.rolearn().to_owned(), quoted });
        }
        // An entry of another owner, for a role of another owner, is used without an annotation, so that no teardown removes it.
        Presence::Equal if !own && !is_annotated => return Ok((Edit::None, remarks)),
        Presence::Equal => map_roles.cloned(),
        Presence::Absent => {
            let edited = list.insert()?;
            if list.is_empty() && !annotations.contains_key(BEFORE_KEY) {
                let emptied = aws_auth::remove(&edited, entry)?;
                if map_roles != Some(&emptied) {
                    let before = Before { config_map: current.is_some(), map_roles: map_roles.cloned(), emptied };
                    annotations.insert(BEFORE_KEY.to_owned(), serde_json::to_string(&before).unwrap_or_default());
                }
            }
            Some(edited)
        }
    };
    annotations.insert(marker.key().to_owned(), entry.rolearn().to_owned());
    let map = ConfigMap {
        map_roles: edited,
        annotations,
        has_more: current.is_some_and(|current| current.has_more),
        is_field_manager: current.is_none_or(|current| current.is_field_manager),
    };
    let edit = match current {
        None => Edit::Create(map),
        Some(current) => replace(current, map),
    };
    Ok((edit, remarks))
}

fn remove_entries(
    current: &ConfigMap,
    ours: &BTreeSet<Marker>,
    own: Option<&NodeEntry>,
) -> Result<(Edit, Vec<Remark>), AwsAuthError> {
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
    // An entry that another generation needs is ours, and stays.
    let removed = own.filter(|entry| !needed.contains(entry.rolearn()));
    let remarks = removed.zip(text.as_deref()).and_then(|(entry, text)| kept_entry(text, entry)).into_iter().collect();
    map.map_roles = text;
    if is_last && let Some(json) = map.annotations.remove(BEFORE_KEY) {
        let before = serde_json::from_str::<Before>(&json).ok();
        if let Some(before) = before.filter(|before| map.map_roles.as_ref() == Some(&before.emptied)) {
            if !before.config_map && !map.has_more && map.annotations.is_empty() {
                return Ok((Edit::Delete, remarks));
            }
            map.map_roles = before.map_roles;
        }
    }
    Ok((replace(current, map), remarks))
}

/// Returns the remark that the text keeps an entry for the role. A text that the authenticator does not read has none that counts.
fn kept_entry(map_roles: &str, entry: &NodeEntry) -> Option<Remark> {
    // Most texts do not have the ARN any more, and need not be parsed.
    if !map_roles.to_ascii_lowercase().contains(&entry.rolearn().to_ascii_lowercase()) {
        return None;
    }
    MapRoles::read(Some(map_roles), entry).ok()?.kept_entry()
}

fn release_fields(current: &ConfigMap) -> Edit {
    if current.is_field_manager && markers(&current.annotations).next().is_none() {
        Edit::Replace(ConfigMap { is_field_manager: false, ..current.clone() })
    } else {
        Edit::None
    }
}

/// Returns the write that replaces the ConfigMap, if anything differs. By the write, the function becomes a field manager.
fn replace(current: &ConfigMap, map: ConfigMap) -> Edit {
    if map == *current { Edit::None } else { Edit::Replace(ConfigMap { is_field_manager: true, ..map }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::111122223333:role/nodes";

    fn marker(number: char) -> Marker {
        Marker::from_key(&format!("karpenter-prereqs/{}", number.to_string().repeat(16))).unwrap()
    }

    fn remove(map: &ConfigMap, number: char) -> (Edit, Vec<Remark>) {
        let change = Change::RemoveEntry { markers: [marker(number)].into(), own: Some(NodeEntry::new(ARN)) };
        edit_with_remarks(Some(map), &change).unwrap()
    }

    #[test]
    fn only_entry_that_no_generation_needs_is_reported_as_kept() {
        let with = |map: ConfigMap, number| {
            let change = Change::AddEntry { marker: marker(number), entry: NodeEntry::new(ARN), own: true };
            match edit(Some(&map), &change) {
                Ok(Edit::Replace(map)) => map,
                other => panic!("{other:?}"),
            }
        };
        let empty = ConfigMap { map_roles: Some("- {rolearn: a}\n".to_owned()), ..ConfigMap::default() };
        let both = with(with(empty.clone(), 'a'), 'b');
        let (Edit::Replace(one), remarks) = remove(&both, 'a') else { panic!("{both:?}") };
        assert_eq!((&one.map_roles, remarks), (&both.map_roles, Vec::new()), "the other generation needs the entry");
        let (Edit::Replace(none), remarks) = remove(&one, 'b') else { panic!("{one:?}") };
        assert_eq!((&none.map_roles, remarks), (&empty.map_roles, Vec::new()));

        let changed = one.map_roles.unwrap().replace("system:nodes", "system:nodes\n  - team:a");
        let (edit, remarks) = remove(&ConfigMap { map_roles: Some(changed.clone()), ..both }, 'b');
        assert!(matches!(edit, Edit::Replace(map) if map.map_roles == Some(changed)), "the entry is not ours");
        assert!(remarks.is_empty(), "generation a needs the role");
    }

    #[test]
    fn fields_are_released_after_the_last_marker() {
        let released = |map: &ConfigMap| edit(Some(map), &Change::ReleaseFields);
        let map = ConfigMap { is_field_manager: true, ..ConfigMap::default() };
        assert_eq!(released(&map), Ok(Edit::Replace(ConfigMap::default())));
        assert_eq!(released(&ConfigMap::default()), Ok(Edit::None));
        let annotations = [(marker('a').key().to_owned(), ARN.to_owned())].into();
        assert_eq!(released(&ConfigMap { annotations, ..map }), Ok(Edit::None));
        assert_eq!(edit(None, &Change::ReleaseFields), Ok(Edit::None));
    }
}
