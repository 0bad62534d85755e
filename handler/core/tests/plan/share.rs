//! Resources that share what they use: each stays whole when the other goes, and the last one takes all.

use crate::life::{Resource, Run, same};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, of_one_stack, of_two_stacks, spec};
use crate::worlds::worlds;
use crate::{orders, prove};
use karpenter_prereqs_core::ownership::OWNER_KEY;

/// Subnets, security groups, aws-auth and a given role are anybody's.
#[test]
fn of_two_stacks_either_goes_and_leaves_the_other_whole() {
    prove(&(of_two_stacks(), worlds(), orders(), orders()), 15, |((one, two), world, order, other)| {
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        let (one, two, run) = (spec(&one), spec(&two), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        let Some(second) = there.try_converge(&world, &two, None, run)? else { return Ok(false) };
        let Some(both) = there.try_converge(&first, &two, None, Run::whole(&other))? else { return Ok(false) };
        let left = here.release(&both, &one, run)?;
        same(&left, &second, "without the first")?;
        same(&there.release(&left, &two, run)?, &world, "without the first and then the second")?;
        let left = there.release(&both, &two, run)?;
        same(&left, &first, "without the second")?;
        same(&here.release(&left, &one, run)?, &world, "without the second and then the first")?;
        Ok(true)
    });
}

/// Roles and profile too are shared within a stack; their owner tag goes on naming who made them.
#[test]
fn of_one_stack_either_goes_and_leaves_the_other_whole() {
    prove(&(of_one_stack(), worlds(), orders(), orders()), 15, |((one, two), world, order, other)| {
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(STACK, "More"));
        let (one, two, run) = (spec(&one), spec(&two), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        let Some(second) = there.try_converge(&world, &two, None, run)? else { return Ok(false) };
        let Some(both) = there.try_converge(&first, &two, None, Run::whole(&other))? else { return Ok(false) };
        let left = here.release(&both, &one, run)?;
        same(&whoever_made_it(&left), &whoever_made_it(&second), "without the first")?;
        same(&there.release(&left, &two, run)?, &world, "without the first and then the second")?;
        let left = there.release(&both, &two, run)?;
        same(&left, &first, "without the second")?;
        same(&here.release(&left, &one, run)?, &world, "without the second and then the first")?;
        Ok(true)
    });
}

/// The world with owner tags that tell the stack alone.
fn whoever_made_it(world: &World) -> World {
    let mut world = world.clone();
    let roles = world.roles.values_mut().map(|role| &mut role.tags);
    for tags in roles.chain(world.profiles.values_mut().map(|profile| &mut profile.tags)) {
        if let Some((stack, _)) = tags.get(OWNER_KEY).and_then(|owner| owner.rsplit_once('/')) {
            let stack = stack.to_owned();
            tags.insert(OWNER_KEY.to_owned(), stack);
        }
    }
    world
}
