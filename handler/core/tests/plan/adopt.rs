//! ExistingObjects Adopt: what stands there under the wanted names is brought into line and kept, and what another stack of
//! this kind made goes with the last that uses it.

use crate::life::{Resource, Run, fault, same};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, properties, spec, spec_of};
use crate::worlds::{access_entry, made_by, plain, profile, role, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::desired::spec::{ControllerIdentity, NodeRole, Spec};
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::ownership::{PREFIX, Tags};
use karpenter_prereqs_core::observed::{PodIdentityAssociation, Running};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestCaseError;
use serde_json::json;

/// What the runbook's reader had made by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByHand {
    NodeRole,
    ControllerRole,
    Profile,
    /// The role is in the profile, where both are there.
    RoleInProfile,
    AccessEntry,
    /// An association that leads to another role.
    Association,
}

const ALL: [ByHand; 6] = [
    ByHand::NodeRole,
    ByHand::ControllerRole,
    ByHand::Profile,
    ByHand::RoleInProfile,
    ByHand::AccessEntry,
    ByHand::Association,
];

pub(crate) fn by_hand() -> impl Strategy<Value = Vec<ByHand>> {
    subsequence(&ALL[..], 0..=ALL.len())
}

pub(crate) fn adopting(raw: &RawProperties) -> RawProperties {
    let mut raw = raw.clone();
    raw.insert("ExistingObjects".to_owned(), "Adopt".into());
    raw
}

/// The world with all that, under the names of the spec.
pub(crate) fn made_by_hand(world: &World, spec: &Spec, what: &[ByHand]) -> World {
    let mut world = world.clone();
    let has = |thing: ByHand| what.contains(&thing);
    let (node, controller) = (spec.node_role_name(), spec.controller_role_name.as_str());
    let makes_node_role = matches!(spec.node_role, NodeRole::Managed { .. });
    if has(ByHand::NodeRole) && makes_node_role {
        let mut role = role(node, &spec.path);
        role.attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
        world.roles.insert(node.to_lowercase(), role);
    }
    if has(ByHand::ControllerRole) {
        let mut role = role(controller, &spec.path);
        role.inline.insert("by-hand".to_owned(), Some(json!({})));
        role.inline.insert(spec.controller_policy_name(), Some(json!({"Statement": []})));
        world.roles.insert(controller.to_lowercase(), role);
    }
    let has_node_role = world.role(node).is_some();
    if has(ByHand::Profile) {
        let held = if has(ByHand::RoleInProfile) && has_node_role { vec![node] } else { Vec::new() };
        let profile = profile(&spec.instance_profile_name, &held);
        world.profiles.insert(spec.instance_profile_name.to_lowercase(), profile);
    }
    let Some(eks) = world.clusters.get_mut(&spec.cluster_name) else { return world };
    if has(ByHand::AccessEntry) && has_node_role && makes_node_role {
        let arn = spec.node_role_arn();
        eks.access_entries.insert(arn.clone(), access_entry(&spec.cluster_name, &arn, "EC2_LINUX"));
    }
    if has(ByHand::Association) && spec.has_identity(ControllerIdentity::PodIdentity) {
        let association = PodIdentityAssociation {
            id: "a-1".to_owned(),
            arn: format!("arn:aws:eks:eu-west-1:111122223333:podidentityassociation/{}/a-1", spec.cluster_name),
            role_arn: "arn:aws:iam::111122223333:role/by-hand".to_owned(),
            has_session_tags: false,
            tags: Tags::new(),
        };
        eks.associations.insert(spec.controller_account(), association);
    }
    world
}

/// What was there stays, in line; what was not, goes; and nothing of ours is left on what stays.
#[test]
fn what_was_there_is_brought_into_line_and_left() {
    prove(&(properties(), worlds(), by_hand(), orders()), 40, |(raw, world, what, order)| {
        let here = Resource::of(STACK, "Prereqs");
        let (spec, run) = (spec(&adopting(&raw)), Run::whole(&order));
        let before = made_by_hand(&world, &spec, &what);
        let Some(made) = here.try_converge(&before, &spec, None, run)? else { return Ok(false) };
        let after = here.release(&made, &spec, run)?;
        same(&with_adopted_of(&after, &before, &spec)?, &before, "but for what was adopted")?;
        Ok(true)
    });
}

/// An Update that does not say so again goes on with what was adopted.
#[test]
fn what_was_adopted_once_is_ours_to_use() {
    prove(&(properties(), worlds(), by_hand(), orders()), 40, |(raw, world, what, order)| {
        let here = Resource::of(STACK, "Prereqs");
        let (adopting, after, run) = (spec(&adopting(&raw)), spec(&raw), Run::whole(&order));
        let before = made_by_hand(&world, &adopting, &what);
        let Some(made) = here.try_converge(&before, &adopting, None, run)? else { return Ok(false) };
        let updated = here.converge(&made, &after, Some(&adopting), run)?;
        same(&updated, &made, "after the Update")?;
        Ok(true)
    });
}

/// A resource moves to another stack: whichever of the two goes first, the other stays whole, and with it goes all.
#[test]
fn a_resource_moves_to_another_stack() {
    prove(&(properties(), worlds(), orders(), any::<bool>()), 30, |(raw, world, order, old_first)| {
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        let (one, two, run) = (spec(&raw), spec(&adopting(&raw)), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        if there.plan(&first, &one, None).is_ok() {
            return Err(fault("the other stack took what is not its own", &first));
        }
        // Another marker may be a tag too many.
        let Some(both) = there.try_converge(&first, &two, None, run)? else { return Ok(false) };
        same(&here.converge(&both, &one, Some(&one), run)?, &both, "for the first, beside the second")?;
        let (goes, stays) = if old_first { ((&here, &one), (&there, &two)) } else { ((&there, &two), (&here, &one)) };
        let left = goes.0.release(&both, goes.1, run)?;
        same(&stays.0.converge(&left, stays.1, Some(stays.1), run)?, &left, "for the one that stays")?;
        same(&stays.0.release(&left, stays.1, run)?, &world, "without both")?;
        Ok(true)
    });
}

/// The world with what was adopted as it was before, once nothing of ours is on it and what it had is there still.
fn with_adopted_of(after: &World, before: &World, spec: &Spec) -> Result<World, TestCaseError> {
    let mut world = after.clone();
    let clean = |tags: &Tags, had: &Tags| {
        !tags.keys().any(|key| key.starts_with(PREFIX)) && had.iter().all(|(key, value)| tags.get(key) == Some(value))
    };
    for name in [spec.node_role_name(), &spec.controller_role_name].map(str::to_lowercase) {
        let Some(had) = before.roles.get(&name) else { continue };
        let has = world.roles.get_mut(&name).ok_or_else(|| fault(&format!("{name} is gone"), after))?;
        let keeps =
            had.attached.is_subset(&has.attached) && had.inline.keys().all(|name| has.inline.contains_key(name));
        if !clean(&has.tags, &had.tags) || !keeps {
            return Err(fault(&format!("{name} is not as it was"), after));
        }
        *has = had.clone();
    }
    let name = spec.instance_profile_name.to_lowercase();
    if let Some(had) = before.profiles.get(&name) {
        let has = world.profiles.get_mut(&name).ok_or_else(|| fault(&format!("{name} is gone"), after))?;
        if !clean(&has.tags, &had.tags) || had.roles.iter().any(|role| !has.roles.contains(role)) {
            return Err(fault(&format!("{name} is not as it was"), after));
        }
        *has = had.clone();
    }
    // A role that was adopted trusts what was made for it, which is left to it.
    let trusted = before
        .roles
        .get(&spec.controller_role_name.to_lowercase())
        .and_then(|_| after.role(&spec.controller_role_name));
    if let Some(arn) = trusted.and_then(|role| trust::trusted_provider(&role.trust))
        && !before.oidc_providers.contains_key(&arn)
    {
        let left = world.oidc_providers.remove(&arn).ok_or_else(|| fault(&format!("{arn} is gone"), after))?;
        if !clean(&left.tags, &Tags::new()) {
            return Err(fault(&format!("{arn} is not left to others"), after));
        }
    }
    let associations = before.clusters.get(&spec.cluster_name).map(|eks| &eks.associations);
    if let Some(had) = associations.and_then(|all| all.get(&spec.controller_account())) {
        let eks = world.clusters.get_mut(&spec.cluster_name);
        let has = eks.and_then(|eks| eks.associations.get_mut(&spec.controller_account()));
        let has = has.ok_or_else(|| fault("the association is gone", after))?;
        if !clean(&has.tags, &had.tags) {
            return Err(fault("the association is not as it was", after));
        }
        *has = had.clone();
    }
    Ok(world)
}

/// One name in two regions is two clusters' names: the other's is not taken, also not when that is asked for, and the
/// message says how to name by region.
#[test]
fn another_regions_is_not_adopted() {
    let mut world = plain();
    let mut taken = role("KarpenterControllerRole-demo", "/");
    taken.tags = made_by("arn:aws:cloudformation:us-east-1:111122223333:stack/one/0a", "Prereqs");
    world.roles.insert("karpentercontrollerrole-demo".into(), taken);
    for existing in ["Fail", "Adopt"] {
        let spec = spec_of(json!({"ExistingObjects": existing}));
        let told = Resource::of(STACK, "Prereqs").plan(&world, &spec, None).unwrap_err().to_string();
        for part in ["in us-east-1", "ControllerRoleName", "`-${AWS::Region}`"] {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    }
}

/// While another stack still uses what this one made, its nodes are no reason to keep this one.
#[test]
fn running_nodes_do_not_hold_back_the_one_that_moves() {
    let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
    let (one, two) = (spec_of(json!({})), spec_of(json!({"ExistingObjects": "Adopt"})));
    let mut world = here.converge(&plain(), &one, None, Run::whole(&[])).unwrap();
    world = there.converge(&world, &two, None, Run::whole(&[])).unwrap();
    world.running.push(Running { id: "i-1".into(), instance_profile: one.instance_profile_name.clone() });
    let left = here.release(&world, &one, Run::whole(&[])).unwrap();
    assert!(there.plan_release(&left, &two).unwrap_err().to_string().contains("`i-1`"));
}
