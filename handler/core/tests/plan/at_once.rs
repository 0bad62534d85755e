//! One resource's Update and its rollback at the same moment: CloudFormation does not wait for the one that it cancels.

use crate::life::{Resource, Run};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, in_place, spec, spec_of};
use crate::share::{is_on_tags, tagged_as_before};
use crate::worlds::{plain, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::ownership::Tags;
use karpenter_prereqs_core::plan::{self, Step};
use karpenter_prereqs_core::spec::{DiscoveryTag, Spec};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// How often a run looks in all: first, and then at what others rely on.
const LOOKS: u8 = 4;

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
        let (mut update, mut rollback) = (Tagger::default(), Tagger::default());
        let aims = Aims { resource, old, new };
        for is_updates in turns.iter().cycle() {
            let mut runs = [(&mut update, Way::There), (&mut rollback, Way::Back)];
            if !is_updates {
                runs.reverse();
            }
            if !runs.into_iter().any(|(run, way)| run.goes_on(&mut both, &aims, way)) {
                break;
            }
        }
        let mut undo = Tagger::default();
        while undo.goes_on(&mut both, &aims, Way::Back) {}
        tagged_as_before(&settled(&both, &aims)?, &before)
    });
}

/// Every order there is of the steps of an Update, of the way back that it takes wherever it stops, and of the rollback
/// beside both, which is cut off once and begins anew; with whatever may stand on a security group before.
#[test]
fn in_every_order_an_update_and_its_rollback_lose_no_tag_and_leave_none() {
    let old = json!({"NodeAccess": "None"});
    let new = json!({"NodeAccess": "None", "DiscoveryTagKey": "team/discovery"});
    let (old, new) = (spec_of(old), spec_of(new));
    let aims = Aims { resource: Resource::of(STACK, "Prereqs"), old, new };
    let mut moments = 0;
    for tags in begun_with(&aims) {
        let mut world = plain();
        world.resources.insert("sg-0000000a".to_owned(), tags);
        let before = aims.resource.converge(&world, &aims.old, None, Run::whole(&[])).unwrap();
        let mut scratch = before.clone();
        let start = Moment { resources: before.resources.clone(), ..Moment::default() };
        let mut came_from = BTreeMap::from([(format!("{start:?}"), None)]);
        let mut ahead = vec![(format!("{start:?}"), start)];
        while let Some((shown, moment)) = ahead.pop() {
            let next = moment.next(&mut scratch, &aims);
            if next.is_empty() {
                let at_last = World { resources: moment.resources.clone(), ..before.clone() };
                let way = || way_to(&shown, &came_from);
                let settled = settled(&at_last, &aims).unwrap_or_else(|error| panic!("{error}\n{}", way()));
                assert_eq!(settled.resources, before.resources, "\n{}", way());
                let gone = aims.resource.release(&at_last, &aims.old, Run::whole(&[]));
                let gone = gone.unwrap_or_else(|error| panic!("{error}\n{}", way()));
                assert_eq!(gone.resources, world.resources, "after the Delete\n{}", way());
            }
            for (turn, next) in next {
                let next_shown = format!("{next:?}");
                came_from.entry(next_shown.clone()).or_insert_with(|| {
                    ahead.push((next_shown, next));
                    Some((turn, shown.clone()))
                });
            }
        }
        moments += came_from.len();
    }
    // Were a step left out, all would be well as well.
    assert!(20_000 < moments, "only {moments} moments");
}

/// A resource that is updated, and goes back.
struct Aims {
    resource: Resource,
    old: Spec,
    new: Spec,
}

/// Which way a run goes.
#[derive(Clone, Copy, Debug, Default)]
enum Way {
    /// To the new properties.
    #[default]
    There,
    /// To the old ones.
    Back,
}

/// One run, as far as it tags.
#[derive(Clone, Debug, Default)]
struct Tagger {
    steps: VecDeque<Step>,
    looks: u8,
}

/// The tags, and what each run has yet to do.
#[derive(Clone, Debug, Default)]
struct Moment {
    resources: BTreeMap<String, Tags>,
    update: Tagger,
    way: Way,
    rollback: Tagger,
    is_cut_off: bool,
}

/// What the next look puts right: no more than a note of a tag that has gone.
fn settled(world: &World, aims: &Aims) -> Result<World, TestCaseError> {
    aims.resource.converge(world, &aims.old, Some(&aims.new), Run::whole(&[]))
}

/// What may stand on a resource: nothing, the user's own tags, or another stack's with its mark; both of these too.
fn begun_with(aims: &Aims) -> impl Iterator<Item = Tags> {
    let other = Resource::of(OTHER_STACK, "Prereqs").generation(&aims.old).mark();
    let (old, new) = (&aims.old.discovery_tag, &aims.new.discovery_tag);
    let marked = move |tag: &DiscoveryTag| {
        let mut tags = tag.tags();
        tags.insert(other.key().to_owned(), tag.noted());
        tags
    };
    let alone = [Tags::new(), old.tags(), new.tags(), marked(old), marked(new)];
    let beside = [(old.tags(), new.tags()), (marked(old), new.tags()), (marked(new), old.tags())];
    alone.into_iter().chain(beside.map(|(one, other)| one.into_iter().chain(other).collect()))
}

/// Whose turn it was from the start on, and what then stood.
fn way_to(shown: &str, came_from: &BTreeMap<String, Option<(&str, String)>>) -> String {
    let mut way = vec![shown.to_owned()];
    while let Some(Some((turn, before))) = way.last().and_then(|last| came_from.get(last)) {
        way.push(format!("-- {turn}"));
        way.push(before.clone());
    }
    way.reverse();
    way.join("\n")
}

impl Moment {
    /// What may come next, and by whom; nothing when both are done.
    fn next(&self, world: &mut World, aims: &Aims) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        let mut turn = |name, goes_on: &dyn Fn(&mut Self, &mut World) -> bool| {
            let mut next = self.clone();
            world.resources.clone_from(&self.resources);
            let goes_on = goes_on(&mut next, world);
            if goes_on {
                all.push((name, Self { resources: world.resources.clone(), ..next }));
            }
            goes_on
        };
        turn("update", &|next, world| next.update.goes_on(world, aims, next.way));
        let goes_on = turn("rollback", &|next, world| next.rollback.goes_on(world, aims, Way::Back));
        if matches!(self.way, Way::There) {
            all.push(("the update stops", Self { way: Way::Back, update: Tagger::default(), ..self.clone() }));
        }
        if goes_on && !self.is_cut_off {
            all.push((
                "the rollback is cut off",
                Self { is_cut_off: true, rollback: Tagger::default(), ..self.clone() },
            ));
        }
        all
    }
}

impl Tagger {
    /// One step more; `false` when there is none. What has been done already is done again.
    fn goes_on(&mut self, world: &mut World, aims: &Aims, way: Way) -> bool {
        let Some(step) = self.steps.pop_front() else { return self.looks(world, aims, way) };
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
            // What is to be written is read now, and written whenever it comes to that.
            Step::ConfirmTags { ids, claim } => {
                let missing = |id: &String| {
                    let found = &world.resources[id];
                    (!found.contains_key(&claim.tag.key)).then(|| claim.again(found))
                };
                for (id, tags) in ids.into_iter().filter_map(|id| missing(&id).map(|tags| (id, tags))) {
                    self.steps.push_front(Step::CreateTags { ids: vec![id], tags });
                }
            }
            Step::LeaveTags { ids, marks } => {
                let there = world.resources.iter().filter(|(id, _)| ids.contains(id));
                for (tags, ids) in plan::leavings(there, &marks) {
                    self.steps.push_front(Step::DeleteTags { ids, tags });
                }
            }
            _ => {}
        }
        true
    }

    fn looks(&mut self, world: &World, aims: &Aims, way: Way) -> bool {
        if self.looks == LOOKS {
            return false;
        }
        let (spec, old) = match way {
            Way::There => (&aims.new, &aims.old),
            Way::Back => (&aims.old, &aims.new),
        };
        self.looks += 1;
        let is_shared = aims.resource.plan(world, spec, Some(old)).is_ok_and(|converged| {
            let is_on_tags = |step: &&Step| is_on_tags(step) || matches!(step, Step::ConfirmTags { .. });
            self.steps = converged.plan.steps().map(|(_, step, _)| step).filter(is_on_tags).cloned().collect();
            converged.is_shared
        });
        if !is_shared {
            self.looks = LOOKS;
        }
        is_shared || !self.steps.is_empty()
    }
}
