//! An Update and its rollback at the same time. CloudFormation does not wait for an Update that it cancels.

use crate::generators::{plain, worlds};
use crate::harness::{Resource, Run};
use crate::interleavings::{Operation, OperationKind, Resources, TagRunner, explore};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, in_place, spec, spec_of};
use crate::shared_tags::expect_equal_tags;
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::discovery_tag::DiscoveryTag;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Tags;
use proptest::prelude::*;
use serde_json::json;

/// Each run reads tags that the other has half written. At the end, the Update finds that it is cancelled, and restores the old
/// properties.
#[test]
fn concurrent_update_and_rollback_restore_tags() {
    let strategy = (in_place(), worlds(), orders(), prop::collection::vec(any::<bool>(), 1..48));
    check_property(&strategy, 10, |((mut old, mut new), world, order, turns)| {
        old.remove("DiscoveryTagKey");
        new.insert("DiscoveryTagKey".to_owned(), "team/discovery".into());
        let (resource, old, new) = (Resource::new(STACK, "Prereqs"), spec(&old), spec(&new));
        let Some(before) = resource.try_reconcile(&world, &old, None, Run::complete(&order))? else {
            return Ok(false);
        };
        if resource.try_reconcile(&before, &new, Some(&old), Run::complete(&order))?.is_none() {
            return Ok(false);
        }
        let mut both = before.clone();
        let operations = Operations::new(&resource, &old, &new);
        let (mut update, mut rollback) = (TagRunner::default(), TagRunner::default());
        for is_turn_of_update in turns.iter().cycle() {
            let mut runs = [(&mut update, &operations.update), (&mut rollback, &operations.rollback)];
            if !is_turn_of_update {
                runs.reverse();
            }
            if !runs.into_iter().any(|(run, operation)| run.advance(&mut both, operation)) {
                break;
            }
        }
        let mut undo = TagRunner::default();
        while undo.advance(&mut both, &operations.rollback) {}
        expect_equal_tags(&operations.after_next_rollback(&both)?, &before)
    });
}

/// The Update restores the old properties from wherever it is cancelled. The rollback is killed once and delivered again. A
/// security group has all kinds of tags before.
#[test]
fn update_and_rollback_in_every_order_restore_tags() {
    let old = spec_of(json!({"NodeAccess": "None"}));
    let new = spec_of(json!({"NodeAccess": "None", "DiscoveryTagKey": "team/discovery"}));
    let operations = Operations::new(&Resource::new(STACK, "Prereqs"), &old, &new);
    let mut states = 0;
    for tags in initial_tags(&old.discovery_tag, &new.discovery_tag) {
        let mut world = plain();
        world.resources.insert("sg-0000000a".to_owned(), tags);
        let before = operations.rollback.resource.reconcile(&world, &old, None, Run::complete(&[])).unwrap();
        let first = State { resources: before.resources.clone(), ..State::default() };
        let next = |state: &State| state.successors(&before, &operations);
        states += explore(first, next, |state, trace| {
            let last = World { resources: state.resources.clone(), ..before.clone() };
            let rolled_back =
                operations.after_next_rollback(&last).unwrap_or_else(|error| panic!("{error}\n{}", trace()));
            assert_eq!(rolled_back.resources, before.resources, "\n{}", trace());
            let deleted = operations.rollback.resource.tear_down(&last, &old, Run::complete(&[]));
            let deleted = deleted.unwrap_or_else(|error| panic!("{error}\n{}", trace()));
            assert_eq!(deleted.resources, world.resources, "after the Delete\n{}", trace());
        });
    }
    // The assertions above also succeed if some orders are not explored.
    assert!(20_000 < states, "only {states} states");
}

/// The Update and its rollback.
struct Operations {
    update: Operation,
    rollback: Operation,
}

/// The tags, and the progress of both runs.
#[derive(Clone, Debug, Default)]
struct State {
    resources: Resources,
    update: TagRunner,
    /// Whether the Update found that it is cancelled. From then on it rolls back.
    is_cancelled: bool,
    rollback: TagRunner,
    /// Whether the process of the rollback was killed. It is killed at most once.
    was_killed: bool,
}

impl Operations {
    fn new(resource: &Resource, old: &Spec, new: &Spec) -> Self {
        let operation = |spec: &Spec, old: &Spec| Operation {
            resource: resource.clone(),
            spec: spec.clone(),
            kind: OperationKind::Reconcile(Some(Box::new(old.clone()))),
        };
        Self { update: operation(new, old), rollback: operation(old, new) }
    }

    /// Returns the world after one more rollback. At most a marker of a deleted tag is left for it to correct.
    fn after_next_rollback(&self, world: &World) -> Result<World, TestCaseError> {
        let Operation { resource, spec, .. } = &self.rollback;
        resource.reconcile(world, spec, Some(&self.update.spec), Run::complete(&[]))
    }
}

impl State {
    /// Returns the states that can follow, each with what happens. Returns none if both runs have ended.
    fn successors(&self, world: &World, operations: &Operations) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        let current = if self.is_cancelled { &operations.rollback } else { &operations.update };
        if let Some((update, resources)) = self.update.successor(&self.resources, world, current) {
            all.push(("Update", Self { resources, update, ..self.clone() }));
        }
        let rollback = self.rollback.successor(&self.resources, world, &operations.rollback);
        if rollback.is_some() && !self.was_killed {
            let killed = Self { was_killed: true, rollback: TagRunner::default(), ..self.clone() };
            all.push(("the rollback is killed", killed));
        }
        if let Some((rollback, resources)) = rollback {
            all.push(("rollback", Self { resources, rollback, ..self.clone() }));
        }
        if !self.is_cancelled {
            let cancelled = Self { is_cancelled: true, update: TagRunner::default(), ..self.clone() };
            all.push(("the Update is cancelled", cancelled));
        }
        all
    }
}

/// Returns the tags that a resource may have before: none, the user's own tags, tags of another stack with its marker, or a
/// mixture.
fn initial_tags(old: &DiscoveryTag, new: &DiscoveryTag) -> impl Iterator<Item = Tags> {
    let other = Resource::new(OTHER_STACK, "Prereqs").generation(&spec_of(json!({}))).marker();
    let with_marker = move |tag: &DiscoveryTag| {
        let mut tags = tag.tags();
        tags.insert(other.key().to_owned(), tag.marker_value());
        tags
    };
    let single = [Tags::new(), old.tags(), new.tags(), with_marker(old), with_marker(new)];
    let pairs = [(old.tags(), new.tags()), (with_marker(old), new.tags()), (with_marker(new), old.tags())];
    single.into_iter().chain(pairs.map(|(one, other)| one.into_iter().chain(other).collect()))
}
