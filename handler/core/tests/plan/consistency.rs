//! What must be true of the model after each step and between two runs, regardless of what the runs did.

use crate::model::World;
use karpenter_prereqs_core::desired::spec::CONTROLLER_POLICY_PREFIX;
use karpenter_prereqs_core::documents::config_map::BEFORE_KEY;
use karpenter_prereqs_core::documents::policy::pass_role_arns;
use karpenter_prereqs_core::identity::ownership::{Marker, OWNER_KEY, PREFIX, is_in_aws_auth, markers};
use std::collections::BTreeSet;

/// Checks that a role or profile records an entry in aws-auth that has this marker.
///
/// A teardown without access to the cluster relies on this: if it finds no such record, it assumes that there is no entry.
pub(crate) fn check_aws_auth_marker_recorded(world: &World, marker: &Marker) -> Result<(), String> {
    let serving = world.clusters.values().filter(|eks| eks.cluster.status != "DELETING");
    let mut maps = serving.filter_map(|eks| eks.aws_auth.as_ref());
    let has_marker = maps.any(|map| map.annotations.contains_key(marker.key()));
    let own = [marker.clone()].into();
    let roles = world.roles.values().map(|role| &role.tags);
    let is_recorded = roles.chain(world.profiles.values().map(|it| &it.tags)).any(|tags| is_in_aws_auth(tags, &own));
    if has_marker && !is_recorded {
        Err(format!("aws-auth has {marker}, and no role or profile records it"))
    } else {
        Ok(())
    }
}

/// Checks what must be true between two runs: no object of ours is left over, and the controller policies agree with the markers.
pub(crate) fn check_consistency(world: &World) -> Result<(), String> {
    // An adopted role without our markers is excluded: it keeps the policy that its last user wrote.
    for role in world.roles.values().filter(|role| role.tags.keys().any(|key| key.starts_with(PREFIX))) {
        let passable: BTreeSet<_> = markers(&role.tags).map(|(_, arn)| arn.to_owned()).collect();
        let passable: BTreeSet<_> = passable.difference(&world.pass_role_denied).cloned().collect();
        for (name, document) in role.inline.iter().filter(|(name, _)| name.starts_with(CONTROLLER_POLICY_PREFIX)) {
            let listed = document.as_ref().map(pass_role_arns).unwrap_or_default();
            if listed != passable {
                return Err(format!(
                    "policy `{name}` of role `{}` passes {listed:?}, and the markers name {passable:?}",
                    role.name
                ));
            }
        }
    }
    for (id, tags) in &world.resources {
        let has = |expected: &str| tags.iter().any(|(key, value)| format!("{key}={value}") == expected);
        if let Some((marker, value)) = markers(tags).find(|(_, value)| !has(value)) {
            return Err(format!("{marker} on {id} names the tag `{value}`, which does not exist"));
        }
        let is_left_over = |key: &&String| key.starts_with(PREFIX) && Marker::from_key(key).is_none();
        if let Some(key) = tags.keys().find(is_left_over) {
            return Err(format!("{key} on {id} is left over"));
        }
    }
    for eks in world.clusters.values() {
        let owned = eks.access_entries.values().filter(|entry| entry.tags.contains_key(OWNER_KEY));
        if let Some(entry) = owned.clone().find(|entry| markers(&entry.tags).next().is_none()) {
            return Err(format!("{} is left over", entry.arn));
        }
        let annotations = eks.aws_auth.iter().map(|map| &map.annotations);
        if annotations
            .clone()
            .any(|annotations| annotations.contains_key(BEFORE_KEY) && markers(annotations).next().is_none())
        {
            return Err("aws-auth has its previous value, and no marker of a generation that restores it".to_owned());
        }
    }
    Ok(())
}
