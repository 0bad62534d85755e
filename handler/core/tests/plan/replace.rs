//! Replacements: the new generation beside the old one, and either of them taken away.

use crate::life::{Resource, Run, same};
use crate::properties::{STACK, replacing, spec};
use crate::worlds::worlds;
use crate::{orders, prove};

/// CloudFormation makes the new generation, and then deletes the old one with the old properties.
#[test]
fn a_replacement_leads_where_a_create_would() {
    prove(&(replacing(), worlds(), orders(), orders()), 15, |((old, new), world, one, other)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
        let Some(expected) = resource.try_converge(&world, &new, None, Run::whole(&one))? else { return Ok(false) };
        let Some(both) = resource.try_converge(&before, &new, Some(&old), Run::whole(&other))? else {
            return Ok(false);
        };
        let after = resource.release(&both, &old, Run::whole(&one))?;
        same(&after, &expected, "after the replacement")?;
        let gone = resource.release(&after, &new, Run::whole(&other))?;
        same(&gone, &world, "after replacement and release")?;
        Ok(true)
    });
}

/// The rollback's Update and the Delete of what it undoes come in either order.
#[test]
fn a_replacement_that_is_rolled_back_leaves_the_world_as_it_was() {
    prove(&(replacing(), worlds(), orders(), orders()), 15, |((old, new), world, one, other)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
        let Some(both) = resource.try_converge(&before, &new, Some(&old), Run::whole(&other))? else {
            return Ok(false);
        };
        let back = resource.converge(&both, &old, Some(&new), Run::whole(&one))?;
        let back = resource.release(&back, &new, Run::whole(&other))?;
        same(&back, &before, "after Update and Delete")?;
        let back = resource.release(&both, &new, Run::whole(&one))?;
        let back = resource.converge(&back, &old, Some(&new), Run::whole(&other))?;
        same(&back, &before, "after Delete and Update")?;
        Ok(true)
    });
}
