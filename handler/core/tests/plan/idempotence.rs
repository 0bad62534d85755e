//! Create and Delete of one resource.

use crate::generators::worlds;
use crate::harness::{Resource, Run, expect_equal};
use crate::properties::{STACK, properties, spec};
use crate::{check_property, orders};

/// Every reconciliation and every teardown of the harness also checks that a second run writes nothing.
#[test]
fn create_then_delete_restores_account() {
    check_property(&(properties(), worlds(), orders(), orders()), 40, |(raw, world, order, other_order)| {
        let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec(&raw));
        let Some(created) = resource.try_reconcile(&world, &spec, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let deleted = resource.tear_down(&created, &spec, Run::complete(&other_order))?;
        expect_equal(&deleted, &world, "after the Delete")?;
        Ok(true)
    });
}
