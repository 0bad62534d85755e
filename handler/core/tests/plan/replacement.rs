//! Replacements: a new generation is created while the old one exists, and either of them is torn down.

use crate::generators::worlds;
use crate::harness::{Resource, Run, expect_equal};
use crate::properties::{STACK, replacing, spec};
use crate::{check_property, orders};

/// CloudFormation creates the new generation. Then it deletes the old one, with the old properties.
#[test]
fn replacement_equals_create_with_new_properties() {
    check_property(&(replacing(), worlds(), orders(), orders()), 15, |((old, new), world, order, other_order)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(expected) = resource.try_reconcile(&world, &new, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(both) = resource.try_reconcile(&before, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let replaced = resource.tear_down(&both, &old, Run::complete(&order))?;
        expect_equal(&replaced, &expected, "after the replacement")?;
        let deleted = resource.tear_down(&replaced, &new, Run::complete(&other_order))?;
        expect_equal(&deleted, &world, "after replacement and Delete")?;
        Ok(true)
    });
}

/// The rollback's Update and the Delete of the new generation may be delivered in either order.
#[test]
fn replacement_rollback_restores_account() {
    check_property(&(replacing(), worlds(), orders(), orders()), 15, |((old, new), world, order, other_order)| {
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Some(both) = resource.try_reconcile(&before, &new, Some(&old), Run::complete(&other_order))? else {
            return Ok(false);
        };
        let updated = resource.reconcile(&both, &old, Some(&new), Run::complete(&order))?;
        let rolled_back = resource.tear_down(&updated, &new, Run::complete(&other_order))?;
        expect_equal(&rolled_back, &before, "after Update and Delete")?;
        let deleted = resource.tear_down(&both, &new, Run::complete(&order))?;
        let rolled_back = resource.reconcile(&deleted, &old, Some(&new), Run::complete(&other_order))?;
        expect_equal(&rolled_back, &before, "after Delete and Update")?;
        Ok(true)
    });
}
