//! A resource of one stack claims a discovery tag while a resource of another stack removes it.

use crate::generators::plain;
use crate::harness::Resource;
use crate::interleavings::{Operation, OperationKind, Resources, TagRunner, explore};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, spec_of};
use karpenter_prereqs_core::desired::discovery_tag::DiscoveryTag;
use karpenter_prereqs_core::identity::ownership::{Marker, Tags};
use serde_json::json;

/// The Delete is killed once and delivered again. Previous runs of the deleted resource have left its tag and marker in any
/// phase.
#[test]
fn create_during_delete_in_every_order_has_its_tag() {
    let spec = spec_of(json!({"NodeAccess": "None"}));
    let operation = |stack, kind| Operation { resource: Resource::new(stack, "Prereqs"), spec: spec.clone(), kind };
    let create = operation(STACK, OperationKind::Reconcile(None));
    let delete = operation(OTHER_STACK, OperationKind::TearDown);
    let marker = |operation: &Operation| operation.resource.generation(&spec).marker();
    let (tag, own) = (&spec.discovery_tag, marker(&create));
    let mut states = 0;
    for tags in initial_tags(tag, &marker(&delete)) {
        let mut world = plain();
        world.resources.insert("sg-0000000a".to_owned(), tags);
        let first = State { resources: world.resources.clone(), ..State::default() };
        let next = |state: &State| state.successors(&world, &create, &delete);
        states += explore(first, next, |state, trace| {
            for id in ["subnet-0000000a", "sg-0000000a"] {
                let tags = &state.resources[id];
                let has_tag = tag.is_among(tags) && tags.get(own.key()) == Some(&tag.marker_value());
                assert!(has_tag, "{id}\n{}", trace());
            }
        });
    }
    // The assertions above also succeed if some orders are not explored.
    assert!(200 < states, "only {states} states");
}

/// The tags, and the progress of both runs.
#[derive(Clone, Debug, Default)]
struct State {
    resources: Resources,
    create: TagRunner,
    delete: TagRunner,
    /// Whether the process of the Delete was killed. It is killed at most once.
    was_killed: bool,
}

impl State {
    /// Returns the states that can follow, each with what happens. Returns none if both runs have ended.
    fn successors(&self, world: &World, create: &Operation, delete: &Operation) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        let deleted = self.delete.successor(&self.resources, world, delete);
        // The claim waits for the removal only while the removal is running.
        if deleted.is_none() || !self.create.is_waiting(&self.resources) {
            let created = self.create.successor(&self.resources, world, create);
            all.extend(created.map(|(create, resources)| ("Create", Self { resources, create, ..self.clone() })));
        }
        if deleted.is_some() && !self.was_killed {
            let killed = Self { was_killed: true, delete: TagRunner::default(), ..self.clone() };
            all.push(("the Delete is killed", killed));
        }
        all.extend(deleted.map(|(delete, resources)| ("Delete", Self { resources, delete, ..self.clone() })));
        all
    }
}

/// Returns the tags that the resource of the Delete may have left: a live marker, a departing marker, or a previous-tag marker.
/// In each case the discovery tag exists or is missing.
fn initial_tags(tag: &DiscoveryTag, marker: &Marker) -> Vec<Tags> {
    let entry = |key: &str, value: String| (key.to_owned(), value);
    let live = entry(marker.key(), tag.marker_value());
    let departing = entry(marker.key(), DiscoveryTag::departing(&tag.marker_value()));
    let replaced =
        [entry(&marker.previous_tag_key(), tag.marker_value()), entry(marker.key(), "team/discovery=demo".to_owned())];
    let phases = [Tags::from([live]), Tags::from([departing]), Tags::from(replaced)];
    phases.into_iter().flat_map(|tags| [tags.clone(), tags.into_iter().chain(tag.tags()).collect()]).collect()
}
