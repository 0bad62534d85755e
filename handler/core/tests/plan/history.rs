//! A resource's life: Updates that succeed, fail and are cut off, one after the other, and the Delete at its end.

use crate::life::{Resource, Run, same};
use crate::properties::{STACK, history, spec};
use crate::worlds::worlds;
use crate::{orders, prove};
use proptest::prelude::*;
use proptest::sample::select;

/// What becomes of an Update.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Succeeds,
    /// Cut off, and delivered again.
    ComesAgain,
    /// Something else in the stack fails: it is rolled back, and what it replaced by is deleted.
    RolledBack,
    /// As before, with the Delete first.
    TakenBack,
    /// Cut off, and rolled back.
    CutOff,
}

const FATES: [Fate; 5] = [Fate::Succeeds, Fate::ComesAgain, Fate::RolledBack, Fate::TakenBack, Fate::CutOff];

#[test]
fn whatever_was_it_stands_as_if_created_so_and_goes_without_a_trace() {
    let fates = prop::collection::vec((select(&FATES[..]), any::<u8>()), 4);
    prove(&(history(5), fates, worlds(), orders()), 30, |(history, fates, world, order)| {
        let (resource, run) = (Resource::of(STACK, "Prereqs"), Run::whole(&order));
        let mut current = spec(&history[0]);
        let Some(mut now) = resource.try_converge(&world, &current, None, run)? else { return Ok(false) };
        for (raw, (fate, cut)) in history[1..].iter().zip(fates) {
            let (new, before) = (spec(raw), now.clone());
            let (replacing, old) = (resource.generation(&new) != resource.generation(&current), current.clone());
            let at = if matches!(fate, Fate::ComesAgain | Fate::CutOff) { Run::cut(&order, cut) } else { run };
            let Some(updated) = resource.try_converge(&now, &new, Some(&old), at)? else { continue };
            let delete = |world, spec| if replacing { resource.release(&world, spec, run) } else { Ok(world) };
            now = match fate {
                Fate::Succeeds => delete(updated, &old)?,
                Fate::ComesAgain => delete(resource.converge(&updated, &new, Some(&old), run)?, &old)?,
                Fate::RolledBack | Fate::CutOff => delete(resource.converge(&updated, &old, Some(&new), run)?, &new)?,
                Fate::TakenBack => resource.converge(&delete(updated, &new)?, &old, Some(&new), run)?,
            };
            if matches!(fate, Fate::Succeeds | Fate::ComesAgain) {
                if let Some(expected) = resource.try_converge(&world, &new, None, run)? {
                    same(&now, &expected, "after the Update")?;
                }
                current = new;
            } else {
                same(&now, &before, "after the rollback")?;
            }
        }
        same(&resource.release(&now, &current, run)?, &world, "after the Delete")?;
        Ok(true)
    });
}
