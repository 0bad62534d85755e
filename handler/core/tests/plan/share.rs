//! Resources that share what they use: each stays whole when the other goes, and the last one takes all.

use crate::life::{Resource, Run, same};
use crate::properties::{OTHER_STACK, STACK, of_two_stacks, spec};
use crate::worlds::worlds;
use crate::{orders, prove};

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
