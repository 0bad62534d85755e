//! One stack's resource comes to what another's leaves at the same moment.

use crate::every_order::{Errand, Resources, Tagger, Target, every_order};
use crate::life::Resource;
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, spec_of};
use crate::worlds::plain;
use karpenter_prereqs_core::desired::discovery_tag::DiscoveryTag;
use karpenter_prereqs_core::identity::ownership::{Marker, Tags};
use serde_json::json;

/// The one that goes is cut off once and begins anew; whatever other runs have left of its tag and its note.
#[test]
fn in_every_order_one_that_comes_has_its_tag_while_another_goes() {
    let spec = spec_of(json!({"NodeAccess": "None"}));
    let errand = |stack, aim| Errand { resource: Resource::of(stack, "Prereqs"), spec: spec.clone(), aim };
    let (comes, goes) = (errand(STACK, Target::Reconcile(None)), errand(OTHER_STACK, Target::TearDown));
    let marker = |errand: &Errand| errand.resource.generation(&spec).marker();
    let (tag, own) = (&spec.discovery_tag, marker(&comes));
    let mut moments = 0;
    for tags in begun_with(tag, &marker(&goes)) {
        let mut world = plain();
        world.resources.insert("sg-0000000a".to_owned(), tags);
        let first = Moment { resources: world.resources.clone(), ..Moment::default() };
        let next = |moment: &Moment| moment.next(&world, &comes, &goes);
        moments += every_order(first, next, |moment, way| {
            for id in ["subnet-0000000a", "sg-0000000a"] {
                let tags = &moment.resources[id];
                let stands = tag.is_among(tags) && tags.get(own.key()) == Some(&tag.marker_value());
                assert!(stands, "{id}\n{}", way());
            }
        });
    }
    // Were a turn left out, all would be well as well.
    assert!(200 < moments, "only {moments} moments");
}

/// The tags, and what each run has yet to do.
#[derive(Clone, Debug, Default)]
struct Moment {
    resources: Resources,
    comes: Tagger,
    goes: Tagger,
    is_cut_off: bool,
}

impl Moment {
    /// What may come next, and by whom; nothing when both are done.
    fn next(&self, world: &World, comes: &Errand, goes: &Errand) -> Vec<(&'static str, Self)> {
        let mut all = Vec::new();
        let goes = self.goes.after(&self.resources, world, goes);
        // It waits for as long as the other goes on.
        if goes.is_none() || !self.comes.waits(&self.resources) {
            let comes = self.comes.after(&self.resources, world, comes);
            all.extend(
                comes.map(|(comes, resources)| ("the one that comes", Self { resources, comes, ..self.clone() })),
            );
        }
        if goes.is_some() && !self.is_cut_off {
            all.push(("it is cut off", Self { is_cut_off: true, goes: Tagger::default(), ..self.clone() }));
        }
        all.extend(goes.map(|(goes, resources)| ("the one that goes", Self { resources, goes, ..self.clone() })));
        all
    }
}

/// What one that goes has marker_value: the tag, that the tag is about to go, or that it has given it up for another. The tag
/// itself may have gone for the moment.
fn begun_with(tag: &DiscoveryTag, marker: &Marker) -> Vec<Tags> {
    let tagged = |key: &str, note: String| (key.to_owned(), note);
    let live = tagged(marker.key(), tag.marker_value());
    let departing = tagged(marker.key(), DiscoveryTag::departing(&tag.marker_value()));
    let given_up = [
        tagged(&marker.previous_tag_key(), tag.marker_value()),
        tagged(marker.key(), "team/discovery=demo".to_owned()),
    ];
    let notes = [Tags::from([live]), Tags::from([departing]), Tags::from(given_up)];
    notes.into_iter().flat_map(|notes| [notes.clone(), notes.into_iter().chain(tag.tags()).collect()]).collect()
}
