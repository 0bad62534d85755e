//! The discovery tag on one subnet or security group: which tags to create and to delete.
//!
//! The ownership marker names the discovery tag of its generation at every moment. While a tag with another key replaces it, the
//! previous-tag marker ([`Marker::previous_tag_key`]) names the old tag. So a run that follows one that was killed knows both.

use super::step::Claim;
use crate::desired::discovery_tag::DiscoveryTag;
use crate::identity::ownership::{Marker, Tags, markers};
use std::collections::{BTreeMap, BTreeSet};

/// EC2's limit of tags on a resource; those of AWS itself (`aws:`) do not count
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
pub(super) const TAGS_MAX: usize = 50;

/// What happens to the tags of a resource that should have the discovery tag.
pub(super) enum TagDecision {
    /// The resource has the tag after this change.
    Tag(Change),
    /// The resource has the tag already, and its user owns it. Our markers of other tags are deleted.
    Used,
    /// The key has another value, which is not ours to change. Our markers are deleted if the resource is left out.
    Conflict {
        /// The other value.
        found: String,
    },
}

/// The tags of the calls on a resource, in the order of the calls. A call without tags is not made.
#[derive(Default)]
pub(super) struct Change {
    /// The tags to delete before others are created: tags that nothing needs any more.
    pub(super) delete_first: Tags,
    /// The tags to create.
    pub(super) create: Tags,
    /// The tags to delete after the others are created.
    pub(super) delete_last: Tags,
    /// Whether the previous tag still exists, with a previous-tag marker. Another generation may claim or replace that tag at the
    /// same moment, so the next snapshot decides whether it is deleted.
    pub(super) keeps_previous_tag: bool,
}

/// Decides what happens to a resource with these tags.
pub(super) fn decide(tags: &Tags, claim: &Claim) -> TagDecision {
    let Claim { tag: wanted, marker, .. } = claim;
    let own: BTreeSet<Marker> = [marker.clone()].into();
    let (wanted_value, previous_key) = (wanted.marker_value(), marker.previous_tag_key());
    let found = tags.get(marker.key());
    // A departing marker is written again.
    let current = found.map(|value| DiscoveryTag::without_departing(value).to_owned());
    let (current, previous) = (current.as_ref(), tags.get(&previous_key));
    let is_ours = |value: &String| current == Some(value) || previous == Some(value);
    let is_claimed = |value: &String| is_claimed_by_others(tags, value, &own);
    let is_removal_announced = claim.is_removal_announced(tags);
    let value = tags.get(&wanted.key);
    // Another generation claims another value, although the tag was deleted by hand.
    if value.is_none()
        && let Some(rival) = claim.rival(tags)
    {
        return TagDecision::Conflict { found: rival.value };
    }
    match value {
        // No marker names it.
        Some(value)
            if *value == wanted.value
                && !is_ours(&wanted_value)
                && !is_claimed(&wanted_value)
                && !is_removal_announced =>
        {
            return TagDecision::Used;
        }
        Some(value) if *value != wanted.value => {
            let other = DiscoveryTag { key: wanted.key.clone(), value: value.clone() }.marker_value();
            if !is_ours(&other) || is_claimed(&other) {
                return TagDecision::Conflict { found: value.clone() };
            }
        }
        _ => {}
    }
    let mut change = Change::default();
    if value != Some(&wanted.value) || is_removal_announced && found != Some(&wanted_value) {
        change.create.insert(wanted.key.clone(), wanted.value.clone());
    }
    // The marker is always written with the tag: another delivery may have deleted both, and a tag of ours needs its marker.
    if found != Some(&wanted_value) || !change.create.is_empty() {
        change.create.insert(marker.key().to_owned(), wanted_value);
    }
    // The wanted key is left out: its tag is the wanted one, or is overwritten.
    let outdated = |previous: &String| {
        let mut tags = unclaimed_tag(tags, previous, &own);
        tags.remove(&wanted.key);
        tags.insert(previous_key.clone(), previous.clone());
        tags
    };
    match if change.create.is_empty() { None } else { claim.previous_tag(tags) } {
        Some(kept) => {
            if let Some(previous) = previous.filter(|previous| **previous != kept && outdated(previous).len() > 1) {
                change.delete_first = outdated(previous);
            }
            change.create.insert(previous_key, kept);
            change.keeps_previous_tag = true;
        }
        None => change.delete_last = previous.map(outdated).unwrap_or_default(),
    }
    TagDecision::Tag(change)
}

impl Claim {
    /// Returns whether another generation has announced that it removes the tag, by a departing marker or a previous-tag marker
    /// that names it. The tag may then be deleted at any moment.
    pub fn is_removal_announced(&self, tags: &Tags) -> bool {
        let (claimed, previous_key) = (self.tag.marker_value(), self.marker.previous_tag_key());
        markers(tags).any(|(other, value)| other != self.marker && value == DiscoveryTag::departing(&claimed))
            || tags
                .iter()
                .any(|(key, value)| *key != previous_key && Marker::is_previous_tag_key(key) && *value == claimed)
    }

    /// Returns the tag that a rival claims under the same key with another value. Both wrote before either had read the other's
    /// marker. A tag has one value, so one of them must withdraw.
    pub fn rival(&self, tags: &Tags) -> Option<DiscoveryTag> {
        self.rivals(tags).map(|(_, tag)| tag).next()
    }

    /// Returns the markers of the rivals that retry before this claim. All rivals read the same markers, so the order of the
    /// markers is the order of the retries.
    pub fn rivals_before(&self, tags: &Tags) -> BTreeSet<Marker> {
        self.rivals(tags).map(|(marker, _)| marker).filter(|marker| *marker < self.marker).collect()
    }

    /// Returns the rivals' markers and the tags they claim: the same key, another value, not departing.
    fn rivals<'a>(&'a self, tags: &'a Tags) -> impl Iterator<Item = (Marker, DiscoveryTag)> + 'a {
        markers(tags).filter_map(|(other, value)| {
            let is_claim = other != self.marker && DiscoveryTag::without_departing(value) == value;
            let tag = DiscoveryTag::from_marker_value(value)?;
            (is_claim && tag.key == self.tag.key && tag.value != self.tag.value).then_some((other, tag))
        })
    }

    /// Returns the tags to create on a resource that has lost the tag after it was created with its marker.
    pub fn missing_tags(&self, tags: &Tags) -> Tags {
        let mut missing = self.tag.tags();
        missing.insert(self.marker.key().to_owned(), self.tag.marker_value());
        missing.extend(self.previous_tag(tags).map(|value| (self.marker.previous_tag_key(), value)));
        missing
    }

    /// Returns the value of the previous-tag marker that is written together with the marker. Another run of the same resource
    /// writes the same marker. Whichever run writes last, both tags must be named.
    ///
    /// The value is the tag with another key that the marker or the previous-tag marker names, even if that tag is missing now.
    /// If the marker names the claimed tag and that tag is missing, the other run has deleted it and may be about to create its
    /// own. Then the value is the tag of the previous properties, if there is room for both. A tag without a marker is not ours.
    fn previous_tag(&self, tags: &Tags) -> Option<String> {
        let current = tags.get(self.marker.key()).map(|value| DiscoveryTag::without_departing(value));
        let previous = tags.get(&self.marker.previous_tag_key()).map(String::as_str);
        let has_other_key =
            |value: &&str| DiscoveryTag::from_marker_value(value).is_some_and(|tag| tag.key != self.tag.key);
        if let Some(value) = [current, previous].into_iter().flatten().find(has_other_key) {
            return Some(value.to_owned());
        }
        let is_deleted = current.is_some() && !tags.contains_key(&self.tag.key);
        let has_room = tags.keys().filter(|key| !key.starts_with("aws:")).count() + 2 <= TAGS_MAX;
        let other = self.previous.as_ref().filter(|tag| tag.key != self.tag.key && !tag.is_among(tags));
        other.filter(|_| is_deleted && has_room).map(DiscoveryTag::marker_value)
    }
}

/// Returns the departing markers that replace the markers of `own`. A marker departs even if its tag is missing now: the tag is
/// deleted all the same, because another run may be about to create it.
pub(super) fn departing_markers(tags: &Tags, own: &BTreeSet<Marker>) -> Tags {
    let present = markers(tags)
        .filter(|(marker, value)| own.contains(marker) && DiscoveryTag::without_departing(value) == *value);
    present.map(|(marker, value)| (marker.key().to_owned(), DiscoveryTag::departing(value))).collect()
}

/// Returns the tags to delete on these resources when the markers of `own` are removed now, each with the ids of its resources.
pub fn tags_to_delete<'a>(
    resources: impl IntoIterator<Item = (&'a String, &'a Tags)>,
    own: &BTreeSet<Marker>,
) -> BTreeMap<Tags, Vec<String>> {
    let mut delete: BTreeMap<Tags, Vec<String>> = BTreeMap::new();
    for (id, tags) in resources {
        let tags = tags_to_delete_on(tags, own);
        if !tags.is_empty() {
            delete.entry(tags).or_default().push(id.clone());
        }
    }
    delete
}

/// Returns the tags to delete on one resource: the markers, the previous-tag markers, and the discovery tags they name that no
/// other marker names.
fn tags_to_delete_on(tags: &Tags, own: &BTreeSet<Marker>) -> Tags {
    let mut delete = Tags::new();
    for marker in own {
        for key in [marker.key().to_owned(), marker.previous_tag_key()] {
            if let Some(value) = tags.get(&key) {
                delete.extend(unclaimed_tag(tags, value, own));
                delete.insert(key, value.clone());
            }
        }
    }
    delete
}

/// Returns whether the tag exists and no marker names it.
pub fn is_unclaimed(tags: &Tags, tag: &DiscoveryTag) -> bool {
    tag.is_among(tags) && !is_claimed_by_others(tags, &tag.marker_value(), &BTreeSet::new())
}

/// Returns the discovery tag that a marker value names, departing or not, if no marker outside of `own` names it. The tag may be
/// missing now: another run of the same resource may be about to create it, and its marker is the one that is removed.
fn unclaimed_tag(tags: &Tags, value: &str, own: &BTreeSet<Marker>) -> Tags {
    DiscoveryTag::from_marker_value(value)
        .filter(|_| !is_claimed_by_others(tags, DiscoveryTag::without_departing(value), own))
        .map(|tag| tag.tags())
        .unwrap_or_default()
}

/// Returns whether a marker outside of `own` has this value.
fn is_claimed_by_others(tags: &Tags, value: &str, own: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, other)| !own.contains(&marker) && other == value)
}
