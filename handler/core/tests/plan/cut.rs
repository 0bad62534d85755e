//! The power is cut after any step, more than once: whoever comes next ends where nobody would have cut it.

use crate::life::{Resource, Run, same};
use crate::model::World;
use crate::properties::{STACK, in_place, properties, replacing, spec};
use crate::worlds::worlds;
use crate::{orders, prove};
use karpenter_prereqs_core::desired::spec::Spec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// Where the power is cut, once or more.
fn cuts() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..4)
}

/// Converges so often, and is cut off so often.
fn cut_off(
    resource: &Resource,
    world: &World,
    spec: &Spec,
    old: Option<&Spec>,
    order: &[u8],
    cuts: &[u8],
) -> Result<World, TestCaseError> {
    cuts.iter().try_fold(world.clone(), |world, at| resource.converge(&world, spec, old, Run::cut(order, *at)))
}

#[test]
fn a_create_that_is_cut_off_is_finished_or_taken_back() {
    prove(&(properties(), worlds(), orders(), orders(), cuts()), 40, |(raw, world, one, other, cuts)| {
        let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec(&raw));
        let Some(expected) = resource.try_converge(&world, &spec, None, Run::whole(&one))? else { return Ok(false) };
        let cut = cut_off(&resource, &world, &spec, None, &one, &cuts)?;
        let made = resource.converge(&cut, &spec, None, Run::whole(&other))?;
        same(&made, &expected, "once finished")?;
        same(&resource.release(&cut, &spec, Run::whole(&other))?, &world, "once taken back")?;
        Ok(true)
    });
}

#[test]
fn a_delete_that_is_cut_off_is_finished_or_made_good() {
    prove(&(properties(), worlds(), orders(), orders(), cuts()), 40, |(raw, world, one, other, cuts)| {
        let (resource, spec) = (Resource::of(STACK, "Prereqs"), spec(&raw));
        let Some(made) = resource.try_converge(&world, &spec, None, Run::whole(&one))? else { return Ok(false) };
        let mut cut = made.clone();
        for at in cuts {
            cut = resource.release(&cut, &spec, Run::cut(&other, at))?;
        }
        same(&resource.release(&cut, &spec, Run::whole(&one))?, &world, "once finished")?;
        same(&resource.converge(&cut, &spec, None, Run::whole(&other))?, &made, "once made again")?;
        Ok(true)
    });
}

/// The discovery tag of before and that of now are both marker_value while they change places.
#[test]
fn an_update_that_is_cut_off_is_finished_or_rolled_back_or_deleted() {
    prove(
        &(in_place(), worlds(), orders(), orders(), cuts(), cuts()),
        25,
        |((old, new), world, one, other, cuts, again)| {
            let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
            let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
            let Some(expected) = resource.try_converge(&before, &new, Some(&old), Run::whole(&other))? else {
                return Ok(false);
            };
            let cut = cut_off(&resource, &before, &new, Some(&old), &one, &cuts)?;
            same(&resource.converge(&cut, &new, Some(&old), Run::whole(&other))?, &expected, "once finished")?;
            same(&resource.converge(&cut, &old, Some(&new), Run::whole(&one))?, &before, "once rolled back")?;
            // The rollback is cut off too, and the Update comes again.
            let torn = cut_off(&resource, &cut, &old, Some(&new), &other, &again)?;
            same(&resource.converge(&torn, &old, Some(&new), Run::whole(&one))?, &before, "once rolled back again")?;
            same(&resource.converge(&torn, &new, Some(&old), Run::whole(&one))?, &expected, "once updated again")?;
            for spec in [&old, &new] {
                same(&resource.release(&torn, spec, Run::whole(&other))?, &world, "once deleted")?;
            }
            Ok(true)
        },
    );
}

#[test]
fn a_replacement_that_is_cut_off_is_finished_or_taken_back() {
    prove(&(replacing(), worlds(), orders(), orders(), cuts()), 15, |((old, new), world, one, other, cuts)| {
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&one))? else { return Ok(false) };
        let Some(both) = resource.try_converge(&before, &new, Some(&old), Run::whole(&other))? else {
            return Ok(false);
        };
        let cut = cut_off(&resource, &before, &new, Some(&old), &one, &cuts)?;
        same(&resource.converge(&cut, &new, Some(&old), Run::whole(&other))?, &both, "once finished")?;
        // It fails, takes back what it made, and CloudFormation rolls back.
        let taken_back = resource.release(&cut, &new, Run::whole(&other))?;
        same(&resource.converge(&taken_back, &old, Some(&new), Run::whole(&one))?, &before, "once rolled back")?;
        // CloudFormation rolls back what was cut off, and then deletes it.
        let back = resource.converge(&cut, &old, Some(&new), Run::whole(&one))?;
        same(&resource.release(&back, &new, Run::whole(&other))?, &before, "once rolled back and deleted")?;
        Ok(true)
    });
}
