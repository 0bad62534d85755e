//! One subnet or security group: what its tags say of a generation, and what is to become of them.
//!
//! A tag that is ours is noted by the mark at every moment. While a tag of another key takes its place, the old one is
//! noted under [`Mark::former_key`], so that whoever comes after a run that was cut off knows both.

use crate::ownership::{Mark, Tags, marks};
use crate::spec::DiscoveryTag;
use std::collections::BTreeSet;

/// What is to become of a resource that is to carry the discovery tag.
pub(super) enum Fate {
    /// It carries the tag once this is done.
    Carries(Change),
    /// It has the tag, as the user's own. What is ours for another tag goes.
    Used,
    /// Another value stands there that is not ours to change. What is ours goes when the resource is left out.
    Conflict {
        /// That value.
        found: String,
    },
}

/// The tags of the calls on a resource, one after the other; empty where there is none to make.
#[derive(Default)]
pub(super) struct Change {
    /// To be deleted before anything is created: what nobody needs even now.
    pub(super) delete_first: Tags,
    /// To be created.
    pub(super) create: Tags,
    /// To be deleted once the others are there.
    pub(super) delete_last: Tags,
    /// Whether others rely on the tag that is given up. They may give it up too, at this moment, each seeing the
    /// other: whoever looks again sees who has.
    pub(super) is_shared: bool,
}

/// What is to become of a resource with these tags, for the generation of `mark`.
pub(super) fn fate(tags: &Tags, wanted: &DiscoveryTag, mark: &Mark) -> Fate {
    let ours: BTreeSet<Mark> = [mark.clone()].into();
    let (noted, former_key) = (wanted.noted(), mark.former_key());
    let said = tags.get(mark.key());
    // One that was about to go stays after all.
    let note = said.map(|said| DiscoveryTag::live(said).to_owned());
    let (note, former) = (note.as_ref(), tags.get(&former_key));
    let is_ours = |tag: &String| note == Some(tag) || former == Some(tag);
    let is_relied_on = |tag: &String| is_relied_on(tags, tag, &ours);
    // Somebody else who is about to go may take it away any moment.
    let is_left = |tag: &str| marks(tags).any(|(other, said)| other != *mark && said == DiscoveryTag::leaving(tag));
    let value = tags.get(&wanted.key);
    match value {
        // Nobody's mark beside it.
        Some(value) if *value == wanted.value && !is_ours(&noted) && !is_relied_on(&noted) && !is_left(&noted) => {
            return Fate::Used;
        }
        Some(value) if *value != wanted.value => {
            let other = DiscoveryTag { key: wanted.key.clone(), value: value.clone() }.noted();
            if !is_ours(&other) || is_relied_on(&other) {
                return Fate::Conflict { found: value.clone() };
            }
        }
        _ => {}
    }
    // Under the wanted key stands what is wanted, or what it takes the place of by itself.
    let replaced = |note: &String| {
        let mut tag = unneeded(tags, note, &ours);
        tag.remove(&wanted.key);
        tag
    };
    let mut change = Change::default();
    let is_there = value == Some(&wanted.value);
    if !is_there || is_left(&noted) && said != Some(&noted) {
        change.create.insert(wanted.key.clone(), wanted.value.clone());
    }
    if said != Some(&noted) {
        change.create.insert(mark.key().to_owned(), noted.clone());
    }
    let (leaving, left_over) = (note.map(replaced).unwrap_or_default(), former.map(replaced).unwrap_or_default());
    let with_former_note = |mut tags: Tags, note: &String| {
        tags.insert(former_key.clone(), note.clone());
        tags
    };
    change.is_shared = note.is_some_and(|note| *note != noted && is_shared(tags, note, &ours));
    match note.filter(|_| !leaving.is_empty() || change.is_shared) {
        Some(note) if !is_there || change.is_shared => {
            if let Some(former) = former.filter(|former| *former != note && !left_over.is_empty()) {
                change.delete_first = with_former_note(left_over, former);
            }
            change.create = with_former_note(change.create, note);
            if !change.is_shared {
                change.delete_last = with_former_note(leaving, note);
            }
        }
        // What is wanted stands already, so nothing is lost when the other goes first, under the note that it has.
        _ => {
            change.delete_first = leaving;
            change.delete_last = former.map(|former| with_former_note(left_over, former)).unwrap_or_default();
        }
    }
    Fate::Carries(change)
}

/// What the marks of `ours` say from the moment on that they are about to go: those that stand for a tag which others
/// rely on.
pub(super) fn leaving_notes(tags: &Tags, ours: &BTreeSet<Mark>) -> Tags {
    let shared = marks(tags)
        .filter(|(mark, note)| ours.contains(mark) && DiscoveryTag::live(note) == *note && is_shared(tags, note, ours));
    shared.map(|(mark, note)| (mark.key().to_owned(), DiscoveryTag::leaving(note))).collect()
}

/// The tags that `ours` leave behind on a resource when they go: their marks, what those still note of before,
/// and the discovery tags that no other mark stands for.
pub(super) fn leavings(tags: &Tags, ours: &BTreeSet<Mark>) -> Tags {
    let mut leaving = Tags::new();
    for mark in ours {
        for key in [mark.key().to_owned(), mark.former_key()] {
            if let Some(note) = tags.get(&key) {
                leaving.extend(unneeded(tags, note, ours));
                leaving.insert(key, note.clone());
            }
        }
    }
    leaving
}

/// The discovery tag that a note stands for, of one about to go too, if it is there and no other's mark stands for it.
fn unneeded(tags: &Tags, note: &str, ours: &BTreeSet<Mark>) -> Tags {
    DiscoveryTag::from_note(note)
        .filter(|tag| !is_relied_on(tags, DiscoveryTag::live(note), ours) && tags.get(&tag.key) == Some(&tag.value))
        .map(|tag| Tags::from([(tag.key, tag.value)]))
        .unwrap_or_default()
}

/// Whether the tag of this note is there, and others rely on it too.
fn is_shared(tags: &Tags, note: &str, ours: &BTreeSet<Mark>) -> bool {
    let is_there = DiscoveryTag::from_note(note).is_some_and(|tag| tags.get(&tag.key) == Some(&tag.value));
    is_there && is_relied_on(tags, note, ours)
}

/// Whether a mark of others stands for the tag of this note.
fn is_relied_on(tags: &Tags, note: &str, ours: &BTreeSet<Mark>) -> bool {
    marks(tags).any(|(mark, other)| !ours.contains(&mark) && other == note)
}
