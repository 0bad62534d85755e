//! A node role that the stack did not create is granted to nobody before IAM lets the function pass it.

use crate::adopt::{adopting, by_hand, made_by_hand};
use crate::life::{Outcome, Resource, Run, fault, same};
use crate::model::{Look, World};
use crate::properties::{STACK, properties, spec, spec_of};
use crate::worlds::{plain, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::desired::spec::{NodeRole, Spec};
use karpenter_prereqs_core::documents::policy::pass_role_arns;
use karpenter_prereqs_core::identity::aws_names::without_path;
use karpenter_prereqs_core::identity::ownership::markers;
use karpenter_prereqs_core::observed::{PassRoleDecision, PassRoleDenial};
use karpenter_prereqs_core::plan::{EditAwsAuth, IamStep, Plan, Problem, RoleKind, Step, StepId, needs_simulation};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Who got something by the node role, in any form in which it is granted: a policy that passes it, a marker on the controller
/// role, by which another generation writes such a policy, an entry in aws-auth, and an access entry.
fn grants(world: &World, spec: &Spec) -> BTreeSet<String> {
    let arn = spec.node_role_arn();
    let mut grants = BTreeSet::new();
    for role in world.roles.values() {
        let passes =
            role.inline.iter().filter(|(_, document)| document.iter().any(|it| pass_role_arns(it).contains(&arn)));
        grants.extend(passes.map(|(name, _)| format!("policy `{name}` of `{}`", role.name)));
        grants.extend(
            markers(&role.tags)
                .filter(|(_, note)| *note == arn)
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

fn is_foreign(world: &World, spec: &Spec) -> bool {
    // Nothing in the world is the stack's own yet.
    matches!(spec.node_role, NodeRole::Existing { .. }) || world.role(spec.node_role_name()).is_some()
}

fn adds_role(step: &Step) -> bool {
    matches!(step, Step::Iam(IamStep::AddRoleToInstanceProfile { .. }))
}

fn creates_node_role(step: &Step) -> bool {
    matches!(step, Step::Iam(IamStep::CreateRole { kind: RoleKind::Node, .. }))
}

/// Carries out what does not need a step that IAM denies, in one of the orders that the needs allow.
fn carried_out_until_denied(
    plan: &Plan,
    world: &World,
    spec: &Spec,
    order: &[u8],
    is_denied: fn(&Step) -> bool,
) -> Result<World, String> {
    let mut world = world.clone();
    let mut done = BTreeSet::new();
    let mut waiting: BTreeMap<_, _> = plan.steps().map(|(id, step, needs)| (id, (step, needs))).collect();
    for turn in order.iter().cycle() {
        let is_ready = |step: &Step, needs: &[_]| !is_denied(step) && needs.iter().all(|need| done.contains(need));
        let ready: Vec<_> =
            waiting.iter().filter(|(_, (step, needs))| is_ready(step, needs)).map(|(id, _)| *id).collect();
        let Some(id) = ready.get(usize::from(*turn) % ready.len().max(1)).copied() else { return Ok(world) };
        let Some((step, _)) = waiting.remove(&id) else { return Ok(world) };
        world.carry_out(step, &spec.cluster_name).map_err(|code| format!("`{step}`: {code}"))?;
        done.insert(id);
    }
    Ok(world)
}

/// The Create of such a stack, where IAM denies `AddRoleToInstanceProfile`.
fn denied(world: &World, spec: &Spec, order: &[u8]) -> Outcome {
    let here = Resource::of(STACK, "Prereqs");
    let Ok(converged) = here.plan(world, spec, None) else { return Ok(false) };
    if converged.plan.steps().any(|(_, step, _)| adds_role(step)) {
        let after = carried_out_until_denied(&converged.plan, world, spec, order, adds_role);
        let after = after.map_err(|why| fault(&why, world))?;
        let granted: Vec<_> = grants(&after, spec).difference(&grants(world, spec)).cloned().collect();
        return if granted.is_empty() { Ok(true) } else { Err(fault(&format!("granted: {granted:?}"), &after)) };
    }
    // The profile holds the role: the simulation decides, and nothing is written without it.
    let mut observed = world.observed(spec, &[here.generation(spec).marker()].into(), Look::Reconcile(None));
    for decision in [PassRoleDecision::Denied(PassRoleDenial::Implicit), PassRoleDecision::NotAsked] {
        observed.pass_role = decision;
        let refused = here.plan_for(&observed, spec, None).err();
        let is_refused =
            |problem: &Problem| matches!(problem, Problem::PassRoleNotAllowed { .. } | Problem::PassRoleUnknown { .. });
        if !refused.is_some_and(|refused| refused.0.iter().any(is_refused)) {
            return Err(fault("a role that IAM lets nobody pass is not refused", world));
        }
    }
    Ok(true)
}

#[test]
fn denied_pass_role_grants_nothing_in_any_order() {
    prove(&(properties(), worlds(), by_hand(), orders()), 15, |(raw, world, what, order)| {
        let spec = spec(&adopting(&raw));
        let world = made_by_hand(&world, &spec, &what);
        if is_foreign(&world, &spec) { denied(&world, &spec, &order) } else { Ok(false) }
    });
}

/// Once the controller's policy passes the role, a second run asks IAM nothing; and when it was cut off before that, it does.
#[test]
fn simulation_is_needed_until_the_policy_passes_the_role() {
    prove(&(properties(), worlds(), by_hand(), orders()), 10, |(raw, world, what, order)| {
        let (here, spec) = (Resource::of(STACK, "Prereqs"), spec(&adopting(&raw)));
        let before = made_by_hand(&world, &spec, &what);
        let is_foreign = is_foreign(&before, &spec);
        let Some(made) = here.try_converge(&before, &spec, None, Run::whole(&order))? else { return Ok(false) };
        let asks = |world: &World| {
            let ours = [here.generation(&spec).marker()].into();
            needs_simulation(&spec, &here.0, &world.observed(&spec, &ours, Look::Reconcile(None)))
        };
        if asks(&made) {
            return Err(fault("IAM is asked though the policy passes the role", &made));
        }
        let mut cut_off = made.clone();
        for role in cut_off.roles.values_mut() {
            role.inline.remove(&spec.controller_policy_name());
        }
        if asks(&cut_off) != is_foreign {
            return Err(fault("IAM is asked of the stack's own role, or not of another", &cut_off));
        }
        same(&here.converge(&cut_off, &spec, None, Run::whole(&order))?, &made, "after the second run")?;
        Ok(is_foreign)
    });
}

/// IAM may deny that the node role is created, by its name: then nothing passes a role of that name either, which somebody may
/// create later, and no other resource on the same controller role grants what the marker of the failed one names.
#[test]
fn denied_creation_of_the_node_role_grants_nothing() {
    prove(&(properties(), worlds(), orders()), 15, |(raw, world, order)| {
        let (here, failed) = (Resource::of(STACK, "Prereqs"), spec(&raw));
        let Ok(converged) = here.plan(&world, &failed, None) else { return Ok(false) };
        if !converged.plan.steps().any(|(_, step, _)| creates_node_role(step)) {
            return Ok(false);
        }
        let after = carried_out_until_denied(&converged.plan, &world, &failed, &order, creates_node_role);
        let after = after.map_err(|why| fault(&why, &world))?;
        // A marker alone is no grant.
        let granted = |world: &World| -> Vec<_> {
            grants(world, &failed).into_iter().filter(|grant| !grant.starts_with("karpenter-prereqs/")).collect()
        };
        if !granted(&after).is_empty() {
            return Err(fault(&format!("granted: {:?}", granted(&after)), &after));
        }
        let mut beside = raw;
        beside.insert("NodeRoleName".to_owned(), "beside".into());
        beside.insert("InstanceProfileName".to_owned(), "beside".into());
        beside.insert("ControllerRoleName".to_owned(), failed.controller_role_name.clone().into());
        let (other, beside) = (Resource::of(STACK, "More"), spec(&beside));
        let mut after = after;
        after.unpassable.insert(failed.node_role_arn());
        let Some(both) = other.try_converge(&after, &beside, None, Run::whole(&order))? else { return Ok(false) };
        if !granted(&both).is_empty() {
            return Err(fault(&format!("granted: {:?}", granted(&both)), &both));
        }
        // The one that goes leaves a policy that passes no role, which IAM takes.
        let left = other.release(&both, &beside, Run::whole(&order))?;
        if granted(&left).is_empty() { Ok(true) } else { Err(fault(&format!("granted: {:?}", granted(&left)), &left)) }
    });
}

/// The stack's own roles wait for nothing but their creation.
#[test]
fn own_node_role_is_granted_without_waiting_for_the_profile() {
    let plan = Resource::of(STACK, "Prereqs").plan(&plain(), &spec_of(json!({})), None).unwrap().plan;
    let steps: BTreeMap<StepId, (&Step, &[StepId])> =
        plan.steps().map(|(id, step, needs)| (id, (step, needs))).collect();
    let waits_for_profile = |id: StepId| {
        let (mut ahead, mut waits) = (vec![id], false);
        while let Some(id) = ahead.pop() {
            let (step, needs) = steps[&id];
            waits |= adds_role(step);
            ahead.extend(needs);
        }
        waits
    };
    let mut met = 0;
    for (id, (step, _)) in &steps {
        let is_granting = matches!(step, Step::Iam(IamStep::PutRolePolicy { .. }) | Step::AwsAuth(EditAwsAuth { .. }))
            || matches!(step, Step::Iam(IamStep::CreateRole { kind: RoleKind::Controller, .. }));
        met += usize::from(is_granting);
        assert!(!is_granting || !waits_for_profile(*id), "{step}");
    }
    assert_eq!(met, 3);
}
