//! A resource that is created, is created again, and goes.

use crate::life::{Resource, Run, same};
use crate::properties::{STACK, properties, spec};
use crate::worlds::worlds;
use crate::{orders, prove};

/// That a second run plans nothing is part of every convergence and of every release here.
#[test]
fn what_was_made_goes_and_leaves_the_world_as_it_was() {
    prove(&(properties(), worlds(), orders(), orders()), 40, |(raw, world, one, other)| {
        let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec(&raw));
        let Some(made) = resource.try_converge(&world, &spec, None, Run::whole(&one))? else { return Ok(false) };
        let gone = resource.release(&made, &spec, Run::whole(&other))?;
        same(&gone, &world, "after the release")?;
        Ok(true)
    });
}
