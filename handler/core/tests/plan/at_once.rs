//! One resource's Update and its rollback at the same moment: CloudFormation does not wait for the one that it cancels.

use crate::life::{Resource, Run};
use crate::model::World;
use crate::properties::{STACK, in_place, spec};
use crate::share::{is_on_tags, tagged_as_before};
use crate::worlds::worlds;
use crate::{orders, prove};
use karpenter_prereqs_core::plan::{self, Step};
use karpenter_prereqs_core::spec::Spec;
use proptest::prelude::*;
use std::collections::VecDeque;

/// An Update and its rollback run at once, each looking at what the other has half done; in the end the Update sees that
/// it is overtaken, and puts the old properties back.
#[test]
fn an_update_and_its_rollback_at_once_lose_no_tag_and_leave_none() {
    let strategy = (in_place(), worlds(), orders(), prop::collection::vec(any::<bool>(), 1..48));
    prove(&strategy, 10, |((mut old, mut new), world, order, turns)| {
        old.remove("DiscoveryTagKey");
        new.insert("DiscoveryTagKey".to_owned(), "team/discovery".into());
        let (resource, old, new) = (Resource::of(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_converge(&world, &old, None, Run::whole(&order))? else { return Ok(false) };
        if resource.try_converge(&before, &new, Some(&old), Run::whole(&order))?.is_none() {
            return Ok(false);
        }
        let mut both = before.clone();
        let mut update = Tagger::new(&resource, &new, &old);
        let mut rollback = Tagger::new(&resource, &old, &new);
        for is_updates in turns.iter().cycle() {
            let (turn, other) = if *is_updates { (&mut update, &mut rollback) } else { (&mut rollback, &mut update) };
            if !turn.goes_on(&mut both) && !other.goes_on(&mut both) {
                break;
            }
        }
        let mut undo = Tagger::new(&resource, &old, &new);
        while undo.goes_on(&mut both) {}
        tagged_as_before(&both, &before)
    });
}

/// One run, as far as it tags.
struct Tagger<'a> {
    resource: &'a Resource,
    spec: &'a Spec,
    old: &'a Spec,
    steps: VecDeque<Step>,
    /// How often it will look again.
    looks: u8,
}

impl<'a> Tagger<'a> {
    fn new(resource: &'a Resource, spec: &'a Spec, old: &'a Spec) -> Self {
        Self { resource, spec, old, steps: VecDeque::new(), looks: 4 }
    }

    /// One step more; `false` when there is none. What has been done already is done again.
    fn goes_on(&mut self, world: &mut World) -> bool {
        let Some(step) = self.steps.pop_front() else {
            if self.looks == 0 {
                return false;
            }
            self.looks -= 1;
            match self.resource.plan(world, self.spec, Some(self.old)) {
                Ok(converged) => {
                    let is_on_tags = |step: &&Step| is_on_tags(step) || matches!(step, Step::ConfirmTags { .. });
                    let steps = converged.plan.steps().map(|(_, step, _)| step);
                    self.steps = steps.filter(is_on_tags).cloned().collect();
                    if !converged.is_shared {
                        self.looks = 0;
                    }
                }
                Err(_) => self.looks = 0,
            }
            return self.looks != 0 || !self.steps.is_empty();
        };
        match step {
            Step::CreateTags { ids, tags } | Step::MarkLeaving { ids, tags } => {
                for id in ids {
                    world.resources.entry(id).or_default().extend(tags.clone());
                }
            }
            Step::DeleteTags { ids, tags } => {
                for id in &ids {
                    world.resources.entry(id.clone()).or_default().retain(|key, value| tags.get(key) != Some(value));
                }
            }
            Step::ConfirmTags { ids, tag, mark } => {
                for id in ids {
                    let found = world.resources.entry(id).or_default();
                    if !found.contains_key(&tag.key) {
                        found.extend(plan::tagged_again(found, &tag, &mark));
                    }
                }
            }
            Step::LeaveTags { ids, marks } => {
                let there = world.resources.iter().filter(|(id, _)| ids.contains(id));
                for (tags, ids) in plan::leavings(there, &marks) {
                    for id in &ids {
                        let found = world.resources.entry(id.clone()).or_default();
                        found.retain(|key, value| tags.get(key) != Some(value));
                    }
                }
            }
            _ => {}
        }
        true
    }
}
