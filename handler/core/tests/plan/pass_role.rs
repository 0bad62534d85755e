//! A node role that the stack did not create is granted to no one before IAM allows the function `iam:PassRole` on it.

use crate::adoption::{manual_objects, with_adopt, with_manual_objects};
use crate::generators::{plain, worlds};
use crate::harness::{PropResult, Resource, Run, expect_equal, failure};
use crate::model::{Purpose, World};
use crate::properties::{STACK, properties, spec, spec_of};
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::spec::{NodeRole, Spec};
use karpenter_prereqs_core::documents::policy::pass_role_arns;
use karpenter_prereqs_core::identity::aws_names::without_path;
use karpenter_prereqs_core::identity::ownership::markers;
use karpenter_prereqs_core::observed::{PassRoleDecision, PassRoleDenial};
use karpenter_prereqs_core::plan::{EditAwsAuth, IamStep, Plan, Problem, RoleKind, Step, StepId, needs_simulation};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Returns everything that grants the use of the node role: a policy that passes it, an entry in aws-auth, and an access entry. A
/// marker on a controller role counts too, because other generations write such a policy from it.
fn grants(world: &World, spec: &Spec) -> BTreeSet<String> {
    let arn = spec.node_role_arn();
    let mut grants = BTreeSet::new();
    for role in world.roles.values() {
        let passes =
            role.inline.iter().filter(|(_, document)| document.iter().any(|it| pass_role_arns(it).contains(&arn)));
        grants.extend(passes.map(|(name, _)| format!("policy `{name}` of `{}`", role.name)));
        grants.extend(
            markers(&role.tags)
                .filter(|(_, value)| *value == arn)
                .map(|(marker, _)| format!("{marker} on `{}`", role.name)),
        );
    }
    for (name, eks) in &world.clusters {
        let text = eks.aws_auth.as_ref().and_then(|map| map.map_roles.as_deref()).unwrap_or_default();
        let count = text.matches(&without_path(&arn)).count();
        grants.extend((0..count).map(|number| format!("entry {number} in aws-auth of `{name}`")));
        let entry = eks.access_entries.get(&arn);
        grants.extend(entry.map(|entry| format!("{} of {} with {:?}", entry.arn, entry.created_at, entry.tags)));
    }
    grants
}

/// Returns whether another party created the node role. The worlds have no objects of the stack yet.
fn is_foreign(world: &World, spec: &Spec) -> bool {
    matches!(spec.node_role, NodeRole::Existing { .. }) || world.role(spec.node_role_name()).is_some()
}

fn adds_role(step: &Step) -> bool {
    matches!(step, Step::Iam(IamStep::AddRoleToInstanceProfile { .. }))
}

fn creates_node_role(step: &Step) -> bool {
    matches!(step, Step::Iam(IamStep::CreateRole { kind: RoleKind::Node, .. }))
}

/// Applies all steps that do not depend on a step that IAM denies, in one of the orders that the dependencies allow.
fn apply_unless_denied(
    plan: &Plan,
    world: &World,
    spec: &Spec,
    order: &[u8],
    is_denied: fn(&Step) -> bool,
) -> Result<World, String> {
    let mut world = world.clone();
    let mut done = BTreeSet::new();
    let mut pending: BTreeMap<_, _> = plan.steps().map(|(id, step, dependencies)| (id, (step, dependencies))).collect();
    for choice in order.iter().cycle() {
        let is_ready =
            |step: &Step, dependencies: &[_]| !is_denied(step) && dependencies.iter().all(|id| done.contains(id));
        let ready: Vec<_> = pending
            .iter()
            .filter(|(_, (step, dependencies))| is_ready(step, dependencies))
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = ready.get(usize::from(*choice) % ready.len().max(1)).copied() else { return Ok(world) };
        let Some((step, _)) = pending.remove(&id) else { return Ok(world) };
        world.apply_step(step, &spec.cluster_name).map_err(|code| format!("`{step}` fails: {code}"))?;
        done.insert(id);
    }
    Ok(world)
}

/// Creates a resource with a foreign node role, while IAM denies `AddRoleToInstanceProfile`.
fn create_denied(world: &World, spec: &Spec, order: &[u8]) -> PropResult {
    let resource = Resource::new(STACK, "Prereqs");
    let Ok(planned) = resource.plan(world, spec, None) else { return Ok(false) };
    if planned.plan.steps().any(|(_, step, _)| adds_role(step)) {
        let after = apply_unless_denied(&planned.plan, world, spec, order, adds_role);
        let after = after.map_err(|reason| failure(&reason, world))?;
        let granted: Vec<_> = grants(&after, spec).difference(&grants(world, spec)).cloned().collect();
        return if granted.is_empty() { Ok(true) } else { Err(failure(&format!("granted: {granted:?}"), &after)) };
    }
    // The profile already contains the role. So no call tests the permission, and IAM's simulation decides before the first
    // write.
    let mut observed = world.observed(spec, &[resource.generation(spec).marker()].into(), Purpose::Reconcile(None));
    for decision in [PassRoleDecision::Denied(PassRoleDenial::Implicit), PassRoleDecision::NotAsked] {
        observed.pass_role = decision;
        let problems = resource.plan_from_snapshot(&observed, spec, None).err();
        let is_about_pass_role =
            |problem: &Problem| matches!(problem, Problem::PassRoleNotAllowed { .. } | Problem::PassRoleUnknown { .. });
        if !problems.is_some_and(|problems| problems.0.iter().any(is_about_pass_role)) {
            return Err(failure("the plan reports no problem about a role that may not be passed", world));
        }
    }
    Ok(true)
}

#[test]
fn denied_pass_role_grants_nothing_in_any_order() {
    check_property(&(properties(), worlds(), manual_objects(), orders()), 15, |(raw, world, objects, order)| {
        let spec = spec(&with_adopt(&raw));
        let world = with_manual_objects(&world, &spec, &objects);
        if is_foreign(&world, &spec) { create_denied(&world, &spec, &order) } else { Ok(false) }
    });
}

/// A second run asks IAM nothing if the controller policy passes the role. If the first run was interrupted before it wrote the
/// policy, the second one asks.
#[test]
fn simulation_is_needed_until_the_policy_passes_the_role() {
    check_property(&(properties(), worlds(), manual_objects(), orders()), 10, |(raw, world, objects, order)| {
        let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec(&with_adopt(&raw)));
        let before = with_manual_objects(&world, &spec, &objects);
        let is_foreign = is_foreign(&before, &spec);
        let Some(created) = resource.try_reconcile(&before, &spec, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let asks_iam = |world: &World| {
            let own = [resource.generation(&spec).marker()].into();
            needs_simulation(&spec, &resource.0, &world.observed(&spec, &own, Purpose::Reconcile(None)))
        };
        if asks_iam(&created) {
            return Err(failure("the run asks IAM although the policy passes the role", &created));
        }
        let mut interrupted = created.clone();
        for role in interrupted.roles.values_mut() {
            role.inline.remove(&spec.controller_policy_name());
        }
        if asks_iam(&interrupted) != is_foreign {
            return Err(failure("the run must ask IAM about foreign roles only", &interrupted));
        }
        let completed = resource.reconcile(&interrupted, &spec, None, Run::complete(&order))?;
        expect_equal(&completed, &created, "after the second run")?;
        Ok(is_foreign)
    });
}

/// IAM denies the creation of the node role because of its name. Another user may create a role with this name later. So no
/// policy passes it, and another resource with the same controller role does not grant it because of the marker.
#[test]
fn denied_node_role_creation_grants_nothing() {
    check_property(&(properties(), worlds(), orders()), 15, |(raw, world, order)| {
        let (resource, failed) = (Resource::new(STACK, "Prereqs"), spec(&raw));
        let Ok(planned) = resource.plan(&world, &failed, None) else { return Ok(false) };
        if !planned.plan.steps().any(|(_, step, _)| creates_node_role(step)) {
            return Ok(false);
        }
        let after = apply_unless_denied(&planned.plan, &world, &failed, &order, creates_node_role);
        let mut after = after.map_err(|reason| failure(&reason, &world))?;
        // A marker alone grants nothing.
        let granted = |world: &World| -> Vec<_> {
            grants(world, &failed).into_iter().filter(|grant| !grant.starts_with("karpenter-prereqs/")).collect()
        };
        if !granted(&after).is_empty() {
            return Err(failure(&format!("granted: {:?}", granted(&after)), &after));
        }
        let mut other_raw = raw;
        other_raw.insert("NodeRoleName".to_owned(), "other".into());
        other_raw.insert("InstanceProfileName".to_owned(), "other".into());
        other_raw.insert("ControllerRoleName".to_owned(), failed.controller_role_name.clone().into());
        let (other, other_spec) = (Resource::new(STACK, "More"), spec(&other_raw));
        after.pass_role_denied.insert(failed.node_role_arn());
        let Some(both) = other.try_reconcile(&after, &other_spec, None, Run::complete(&order))? else {
            return Ok(false);
        };
        if !granted(&both).is_empty() {
            return Err(failure(&format!("granted: {:?}", granted(&both)), &both));
        }
        // The policy that remains passes no role. IAM must accept it.
        let deleted = other.tear_down(&both, &other_spec, Run::complete(&order))?;
        if granted(&deleted).is_empty() {
            Ok(true)
        } else {
            Err(failure(&format!("granted: {:?}", granted(&deleted)), &deleted))
        }
    });
}

/// Steps that grant the stack's own node role do not depend on its addition to the profile.
#[test]
fn own_node_role_is_granted_without_waiting_for_the_profile() {
    let plan = Resource::new(STACK, "Prereqs").plan(&plain(), &spec_of(json!({})), None).unwrap().plan;
    let steps: BTreeMap<StepId, (&Step, &[StepId])> =
        plan.steps().map(|(id, step, dependencies)| (id, (step, dependencies))).collect();
    let waits_for_profile = |id: StepId| {
        let (mut pending, mut waits) = (vec![id], false);
        while let Some(id) = pending.pop() {
            let (step, dependencies) = steps[&id];
            waits |= adds_role(step);
            pending.extend(dependencies);
        }
        waits
    };
    let mut count = 0;
    for (id, (step, _)) in &steps {
        let is_granting = matches!(step, Step::Iam(IamStep::PutRolePolicy { .. }) | Step::AwsAuth(EditAwsAuth { .. }))
            || matches!(step, Step::Iam(IamStep::CreateRole { kind: RoleKind::Controller, .. }));
        count += usize::from(is_granting);
        assert!(!is_granting || !waits_for_profile(*id), "{step}");
    }
    assert_eq!(count, 3);
}
