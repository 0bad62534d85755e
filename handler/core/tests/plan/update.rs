//! Updates in place: a world tells no more than what is wanted now.

use crate::life::{Resource, Run, fault, same};
use crate::properties::{STACK, in_place, spec};
use crate::worlds::worlds;
use crate::{orders, prove};
use karpenter_prereqs_core::plan::Problem;

/// As if it had been created so: nothing is left of the old properties.
#[test]
fn an_update_leads_where_a_create_would() {
    prove(&(in_place(), worlds(), orders()), 30, |((old, new), world, order)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let run = Run::whole(&order);
        let Some(made) = resource.try_converge(&world, &old, None, run)? else { return Ok(false) };
        let Some(expected) = resource.try_converge(&world, &new, None, run)? else { return Ok(false) };
        let Some(updated) = resource.try_converge(&made, &new, Some(&old), run)? else {
            // While one tag takes another's place, both are there, and one note more.
            let refused = resource.plan(&made, &new, Some(&old)).unwrap_err();
            let crowded = refused.0.iter().all(|problem| matches!(problem, Problem::TooManyTags { count: 48.., .. }));
            return if crowded { Ok(false) } else { Err(fault(&refused.to_string(), &made)) };
        };
        same(&updated, &expected, "after the update")?;
        // A Create that comes late finds nothing to do either.
        same(&resource.converge(&updated, &new, None, run)?, &updated, "after another Create")?;
        Ok(true)
    });
}

/// A rollback is never refused, and nothing of what it undoes is left.
#[test]
fn an_update_and_its_rollback_leave_the_world_as_it_was() {
    prove(&(in_place(), worlds(), orders(), orders()), 30, |((old, new), world, one, other)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(made) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
        let Some(updated) = resource.try_converge(&made, &new, Some(&old), Run::whole(&other))? else {
            return Ok(false);
        };
        let back = resource.converge(&updated, &old, Some(&new), Run::whole(&one))?;
        same(&back, &made, "after the rollback")?;
        let gone = resource.release(&updated, &new, Run::whole(&one))?;
        same(&gone, &world, "after update and release")?;
        Ok(true)
    });
}
