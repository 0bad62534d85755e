//! The process is killed after any step, more than once. The next run reaches the same state as without interruption.

use crate::generators::worlds;
use crate::harness::{Resource, Run, expect_equal};
use crate::model::World;
use crate::properties::{STACK, in_place, properties, replacing, spec};
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::spec::Spec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// Generates the points at which the process is killed, see [`Run::interrupt_at`].
fn interruptions() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..4)
}

/// Reconciles once for each interruption. Every run is interrupted.
fn reconcile_interrupted(
    resource: &Resource,
    world: &World,
    spec: &Spec,
    old: Option<&Spec>,
    order: &[u8],
    interruptions: &[u8],
) -> Result<World, TestCaseError> {
    interruptions
        .iter()
        .try_fold(world.clone(), |world, at| resource.reconcile(&world, spec, old, Run::interrupted(order, *at)))
}

#[test]
fn interrupted_create_is_completed_or_torn_down() {
    let strategy = (properties(), worlds(), orders(), orders(), interruptions());
    check_property(&strategy, 40, |(raw, world, order, other_order, interruptions)| {
        let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec(&raw));
        let Some(expected) = resource.try_reconcile(&world, &spec, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let interrupted = reconcile_interrupted(&resource, &world, &spec, None, &order, &interruptions)?;
        let created = resource.reconcile(&interrupted, &spec, None, Run::complete(&other_order))?;
        expect_equal(&created, &expected, "after the second delivery")?;
        let deleted = resource.tear_down(&interrupted, &spec, Run::complete(&other_order))?;
        expect_equal(&deleted, &world, "after the teardown")?;
        Ok(true)
    });
}

#[test]
fn interrupted_delete_is_completed_or_recreated() {
    let strategy = (properties(), worlds(), orders(), orders(), interruptions());
    check_property(&strategy, 40, |(raw, world, order, other_order, interruptions)| {
        let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec(&raw));
        let Some(created) = resource.try_reconcile(&world, &spec, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let mut interrupted = created.clone();
        for at in interruptions {
            interrupted = resource.tear_down(&interrupted, &spec, Run::interrupted(&other_order, at))?;
        }
        let deleted = resource.tear_down(&interrupted, &spec, Run::complete(&order))?;
        expect_equal(&deleted, &world, "after the second delivery")?;
        let recreated = resource.reconcile(&interrupted, &spec, None, Run::complete(&other_order))?;
        expect_equal(&recreated, &created, "after a Create")?;
        Ok(true)
    });
}

/// While one discovery tag replaces another, the markers name both. So a Delete with either properties removes both.
#[test]
fn interrupted_update_is_completed_rolled_back_or_deleted() {
    let strategy = (in_place(), worlds(), orders(), orders(), interruptions(), interruptions());
    check_property(&strategy, 25, |((old, new), world, order, other_order, of_update, of_rollback)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(expected) = resource.try_reconcile(&before, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let reconcile = |world: &World, spec: &Spec, old: &Spec, order: &[u8]| {
            resource.reconcile(world, spec, Some(old), Run::complete(order))
        };
        let interrupted = reconcile_interrupted(&resource, &before, &new, Some(&old), &order, &of_update)?;
        expect_equal(&reconcile(&interrupted, &new, &old, &other_order)?, &expected, "after the second delivery")?;
        expect_equal(&reconcile(&interrupted, &old, &new, &order)?, &before, "after the rollback")?;
        // The rollback is interrupted too. Then the rollback or the Update is delivered again.
        let interrupted = reconcile_interrupted(&resource, &interrupted, &old, Some(&new), &other_order, &of_rollback)?;
        expect_equal(&reconcile(&interrupted, &old, &new, &order)?, &before, "after the second rollback")?;
        expect_equal(&reconcile(&interrupted, &new, &old, &order)?, &expected, "after the second Update")?;
        for spec in [&old, &new] {
            let deleted = resource.tear_down(&interrupted, spec, Run::complete(&other_order))?;
            expect_equal(&deleted, &world, "after the Delete")?;
        }
        Ok(true)
    });
}

#[test]
fn interrupted_replacement_is_completed_or_rolled_back() {
    let strategy = (replacing(), worlds(), orders(), orders(), interruptions());
    check_property(&strategy, 15, |((old, new), world, order, other_order, interruptions)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(both) = resource.try_reconcile(&before, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let interrupted = reconcile_interrupted(&resource, &before, &new, Some(&old), &order, &interruptions)?;
        let completed = resource.reconcile(&interrupted, &new, Some(&old), Run::complete(&other_order))?;
        expect_equal(&completed, &both, "after the second delivery")?;
        // The Update fails and removes what it created. Then CloudFormation rolls back.
        let undone = resource.tear_down(&interrupted, &new, Run::complete(&other_order))?;
        let rolled_back = resource.reconcile(&undone, &old, Some(&new), Run::complete(&order))?;
        expect_equal(&rolled_back, &before, "after the rollback")?;
        // CloudFormation rolls the interrupted Update back, and then deletes the new generation.
        let updated = resource.reconcile(&interrupted, &old, Some(&new), Run::complete(&order))?;
        let rolled_back = resource.tear_down(&updated, &new, Run::complete(&other_order))?;
        expect_equal(&rolled_back, &before, "after the rollback and the Delete")?;
        Ok(true)
    });
}
