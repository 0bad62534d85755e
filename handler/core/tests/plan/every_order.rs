//! Runs at the same moment, in every order that their calls may come in.

use crate::aws::limited;
use crate::life::Resource;
use crate::model::World;
use crate::share::is_on_tags;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::plan::{self, Ec2Step, Recheck, Step};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

/// How often a run looks in all: first, and then at what others rely on.
const LOOKS: u8 = 4;

/// What a run is for.
pub(crate) struct Errand {
    pub(crate) resource: Resource,
    pub(crate) spec: Spec,
    pub(crate) aim: Target,
}

#[derive(Clone)]
pub(crate) enum Target {
    /// Create, or Update from these properties.
    Reconcile(Option<Box<Spec>>),
    /// Delete.
    TearDown,
}

/// One run, as far as it tags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tagger {
    steps: VecDeque<Step>,
    looks: u8,
}

/// The resources that carry tags.
pub(crate) type Resources = BTreeMap<String, Tags>;

/// Walks through all moments that follow the first, each of which names whose turn it was. At an end, where nothing
/// follows, the judge gets the way there as well. Gives how many there are.
pub(crate) fn every_order<M: Debug>(
    first: M,
    next: impl Fn(&M) -> Vec<(&'static str, M)>,
    judge: impl Fn(&M, &dyn Fn() -> String),
) -> usize {
    let shown = format!("{first:?}");
    let mut came_from = BTreeMap::from([(shown.clone(), None)]);
    let mut ahead = vec![(shown, first)];
    while let Some((shown, moment)) = ahead.pop() {
        let next = next(&moment);
        if next.is_empty() {
            judge(&moment, &|| way_to(&shown, &came_from));
        }
        for (turn, moment) in next {
            let next_shown = format!("{moment:?}");
            came_from.entry(next_shown.clone()).or_insert_with(|| {
                ahead.push((next_shown, moment));
                Some((turn, shown.clone()))
            });
        }
    }
    came_from.len()
}

/// Whose turn it was from the first moment on, and what then stood.
fn way_to(shown: &str, came_from: &BTreeMap<String, Option<(&str, String)>>) -> String {
    let mut way = vec![shown.to_owned()];
    while let Some(Some((turn, before))) = way.last().and_then(|last| came_from.get(last)) {
        way.push(format!("-- {turn}"));
        way.push(before.clone());
    }
    way.reverse();
    way.join("\n")
}

impl Tagger {
    /// One step more; `false` when there is none, or when EC2 refuses it. What has been done already is done again.
    pub(crate) fn goes_on(&mut self, world: &mut World, errand: &Errand) -> bool {
        let Some(step) = self.steps.pop_front() else { return self.looks(world, errand) };
        match step {
            Step::Ec2(Ec2Step::CreateTags { ids, tags } | Ec2Step::AnnounceTagRemoval { ids, tags }) => {
                for id in ids {
                    let found = world.resources.entry(id).or_default();
                    let before = found.clone();
                    found.extend(tags.clone());
                    if limited(found).is_err() {
                        *found = before;
                        *self = Self { looks: LOOKS, ..Self::default() };
                        return false;
                    }
                }
            }
            Step::Ec2(Ec2Step::DeleteTags { ids, tags }) => {
                for id in &ids {
                    world.resources.entry(id.clone()).or_default().retain(|key, value| tags.get(key) != Some(value));
                }
            }
            // What is to be written is read now, and written whenever it comes to that.
            Step::Ec2(Ec2Step::VerifyTags { ids, claim }) => {
                let missing = |id: &String| {
                    let found = &world.resources[id];
                    (!found.contains_key(&claim.tag.key)).then(|| claim.missing_tags(found))
                };
                for (id, tags) in ids.into_iter().filter_map(|id| missing(&id).map(|tags| (id, tags))) {
                    self.steps.push_front(Step::Ec2(Ec2Step::CreateTags { ids: vec![id], tags }));
                }
            }
            Step::Ec2(Ec2Step::RemoveUnclaimedTags { ids, markers }) => {
                let there = world.resources.iter().filter(|(id, _)| ids.contains(id));
                for (tags, ids) in plan::tags_to_delete(there, &markers) {
                    self.steps.push_front(Step::Ec2(Ec2Step::DeleteTags { ids, tags }));
                }
            }
            _ => {}
        }
        true
    }

    /// Itself and the resources after one step more.
    pub(crate) fn after(&self, resources: &Resources, world: &World, errand: &Errand) -> Option<(Self, Resources)> {
        let (mut next, mut world) = (self.clone(), World { resources: resources.clone(), ..world.clone() });
        next.goes_on(&mut world, errand).then_some((next, world.resources))
    }

    /// Whether it waits for somebody who is about to take the tag away.
    pub(crate) fn waits(&self, resources: &Resources) -> bool {
        match self.steps.front() {
            Some(Step::Ec2(Ec2Step::VerifyTags { ids, claim })) => {
                ids.iter().any(|id| claim.is_contested(&resources[id]))
            }
            _ => false,
        }
    }

    fn looks(&mut self, world: &World, errand: &Errand) -> bool {
        if self.looks == LOOKS {
            return false;
        }
        let Errand { resource, spec, aim } = errand;
        let planned = match aim {
            Target::Reconcile(old) => {
                let converged = resource.plan(world, spec, old.as_deref());
                converged.map(|converged| (converged.plan, converged.is_shared)).ok()
            }
            Target::TearDown => {
                let planned = if self.looks == 0 {
                    resource.plan_release(world, spec)
                } else {
                    resource.plan_release_again(world, spec, Recheck::Everything)
                };
                planned.map(|released| (released.plan, released.shared == Recheck::Everything)).ok()
            }
        };
        self.looks += 1;
        let is_shared = planned.is_some_and(|(plan, is_shared)| {
            let is_on_tags = |step: &&Step| is_on_tags(step) || matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. }));
            self.steps = plan.steps().map(|(_, step, _)| step).filter(is_on_tags).cloned().collect();
            is_shared
        });
        if !is_shared {
            self.looks = LOOKS;
        }
        is_shared || !self.steps.is_empty()
    }
}
