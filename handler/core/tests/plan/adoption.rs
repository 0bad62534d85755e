//! `ExistingObjects` `Adopt`: an existing object with a wanted name is brought in line and kept. An object of another stack of this kind
//! is deleted with its last user.

use crate::generators::{access_entry, owner_tag, plain, profile, role, worlds};
use crate::harness::{Resource, Run, expect_equal, failure};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, THIRD_STACK, properties, spec, spec_of};
use crate::sharing::tear_both_down;
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::spec::{ControllerIdentity, NodeRole, Spec};
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::ownership::{PREFIX, Tags};
use karpenter_prereqs_core::observed::{PodIdentityAssociation, Running};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestCaseError;
use serde_json::json;

/// An object that a person created by hand, as a runbook describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManualObject {
    NodeRole,
    ControllerRole,
    Profile,
    /// The node role is in the profile, if both exist.
    RoleInProfile,
    AccessEntry,
    /// An association with another role.
    Association,
}

const ALL: [ManualObject; 6] = [
    ManualObject::NodeRole,
    ManualObject::ControllerRole,
    ManualObject::Profile,
    ManualObject::RoleInProfile,
    ManualObject::AccessEntry,
    ManualObject::Association,
];

/// Generates a selection of the manual objects.
pub(crate) fn manual_objects() -> impl Strategy<Value = Vec<ManualObject>> {
    subsequence(&ALL[..], 0..=ALL.len())
}

/// Returns the properties with `ExistingObjects` `Adopt`.
pub(crate) fn with_adopt(raw: &RawProperties) -> RawProperties {
    let mut raw = raw.clone();
    raw.insert("ExistingObjects".to_owned(), "Adopt".into());
    raw
}

/// Returns the world with these manual objects. They have the names of the spec.
pub(crate) fn with_manual_objects(world: &World, spec: &Spec, objects: &[ManualObject]) -> World {
    let mut world = world.clone();
    let has = |object: ManualObject| objects.contains(&object);
    let (node, controller) = (spec.node_role_name(), spec.controller_role_name.as_str());
    let creates_node_role = matches!(spec.node_role, NodeRole::Managed { .. });
    if has(ManualObject::NodeRole) && creates_node_role {
        let mut role = role(node, &spec.path);
        role.attached.insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
        world.roles.insert(node.to_lowercase(), role);
    }
    if has(ManualObject::ControllerRole) {
        let mut role = role(controller, &spec.path);
        role.inline.insert("by-hand".to_owned(), Some(json!({})));
        role.inline.insert(spec.controller_policy_name(), Some(json!({"Statement": []})));
        world.roles.insert(controller.to_lowercase(), role);
    }
    let has_node_role = world.role(node).is_some();
    if has(ManualObject::Profile) {
        let roles = if has(ManualObject::RoleInProfile) && has_node_role { vec![node] } else { Vec::new() };
        let profile = profile(&spec.instance_profile_name, &roles);
        world.profiles.insert(spec.instance_profile_name.to_lowercase(), profile);
    }
    let Some(eks) = world.clusters.get_mut(&spec.cluster_name) else { return world };
    if has(ManualObject::AccessEntry) && has_node_role && creates_node_role {
        let arn = spec.node_role_arn();
        eks.access_entries.insert(arn.clone(), access_entry(&spec.cluster_name, &arn, "EC2_LINUX"));
    }
    if has(ManualObject::Association) && spec.has_controller_identity(ControllerIdentity::PodIdentity) {
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

/// Adopted objects are in line and stay, without our tags. All other objects are deleted.
#[test]
fn adopted_objects_are_kept_after_delete() {
    check_property(&(properties(), worlds(), manual_objects(), orders()), 40, |(raw, world, objects, order)| {
        let resource = Resource::new(STACK, "Prereqs");
        let (spec, run) = (spec(&with_adopt(&raw)), Run::complete(&order));
        let before = with_manual_objects(&world, &spec, &objects);
        let Some(created) = resource.try_reconcile(&before, &spec, None, run)? else { return Ok(false) };
        let deleted = resource.tear_down(&created, &spec, run)?;
        expect_equal(&with_adopted_objects_reset(&deleted, &before, &spec)?, &before, "apart from adopted objects")?;
        Ok(true)
    });
}

/// An Update keeps using the adopted objects, also without `Adopt`.
#[test]
fn update_without_adopt_keeps_using_adopted_objects() {
    check_property(&(properties(), worlds(), manual_objects(), orders()), 40, |(raw, world, objects, order)| {
        let resource = Resource::new(STACK, "Prereqs");
        let (old, new, run) = (spec(&with_adopt(&raw)), spec(&raw), Run::complete(&order));
        let before = with_manual_objects(&world, &old, &objects);
        let Some(created) = resource.try_reconcile(&before, &old, None, run)? else { return Ok(false) };
        let updated = resource.reconcile(&created, &new, Some(&old), run)?;
        expect_equal(&updated, &created, "after the Update")?;
        Ok(true)
    });
}

/// A resource moves to another stack, which adopts its objects. Either stack may be deleted first. The other one keeps
/// everything, and deletes everything when it is deleted itself.
#[test]
fn move_to_another_stack_keeps_the_remaining_resource() {
    check_property(&(properties(), worlds(), orders(), any::<bool>()), 30, |(raw, world, order, deletes_old_first)| {
        let (old, new) = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
        let (old_spec, new_spec, run) = (spec(&raw), spec(&with_adopt(&raw)), Run::complete(&order));
        let Some(only_old) = old.try_reconcile(&world, &old_spec, None, run)? else { return Ok(false) };
        if new.plan(&only_old, &old_spec, None).is_ok() {
            return Err(failure("without Adopt, the other stack takes objects that it does not own", &only_old));
        }
        // The plan reports a problem if an object has no room for another marker.
        let Some(both) = new.try_reconcile(&only_old, &new_spec, None, run)? else { return Ok(false) };
        let repeated = old.reconcile(&both, &old_spec, Some(&old_spec), run)?;
        expect_equal(&repeated, &both, "after another Update of the first stack")?;
        let ((deleted, deleted_spec), (remaining, remaining_spec)) = if deletes_old_first {
            ((&old, &old_spec), (&new, &new_spec))
        } else {
            ((&new, &new_spec), (&old, &old_spec))
        };
        let only_remaining = deleted.tear_down(&both, deleted_spec, run)?;
        let repeated = remaining.reconcile(&only_remaining, remaining_spec, Some(remaining_spec), run)?;
        expect_equal(&repeated, &only_remaining, "after another Update of the remaining stack")?;
        let none = remaining.tear_down(&only_remaining, remaining_spec, run)?;
        expect_equal(&none, &world, "after both Deletes")?;
        Ok(true)
    });
}

/// Two stacks adopt the objects of a stack that is deleted, and are deleted at the same time. Each removes its marker while it
/// reads the marker of the other one. At the recheck, the objects have no marker, and the owner tag of the stack that is gone.
#[test]
fn two_adopting_stacks_concurrent_deletes_restore_account() {
    check_property(&(properties(), worlds(), orders()), 20, |(raw, world, order)| {
        let stacks = [STACK, OTHER_STACK, THIRD_STACK];
        let [first, second, third] = stacks.map(|stack| Resource::new(stack, "Prereqs"));
        let (creating, adopting, run) = (spec(&raw), spec(&with_adopt(&raw)), Run::complete(&order));
        let Some(created) = first.try_reconcile(&world, &creating, None, run)? else { return Ok(false) };
        let Some(adopted) = second.try_reconcile(&created, &adopting, None, run)? else { return Ok(false) };
        let Some(adopted) = third.try_reconcile(&adopted, &adopting, None, run)? else { return Ok(false) };
        let adopted = first.tear_down(&adopted, &creating, run)?;
        let deleted = tear_both_down(((&second, &adopting), (&third, &adopting)), &adopted, &order)?;
        expect_equal(&deleted, &world, "after both Deletes")?;
        Ok(true)
    });
}

/// Returns the world with the adopted objects as they were before. Fails if an adopted object has one of our tags, or has lost
/// something that it had before.
fn with_adopted_objects_reset(after: &World, before: &World, spec: &Spec) -> Result<World, TestCaseError> {
    let mut world = after.clone();
    let is_restored = |tags: &Tags, before: &Tags| {
        !tags.keys().any(|key| key.starts_with(PREFIX))
            && before.iter().all(|(key, value)| tags.get(key) == Some(value))
    };
    for name in [spec.node_role_name(), &spec.controller_role_name].map(str::to_lowercase) {
        let Some(expected) = before.roles.get(&name) else { continue };
        let found = world.roles.get_mut(&name).ok_or_else(|| failure(&format!("{name} is missing"), after))?;
        let has_policies = expected.attached.is_subset(&found.attached)
            && expected.inline.keys().all(|name| found.inline.contains_key(name));
        if !is_restored(&found.tags, &expected.tags) || !has_policies {
            return Err(failure(&format!("{name} is not as before"), after));
        }
        *found = expected.clone();
    }
    let name = spec.instance_profile_name.to_lowercase();
    if let Some(expected) = before.profiles.get(&name) {
        let found = world.profiles.get_mut(&name).ok_or_else(|| failure(&format!("{name} is missing"), after))?;
        let has_roles = expected.roles.iter().all(|role| found.roles.contains(role));
        if !is_restored(&found.tags, &expected.tags) || !has_roles {
            return Err(failure(&format!("{name} is not as before"), after));
        }
        *found = expected.clone();
    }
    // An adopted controller role still trusts the OIDC provider that was created for it, so the provider stays.
    let adopted = before
        .roles
        .get(&spec.controller_role_name.to_lowercase())
        .and_then(|_| after.role(&spec.controller_role_name));
    if let Some(arn) = adopted.and_then(|role| trust::trusted_provider(&role.trust))
        && !before.oidc_providers.contains_key(&arn)
    {
        let provider = world.oidc_providers.remove(&arn).ok_or_else(|| failure(&format!("{arn} is missing"), after))?;
        if !is_restored(&provider.tags, &Tags::new()) {
            return Err(failure(&format!("{arn} still has our tags"), after));
        }
    }
    let associations = before.clusters.get(&spec.cluster_name).map(|eks| &eks.associations);
    if let Some(expected) = associations.and_then(|all| all.get(&spec.controller_account())) {
        let eks = world.clusters.get_mut(&spec.cluster_name);
        let found = eks.and_then(|eks| eks.associations.get_mut(&spec.controller_account()));
        let found = found.ok_or_else(|| failure("the association is missing", after))?;
        if !is_restored(&found.tags, &expected.tags) {
            return Err(failure("the association is not as before", after));
        }
        *found = expected.clone();
    }
    Ok(world)
}

/// Clusters of the same name exist in two Regions, and IAM's names are global. `Adopt` does not take a role of the other Region,
/// and the message explains how to use the Region in the name.
#[test]
fn adopt_object_of_another_region_reports_problem() {
    let mut world = plain();
    let mut taken = role("KarpenterControllerRole-demo", "/");
    taken.tags = owner_tag("arn:aws:cloudformation:us-east-1:111122223333:stack/one/0a", "Prereqs");
    world.roles.insert("karpentercontrollerrole-demo".into(), taken);
    for existing in ["Fail", "Adopt"] {
        let spec = spec_of(json!({"ExistingObjects": existing}));
        let message = Resource::new(STACK, "Prereqs").plan(&world, &spec, None).unwrap_err().to_string();
        for part in ["in us-east-1", "ControllerRoleName", "`-${AWS::Region}`"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}

/// While another stack uses the instance profile too, a Delete does not strand the nodes that run with it.
#[test]
fn delete_of_shared_profile_ignores_running_nodes() {
    let (old, new) = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
    let (old_spec, new_spec) = (spec_of(json!({})), spec_of(json!({"ExistingObjects": "Adopt"})));
    let mut world = old.reconcile(&plain(), &old_spec, None, Run::complete(&[])).unwrap();
    world = new.reconcile(&world, &new_spec, None, Run::complete(&[])).unwrap();
    world.running.push(Running { id: "i-1".into(), instance_profile: old_spec.instance_profile_name.clone() });
    let only_new = old.tear_down(&world, &old_spec, Run::complete(&[])).unwrap();
    assert!(new.plan_teardown(&only_new, &new_spec).unwrap_err().to_string().contains("`i-1`"));
}
