//! A Create, several Updates that succeed, fail or are interrupted, and a Delete.

use crate::generators::{plain, worlds};
use crate::harness::{PropResult, Resource, Run, expect_equal};
use crate::model::World;
use crate::properties::{STACK, history, spec, spec_of};
use crate::{check_property, orders};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

/// How an Update ends.
#[derive(Clone, Copy, Debug)]
enum UpdateOutcome {
    Succeeds,
    /// The process is killed, and the event is delivered again.
    Redelivered,
    /// Another resource of the stack fails. CloudFormation rolls back, and then deletes the new generation of a replacement.
    RolledBack,
    /// As [`UpdateOutcome::RolledBack`], and the Delete is delivered first.
    DeletedAndRolledBack,
    /// The process is killed, and CloudFormation rolls back.
    InterruptedAndRolledBack,
}

const ALL: [UpdateOutcome; 5] = [
    UpdateOutcome::Succeeds,
    UpdateOutcome::Redelivered,
    UpdateOutcome::RolledBack,
    UpdateOutcome::DeletedAndRolledBack,
    UpdateOutcome::InterruptedAndRolledBack,
];

/// Generates the outcome of each Update, and the point at which its process is killed.
fn outcomes() -> impl Strategy<Value = Vec<(UpdateOutcome, u8)>> {
    prop::collection::vec((select(&ALL[..]), any::<u8>()), 4)
}

/// After each Update the account is as after a Create with its properties. After the Delete the account is as before.
#[test]
fn create_after_any_history_then_delete_restores_account() {
    check_property(&(history(5), outcomes(), worlds(), orders()), 30, |(history, outcomes, world, order)| {
        run_history(&history, &outcomes, &world, &order)
    });
}

/// The same for the few properties that decide which generations use the OIDC provider. In histories of all properties they
/// seldom occur together.
#[test]
fn controller_identity_history_then_delete_restores_account() {
    let other_name = proptest::option::weighted(0.2, Just("Controller"));
    let names = (select(&["demo", "demo", "demo", "demo", "other"]), other_name);
    let identities = select(vec![None, Some(json!(["PodIdentity"])), Some(json!(["IRSA", "PodIdentity"]))]);
    let properties = (names, identities, select(&[None, Some("Create")])).prop_map(|(names, identity, provider)| {
        let (cluster, controller) = names;
        let controller = controller.map(|name| ("ControllerRoleName", json!(name)));
        let (identity, provider) =
            (identity.map(|it| ("ControllerIdentity", it)), provider.map(|it| ("OidcProvider", json!(it))));
        let all = [Some(("ClusterName", json!(cluster))), controller, identity, provider];
        all.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect::<RawProperties>()
    });
    let histories = prop::collection::vec(properties, 5);
    let strategy = (histories, outcomes(), prop::bool::weighted(0.2), orders());
    check_property(&strategy, 30, |(history, outcomes, has_provider, order)| {
        let mut world = plain();
        let demo = world.clusters["demo"].clone();
        let other = world.clusters.get_mut("other").expect("every plain world has it");
        (other.subnet_ids, other.security_group_ids) = (demo.subnet_ids, demo.security_group_ids);
        if !has_provider {
            world.oidc_providers.clear();
        }
        run_history(&history, &outcomes, &world, &order)
    });
}

/// Creates the resource with the first properties, updates it to each of the others, and deletes it.
fn run_history(history: &[RawProperties], outcomes: &[(UpdateOutcome, u8)], world: &World, order: &[u8]) -> PropResult {
    let (resource, run) = (Resource::new(STACK, "Prereqs"), Run::complete(order));
    let mut current = spec(&history[0]);
    let Some(mut current_world) = resource.try_reconcile(world, &current, None, run)? else { return Ok(false) };
    for (raw, (outcome, interrupt_at)) in history[1..].iter().zip(outcomes) {
        let (new, before) = (spec(raw), current_world.clone());
        let (is_replacement, old) = (resource.generation(&new) != resource.generation(&current), current.clone());
        let update_run = match outcome {
            UpdateOutcome::Redelivered | UpdateOutcome::InterruptedAndRolledBack => {
                Run::interrupted(order, *interrupt_at)
            }
            _ => run,
        };
        let Some(updated) = resource.try_reconcile(&current_world, &new, Some(&old), update_run)? else { continue };
        let delete = |world, spec| if is_replacement { resource.tear_down(&world, spec, run) } else { Ok(world) };
        current_world = match outcome {
            UpdateOutcome::Succeeds => delete(updated, &old)?,
            UpdateOutcome::Redelivered => delete(resource.reconcile(&updated, &new, Some(&old), run)?, &old)?,
            UpdateOutcome::RolledBack | UpdateOutcome::InterruptedAndRolledBack => {
                delete(resource.roll_back(&updated, &old, &new, run)?, &new)?
            }
            UpdateOutcome::DeletedAndRolledBack => resource.roll_back(&delete(updated, &new)?, &old, &new, run)?,
        };
        if matches!(outcome, UpdateOutcome::Succeeds | UpdateOutcome::Redelivered) {
            if let Some(expected) = resource.try_reconcile(world, &new, None, run)? {
                expect_equal(&current_world, &expected, "after the Update")?;
            }
            current = new;
        } else {
            expect_equal(&current_world, &before, "after the rollback")?;
        }
    }
    expect_equal(&resource.tear_down(&current_world, &current, run)?, world, "after the Delete")?;
    Ok(true)
}

/// A stack creates the provider. Its next Update only requires the provider, as a resource does if another one creates it. An
/// Update to Pod Identity deletes the provider, and is rolled back.
#[test]
fn rollback_recreates_oidc_provider_deleted_by_update() {
    let (resource, run) = (Resource::new(STACK, "Prereqs"), Run::complete(&[]));
    let mut world = plain();
    world.oidc_providers.clear();
    let specs = [json!({"OidcProvider": "Create"}), json!({}), json!({"ControllerIdentity": ["PodIdentity"]})];
    let [creating, requiring, without] = specs.map(spec_of);
    let created = resource.reconcile(&world, &creating, None, run).unwrap();
    let before = resource.reconcile(&created, &requiring, Some(&creating), run).unwrap();
    let updated = resource.reconcile(&before, &without, Some(&requiring), run).unwrap();
    assert!(updated.oidc_providers.is_empty());
    let rolled_back = resource.roll_back(&updated, &requiring, &without, run).unwrap();
    expect_equal(&rolled_back, &before, "after the rollback").unwrap();
    expect_equal(&resource.tear_down(&rolled_back, &requiring, run).unwrap(), &world, "after the Delete").unwrap();
    // Without a rollback, `Require` reports that the provider is missing.
    assert!(resource.try_reconcile(&updated, &requiring, Some(&without), run).unwrap().is_none());
}
