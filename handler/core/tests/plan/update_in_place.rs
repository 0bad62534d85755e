//! Updates in place: the result depends on the new properties alone.

use crate::generators::worlds;
use crate::harness::{Resource, Run, expect_equal, failure};
use crate::properties::{STACK, in_place, spec};
use crate::{check_property, orders};
use karpenter_prereqs_core::plan::Problem;

/// Nothing of the old properties is left, as if the resource had been created with the new ones.
#[test]
fn update_equals_create_with_new_properties() {
    check_property(&(in_place(), worlds(), orders()), 30, |((old, new), world, order)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let run = Run::complete(&order);
        let Some(created) = resource.try_reconcile(&world, &old, None, run)? else { return Ok(false) };
        let Some(expected) = resource.try_reconcile(&world, &new, None, run)? else { return Ok(false) };
        let Some(updated) = resource.try_reconcile(&created, &new, Some(&old), run)? else {
            // While one discovery tag replaces another, the resource has both, and a previous-tag marker.
            let problems = resource.plan(&created, &new, Some(&old)).unwrap_err();
            let is_full = problems.0.iter().all(|problem| matches!(problem, Problem::TooManyTags { count: 48.., .. }));
            return if is_full { Ok(false) } else { Err(failure(&problems.to_string(), &created)) };
        };
        expect_equal(&updated, &expected, "after the Update")?;
        // A late delivery of the Create changes nothing either.
        expect_equal(&resource.reconcile(&updated, &new, None, run)?, &updated, "after a second Create")?;
        Ok(true)
    });
}

/// The rollback reports no problems, and nothing of the failed Update is left.
#[test]
fn update_and_rollback_restore_account() {
    check_property(&(in_place(), worlds(), orders(), orders()), 30, |((old, new), world, order, other_order)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(created) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(updated) = resource.try_reconcile(&created, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let rolled_back = resource.reconcile(&updated, &old, Some(&new), Run::complete(&order))?;
        expect_equal(&rolled_back, &created, "after the rollback")?;
        let deleted = resource.tear_down(&updated, &new, Run::complete(&order))?;
        expect_equal(&deleted, &world, "after Update and Delete")?;
        Ok(true)
    });
}
