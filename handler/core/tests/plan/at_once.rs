//! One resource's Update and its rollback at the same moment: CloudFormation does not wait for the one that it cancels.

use crate::every_order::{Errand, Resources, Tagger, Target, every_order};
use crate::life::{Resource, Run};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, in_place, spec, spec_of};
use crate::share::tagged_as_before;
use crate::worlds::{plain, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::desired::discovery_tag::DiscoveryTag;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Tags;
use proptest::prelude::*;
use serde_json::json;

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
        let ways = Ways::of(&resource, &old, &new);
        let (mut update, mut rollback) = (Tagger::default(), Tagger::default());
        for is_updates in turns.iter().cycle() {
            let mut runs = [(&mut update, &ways.there), (&mut rollback, &ways.back)];
            if !is_updates {
                runs.reverse();
            }
            if !runs.into_iter().any(|(run, errand)| run.goes_on(&mut both, errand)) {
                break;
            }
        }
        let mut undo = Tagger::default();
        while undo.goes_on(&mut both, &ways.back) {}
        tagged_as_before(&ways.settled(&both)?, &before)
    });
}

/// The Update goes the way back wherever it stops, and the rollback is cut off once and begins anew; with whatever may
/// stand on a security group before.
#[test]
fn in_every_order_an_update_and_its_rollback_lose_no_tag_and_leave_none() {
    let old = spec_of(json!({"NodeAccess": "None"}));
    let new = spec_of(json!({"NodeAccess": "None", "DiscoveryTagKey": "team/discovery"}));
    let ways = Ways::of(&Resource::of(STACK, "Prereqs"), &old, &new);
    let mut moments = 0;
    for tags in begun_with(&old.discovery_tag, &new.discovery_tag) {
        let mut world = plain();
        world.resources.insert("sg-0000000a".to_owned(), tags);
        let before = ways.back.resource.converge(&world, &old, None, Run::whole(&[])).unwrap();
        let first = Moment { resources: before.resources.clone(), ..Moment::default() };
        let next = |moment: &Moment| moment.next(&before, &ways);
        moments += every_order(first, next, |moment, way| {
            let at_last = World { resources: moment.resources.clone(), ..before.clone() };
            let settled = ways.settled(&at_last).unwrap_or_else(|error| panic!("{error}\n{}", way()));
            assert_eq!(settled.resources, before.resources, "\n{}", way());
            let gone = ways.back.resource.release(&at_last, &old, Run::whole(&[]));
            let gone = gone.unwrap_or_else(|error| panic!("{error}\n{}", way()));
            assert_eq!(gone.resources, world.resources, "after the Delete\n{}", way());
        });
    }
    // Were a turn left out, all would be well as well.
    assert!(20_000 < moments, "only {moments} moments");
}

/// From the old properties to the new ones, and back.
struct Ways {
    there: Errand,
    back: Errand,
}

/// The tags, and what each run has yet to do.
#[derive(Clone, Debug, Default)]
struct Moment {
    resources: Resources,
    update: Tagger,
    has_stopped: bool,
    rollback: Tagger,
    is_cut_off: bool,
}

impl Ways {
    fn of(resource: &Resource, old: &Spec, new: &Spec) -> Self {
        let errand = |spec: &Spec, old: &Spec| Errand {
            resource: resource.clone(),
            spec: spec.clone(),
            aim: Target::Reconcile(Some(Box::new(old.clone()))),
        };
        Self { there: errand(new, old), back: errand(old, new) }
    }

    /// What the next look puts right: no more than a note of a tag that has gone.
    fn settled(&self, world: &World) -> Result<World, TestCaseError> {
        let Errand { resource, spec, .. } = &self.back;
        resource.converge(world, spec, Some(&self.there.spec), Run::whole(&[]))
    }
}

impl Moment {
    /// What may come next, and by whom; nothing when both are done.
    fn next(&self, world: &World, ways: &Ways) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        let way = if self.has_stopped { &ways.back } else { &ways.there };
        if let Some((update, resources)) = self.update.after(&self.resources, world, way) {
            all.push(("update", Self { resources, update, ..self.clone() }));
        }
        let rollback = self.rollback.after(&self.resources, world, &ways.back);
        if rollback.is_some() && !self.is_cut_off {
            let cut_off = Self { is_cut_off: true, rollback: Tagger::default(), ..self.clone() };
            all.push(("the rollback is cut off", cut_off));
        }
        if let Some((rollback, resources)) = rollback {
            all.push(("rollback", Self { resources, rollback, ..self.clone() }));
        }
        if !self.has_stopped {
            all.push(("the update stops", Self { has_stopped: true, update: Tagger::default(), ..self.clone() }));
        }
        all
    }
}

/// What may stand on a resource: nothing, the user's own tags, or another stack's with its marker; both of these too.
fn begun_with(old: &DiscoveryTag, new: &DiscoveryTag) -> impl Iterator<Item = Tags> {
    let other = Resource::of(OTHER_STACK, "Prereqs").generation(&spec_of(json!({}))).marker();
    let marked = move |tag: &DiscoveryTag| {
        let mut tags = tag.tags();
        tags.insert(other.key().to_owned(), tag.marker_value());
        tags
    };
    let alone = [Tags::new(), old.tags(), new.tags(), marked(old), marked(new)];
    let beside = [(old.tags(), new.tags()), (marked(old), new.tags()), (marked(new), old.tags())];
    alone.into_iter().chain(beside.map(|(one, other)| one.into_iter().chain(other).collect()))
}
