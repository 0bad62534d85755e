//! Explores every order of the calls of concurrent runs.

use crate::aws::check_tag_limit;
use crate::harness::Resource;
use crate::model::World;
use crate::shared_tags::is_tag_write;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::plan::{self, Ec2Step, Plan, Recheck, Step};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

/// The number of snapshots that a run reads: the first, and three rechecks of shared objects.
const MAX_SNAPSHOTS: u8 = 4;

/// One operation on a resource.
pub(crate) struct Operation {
    pub(crate) resource: Resource,
    pub(crate) spec: Spec,
    pub(crate) kind: OperationKind,
}

#[derive(Clone)]
pub(crate) enum OperationKind {
    /// A Create, or an Update from these old properties.
    Reconcile(Option<Box<Spec>>),
    /// A Delete.
    TearDown,
}

/// The progress of one run. It applies only the steps on tags.
#[derive(Clone, Debug, Default)]
pub(crate) struct TagRunner {
    steps: VecDeque<Step>,
    snapshots: u8,
}

/// The tags of subnets and security groups, by id.
pub(crate) type Resources = BTreeMap<String, Tags>;

/// Explores all states that are reachable from `first`, and returns how many there are.
///
/// `next` returns the states that follow a state, each with the name of the run that acts. `judge` checks each final state. It also
/// gets a function that returns the trace to the state, for the message of a failure.
pub(crate) fn explore<S: Debug>(
    first: S,
    next: impl Fn(&S) -> Vec<(&'static str, S)>,
    judge: impl Fn(&S, &dyn Fn() -> String),
) -> usize {
    let key = format!("{first:?}");
    let mut predecessors = BTreeMap::from([(key.clone(), None)]);
    let mut pending = vec![(key, first)];
    while let Some((key, state)) = pending.pop() {
        let successors = next(&state);
        if successors.is_empty() {
            judge(&state, &|| trace_to(&key, &predecessors));
        }
        for (actor, successor) in successors {
            let successor_key = format!("{successor:?}");
            predecessors.entry(successor_key.clone()).or_insert_with(|| {
                pending.push((successor_key, successor));
                Some((actor, key.clone()))
            });
        }
    }
    predecessors.len()
}

/// Returns all states from the first to this one, with the run that acted between them.
fn trace_to(key: &str, predecessors: &BTreeMap<String, Option<(&str, String)>>) -> String {
    let mut trace = vec![key.to_owned()];
    while let Some(Some((actor, previous))) = trace.last().and_then(|last| predecessors.get(last)) {
        trace.push(format!("-- {actor}"));
        trace.push(previous.clone());
    }
    trace.reverse();
    trace.join("\n")
}

impl TagRunner {
    /// Applies one more step. Returns `false` if no step is left, or if EC2 rejects the step. A step that was applied before may
    /// be applied again without a change.
    pub(crate) fn advance(&mut self, world: &mut World, operation: &Operation) -> bool {
        let Some(step) = self.steps.pop_front() else { return self.plan_next(world, operation) };
        match step {
            Step::Ec2(Ec2Step::CreateTags { ids, tags } | Ec2Step::AnnounceTagRemoval { ids, tags }) => {
                for id in ids {
                    let found = world.resources.entry(id).or_default();
                    let before = found.clone();
                    found.extend(tags.clone());
                    if check_tag_limit(found).is_err() {
                        *found = before;
                        *self = Self { snapshots: MAX_SNAPSHOTS, ..Self::default() };
                        return false;
                    }
                }
            }
            Step::Ec2(Ec2Step::DeleteTags { ids, tags }) => {
                for id in &ids {
                    world.resources.entry(id.clone()).or_default().retain(|key, value| tags.get(key) != Some(value));
                }
            }
            // The read and the writes that it decides are separate steps, because another run may act between them.
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
                let existing = world.resources.iter().filter(|(id, _)| ids.contains(id));
                for (tags, ids) in plan::tags_to_delete(existing, &markers) {
                    self.steps.push_front(Step::Ec2(Ec2Step::DeleteTags { ids, tags }));
                }
            }
            _ => {}
        }
        true
    }

    /// Returns the run and the tags after one more step, or `None` if the run has ended.
    pub(crate) fn successor(
        &self,
        resources: &Resources,
        world: &World,
        operation: &Operation,
    ) -> Option<(Self, Resources)> {
        let (mut runner, mut world) = (self.clone(), World { resources: resources.clone(), ..world.clone() });
        runner.advance(&mut world, operation).then_some((runner, world.resources))
    }

    /// Returns whether the run waits, because another run has announced the removal of the tag that this one verifies.
    pub(crate) fn is_waiting(&self, resources: &Resources) -> bool {
        match self.steps.front() {
            Some(Step::Ec2(Ec2Step::VerifyTags { ids, claim })) => {
                ids.iter().any(|id| claim.is_removal_announced(&resources[id]))
            }
            _ => false,
        }
    }

    /// Reads a snapshot and plans the next steps. Returns `false` if the run has ended.
    fn plan_next(&mut self, world: &World, operation: &Operation) -> bool {
        if self.snapshots == MAX_SNAPSHOTS {
            return false;
        }
        let Operation { resource, spec, kind } = operation;
        let planned = match kind {
            OperationKind::Reconcile(old) => {
                let planned = resource.plan(world, spec, old.as_deref());
                planned.map(|planned| (planned.plan, planned.needs_second_pass)).ok()
            }
            OperationKind::TearDown => {
                let planned = if self.snapshots == 0 {
                    resource.plan_teardown(world, spec)
                } else {
                    resource.plan_teardown_recheck(world, spec, &Plan::default(), Recheck::Everything)
                };
                planned.map(|planned| (planned.plan, planned.recheck == Recheck::Everything)).ok()
            }
        };
        self.snapshots += 1;
        let needs_recheck = planned.is_some_and(|(plan, needs_recheck)| {
            let is_on_tags = |step: &&Step| is_tag_write(step) || matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. }));
            self.steps = plan.steps().map(|(_, step, _)| step).filter(is_on_tags).cloned().collect();
            needs_recheck
        });
        if !needs_recheck {
            self.snapshots = MAX_SNAPSHOTS;
        }
        needs_recheck || !self.steps.is_empty()
    }
}
