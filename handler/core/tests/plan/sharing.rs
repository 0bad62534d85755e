//! Two resources that share objects. When one is deleted, the other keeps everything that it uses. The last one deletes all.

use crate::aws::NOTHING_TO_EDIT;
use crate::generators::worlds;
use crate::harness::{PropResult, Resource, Run, expect_equal, failure};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, resources_of_two_stacks, spec, two_resources_of_one_stack};
use crate::shared_tags::{apply_all, interleaved};
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::config_map::Change;
use karpenter_prereqs_core::identity::ownership::{Marker, OWNER_KEY};
use karpenter_prereqs_core::plan::{EditAwsAuth, Plan, Step, TeardownPlan, Verb};
use proptest::test_runner::TestCaseError;
use std::collections::{BTreeMap, VecDeque};

/// Two stacks share subnets, security groups, aws-auth and an existing role.
#[test]
fn two_stacks_delete_of_one_keeps_the_other() {
    let strategy = (resources_of_two_stacks(), worlds(), orders(), orders());
    check_property(&strategy, 15, |((raw_a, raw_b), world, order, other_order)| {
        let resources = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
        let orders = (Run::complete(&order), Run::complete(&other_order));
        delete_either(resources, (spec(&raw_a), spec(&raw_b)), &world, orders, (markers_only, markers_only))
    });
}

/// Two resources of one stack also share roles and instance profile. The owner tag keeps naming the resource that created the
/// object.
#[test]
fn one_stack_delete_of_one_resource_keeps_the_other() {
    let strategy = (two_resources_of_one_stack(), worlds(), orders(), orders());
    check_property(&strategy, 15, |((raw_a, raw_b), world, order, other_order)| {
        let resources = (Resource::new(STACK, "Prereqs"), Resource::new(STACK, "More"));
        let orders = (Run::complete(&order), Run::complete(&other_order));
        delete_either(resources, (spec(&raw_a), spec(&raw_b)), &world, orders, (owner_stacks_only, World::clone))
    });
}

/// Returns what is compared of a world.
type View = fn(&World) -> World;

/// Deletes either resource while the other exists, and then the other. `views` return what is compared with a world that has only
/// the second resource, and with one that has only the first.
fn delete_either(
    (a, b): (Resource, Resource),
    (spec_a, spec_b): (Spec, Spec),
    world: &World,
    (run, other_run): (Run<'_>, Run<'_>),
    views: (View, View),
) -> PropResult {
    let Some(only_a) = a.try_reconcile(world, &spec_a, None, run)? else { return Ok(false) };
    let Some(only_b) = b.try_reconcile(world, &spec_b, None, run)? else { return Ok(false) };
    let Some(both) = b.try_reconcile(&only_a, &spec_b, None, other_run)? else { return Ok(false) };
    let remaining = a.tear_down(&both, &spec_a, run)?;
    expect_equal(&views.0(&remaining), &views.0(&only_b), "without the first")?;
    let none = b.tear_down(&remaining, &spec_b, run)?;
    expect_equal(&none, world, "without the first and then the second")?;
    let remaining = b.tear_down(&both, &spec_b, run)?;
    expect_equal(&views.1(&remaining), &views.1(&only_a), "without the second")?;
    let none = a.tear_down(&remaining, &spec_a, run)?;
    expect_equal(&none, world, "without the second and then the first")?;
    Ok(true)
}

/// The resources share roles and instance profile too. The last recheck finds no marker of the other resource on them.
#[test]
fn one_stack_concurrent_deletes_restore_account() {
    check_property(&(two_resources_of_one_stack(), worlds(), orders()), 15, |((raw_a, raw_b), world, order)| {
        let resources = (Resource::new(STACK, "Prereqs"), Resource::new(STACK, "More"));
        delete_both_concurrently(resources, (spec(&raw_a), spec(&raw_b)), &world, &order)
    });
}

/// The resources share what belongs to the cluster: subnets, security groups, aws-auth, and the OIDC provider that one of them
/// created.
#[test]
fn two_stacks_concurrent_deletes_restore_account() {
    check_property(&(resources_of_two_stacks(), worlds(), orders()), 15, |((raw_a, raw_b), world, order)| {
        let resources = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
        delete_both_concurrently(resources, (spec(&raw_a), spec(&raw_b)), &world, &order)
    });
}

/// Creates both resources, and deletes both at the same time.
fn delete_both_concurrently(
    (a, b): (Resource, Resource),
    (spec_a, spec_b): (Spec, Spec),
    world: &World,
    order: &[u8],
) -> PropResult {
    // Resources of two clusters share nothing.
    if spec_a.cluster_name != spec_b.cluster_name {
        return Ok(false);
    }
    let run = Run::complete(order);
    let Some(only_a) = a.try_reconcile(world, &spec_a, None, run)? else { return Ok(false) };
    let Some(both) = b.try_reconcile(&only_a, &spec_b, None, run)? else { return Ok(false) };
    let deleted = tear_both_down(((&a, &spec_a), (&b, &spec_b)), &both, order)?;
    expect_equal(&deleted, world, "after both rechecks")?;
    Ok(true)
}

/// Tears both resources down at the same time. Each teardown is planned while the other resource exists. Then each rechecks what
/// it reported as shared.
pub(crate) fn tear_both_down(
    (a, b): ((&Resource, &Spec), (&Resource, &Spec)),
    world: &World,
    order: &[u8],
) -> Result<World, TestCaseError> {
    let (mut world, cluster) = (world.clone(), &a.1.cluster_name);
    let plan_teardown = |(resource, spec): (&Resource, &Spec)| {
        resource.plan_teardown(&world, spec).map_err(|problems| failure(&problems.to_string(), &world))
    };
    let steps = |planned: &TeardownPlan| planned.plan.steps().map(|(_, step, _)| step.clone()).collect();
    let (planned_a, planned_b) = (plan_teardown(a)?, plan_teardown(b)?);
    for step in interleaved(order, steps(&planned_a), steps(&planned_b)) {
        apply_outdated(&mut world, &step, cluster)
            .map_err(|code| failure(&format!("`{step}` fails: {code}"), &world))?;
    }
    for ((resource, spec), planned) in [(a, planned_a), (b, planned_b)] {
        let recheck = resource.plan_teardown_recheck(&world, spec, &planned.plan, planned.recheck);
        let recheck = recheck.map_err(|problems| failure(&problems.to_string(), &world))?;
        apply_all(&mut world, steps(&recheck), cluster)?;
    }
    Ok(world)
}

/// The error codes for an object or a role that does not exist.
const GONE: [&str; 3] = ["NoSuchEntity", "ResourceNotFoundException", "InvalidParameterException"];

/// A resource is created while the one whose objects it shares is deleted. The Delete does not know of the new markers, and
/// deletes objects that have just got one. The Create reads them again, and creates what is gone.
#[test]
fn create_during_delete_of_sharing_resource_has_all_objects() {
    check_property(&(two_resources_of_one_stack(), worlds(), orders()), 25, |((raw_a, raw_b), world, order)| {
        let (a, b) = (Resource::new(STACK, "Prereqs"), Resource::new(STACK, "More"));
        let (spec_a, spec_b, run) = (spec(&raw_a), spec(&raw_b), Run::complete(&order));
        if spec_a.cluster_name != spec_b.cluster_name {
            return Ok(false);
        }
        let cluster = &spec_a.cluster_name;
        let Some(only_b) = b.try_reconcile(&world, &spec_b, None, run)? else { return Ok(false) };
        let Some(only_a) = a.try_reconcile(&world, &spec_a, None, run)? else { return Ok(false) };
        let Ok(created) = b.plan(&only_a, &spec_b, None) else { return Ok(false) };
        let deleted = a.plan_teardown(&only_a, &spec_a).map_err(|problems| failure(&problems.to_string(), &only_a))?;
        // `concurrent_create_delete` covers the tags of EC2.
        let is_of_ec2 = |step: &Step| matches!(step, Step::Ec2(_));
        let steps = |plan: &Plan| -> VecDeque<Step> {
            plan.steps().map(|(_, step, _)| step.clone()).filter(|step| !is_of_ec2(step)).collect()
        };
        let (mut both, mut is_gone, mut is_in_use) = (only_a, false, false);
        let mut creating = steps(&created.plan);
        for step in interleaved(&order, creating.clone(), steps(&deleted.plan)) {
            // A step of both plans belongs to the Create first. After a failure, no further step of the plan begins.
            let is_of_create = creating.front() == Some(&step);
            if is_of_create {
                creating.pop_front();
            }
            if if is_of_create { is_gone } else { is_in_use } {
                continue;
            }
            match apply_outdated(&mut both, &step, cluster) {
                Err(code) if is_of_create && GONE.contains(&code.as_str()) => is_gone = true,
                // The object is gone, or has got something that keeps it from being deleted (DeleteConflict). The Delete fails,
                // and the user deletes the stack again. That Delete begins with a new snapshot.
                Err(_) if !is_of_create => is_in_use = true,
                result => result.map_err(|code| failure(&format!("`{step}` fails: {code}"), &both))?,
            }
        }
        if is_gone || created.needs_second_pass {
            let again = b.plan(&both, &spec_b, None).map_err(|problems| failure(&problems.to_string(), &both))?;
            apply_all(&mut both, steps(&again.plan), cluster)?;
        }
        let recheck = if is_in_use {
            a.plan_teardown(&both, &spec_a)
        } else {
            a.plan_teardown_recheck(&both, &spec_a, &deleted.plan, deleted.recheck)
        };
        let recheck = recheck.map_err(|problems| failure(&problems.to_string(), &both))?;
        apply_all(&mut both, steps(&recheck.plan), cluster)?;
        let without_ec2 = |world: &World| World { resources: BTreeMap::new(), ..owner_stacks_only(world) };
        expect_equal(&without_ec2(&both), &without_ec2(&only_b), "after the Create and the Delete")?;
        Ok(true)
    });
}

/// Applies a step of an outdated plan. An edit of aws-auth is repeated from a fresh read, as the function does. By then, another
/// verb can be needed, or another run has made the same edit.
fn apply_outdated(world: &mut World, step: &Step, cluster: &str) -> Result<(), String> {
    let Step::AwsAuth(EditAwsAuth { change, .. }) = step else { return world.apply_step(step, cluster) };
    let mut result = Ok(());
    for verb in [Verb::Create, Verb::Update, Verb::Delete] {
        result = world.apply_step(&Step::AwsAuth(EditAwsAuth { change: change.clone(), verb }), cluster);
        if result.as_ref().is_err_and(|error| error == NOTHING_TO_EDIT) {
            return Ok(());
        }
        if result.is_ok() {
            break;
        }
    }
    // The function releases the fields at once, because the plans of two runs may both leave it to the other one.
    if result.is_ok() && matches!(change, Change::RemoveEntry { .. }) {
        let release = EditAwsAuth { change: Change::ReleaseFields, verb: Verb::Update };
        return apply_outdated(world, &Step::AwsAuth(release), cluster);
    }
    result
}

/// Removes all tags but the markers from access entries and OIDC providers. The other tags of a shared object are those of the
/// resource that created it.
fn markers_only(world: &World) -> World {
    let mut world = world.clone();
    let entries = world.clusters.values_mut().flat_map(|eks| eks.access_entries.values_mut());
    let providers = world.oidc_providers.values_mut().map(|provider| &mut provider.tags);
    for tags in entries.map(|entry| &mut entry.tags).chain(providers) {
        tags.retain(|key, _| Marker::from_key(key).is_some());
    }
    world
}

/// Shortens all owner tags to the stack, because either resource may have created a shared object.
fn owner_stacks_only(world: &World) -> World {
    let mut world = world.clone();
    let of_roles = world.roles.values_mut().map(|role| &mut role.tags);
    let of_eks = world.clusters.values_mut().flat_map(|eks| {
        let entries = eks.access_entries.values_mut().map(|entry| &mut entry.tags);
        entries.chain(eks.associations.values_mut().map(|association| &mut association.tags))
    });
    let of_iam = of_roles.chain(world.profiles.values_mut().map(|profile| &mut profile.tags));
    let of_providers = world.oidc_providers.values_mut().map(|provider| &mut provider.tags);
    for tags in of_iam.chain(of_eks).chain(of_providers) {
        if let Some((stack, _)) = tags.get(OWNER_KEY).and_then(|owner| owner.rsplit_once('/')) {
            let stack = stack.to_owned();
            tags.insert(OWNER_KEY.to_owned(), stack);
        }
    }
    world
}
