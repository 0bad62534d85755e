//! One subnet or security group: what its tags say of a generation, and what is to become of them.
//!
//! A tag that is ours is noted by the mark at every moment. While a tag of another key takes its place, the old one is
//! noted under [`Mark::former_key`], so that whoever comes after a run that was cut off knows both.

use super::step::Claim;
use crate::desired::discovery_tag::DiscoveryTag;
use crate::identity::ownership::{Mark, Tags, marks};
use std::collections::{BTreeMap, BTreeSet};

/// EC2's limit of tags on a resource; those of AWS itself (`aws:`) do not count
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
pub(super) const TAGS_MAX: usize = 50;

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
    /// Whether a tag is given up for another. Until another look it stays, under a note that says so: somebody may
    /// come to rely on it at this very moment, or give it up too, each seeing the other.
    pub(super) gives_up: bool,
}

/// What is to become of a resource with these tags.
pub(super) fn fate(tags: &Tags, claim: &Claim) -> Fate {
    let Claim { tag: wanted, mark, .. } = claim;
    let ours: BTreeSet<Mark> = [mark.clone()].into();
    let (noted, former_key) = (wanted.noted(), mark.former_key());
    let said = tags.get(mark.key());
    // One that was about to go stays after all.
    let note = said.map(|said| DiscoveryTag::live(said).to_owned());
    let (note, former) = (note.as_ref(), tags.get(&former_key));
    let is_ours = |tag: &String| note == Some(tag) || former == Some(tag);
    let is_relied_on = |tag: &String| is_relied_on(tags, tag, &ours);
    let is_given_up = claim.is_given_up(tags);
    let value = tags.get(&wanted.key);
    // Somebody counts on another value, though a person took it away.
    if value.is_none()
        && let Some(rival) = claim.rival(tags)
    {
        return Fate::Conflict { found: rival.value };
    }
    match value {
        // Nobody's mark beside it.
        Some(value) if *value == wanted.value && !is_ours(&noted) && !is_relied_on(&noted) && !is_given_up => {
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
    let mut change = Change::default();
    if value != Some(&wanted.value) || is_given_up && said != Some(&noted) {
        change.create.insert(wanted.key.clone(), wanted.value.clone());
    }
    // With the tag always: whatever another delivery did meanwhile, no tag of ours stands without a note.
    if said != Some(&noted) || !change.create.is_empty() {
        change.create.insert(mark.key().to_owned(), noted);
    }
    // Under the wanted key stands what is wanted, or what it takes the place of by itself.
    let left_over = |former: &String| {
        let mut tags = unneeded(tags, former, &ours);
        tags.remove(&wanted.key);
        tags.insert(former_key.clone(), former.clone());
        tags
    };
    let beside = if change.create.is_empty() { None } else { claim.beside(tags) };
    match beside {
        Some(note) => {
            if let Some(former) = former.filter(|former| **former != note && left_over(former).len() > 1) {
                change.delete_first = left_over(former);
            }
            change.create.insert(former_key, note);
            change.gives_up = true;
        }
        None => change.delete_last = former.map(left_over).unwrap_or_default(),
    }
    Fate::Carries(change)
}

impl Claim {
    /// Whether a mark other than this says that it is about to go, or to stand for another tag, so that this one may be
    /// taken away any moment.
    pub fn is_given_up(&self, tags: &Tags) -> bool {
        let (noted, former_key) = (self.tag.noted(), self.mark.former_key());
        marks(tags).any(|(other, said)| other != self.mark && said == DiscoveryTag::leaving(&noted))
            || tags.iter().any(|(key, former)| *key != former_key && Mark::is_former_key(key) && *former == noted)
    }

    /// The value that somebody else's mark beside ours wants under the key of the tag, where it is another: both were
    /// written by one who had seen neither. A tag has one value, so that somebody must step back.
    pub fn rival(&self, tags: &Tags) -> Option<DiscoveryTag> {
        self.rivals(tags).map(|(_, tag)| tag).next()
    }

    /// Returns the rivals' markers that come before this claim's. All that lost the race see the same markers, so their order
    /// says who tries again first.
    pub fn rivals_before(&self, tags: &Tags) -> BTreeSet<Mark> {
        self.rivals(tags).map(|(mark, _)| mark).filter(|mark| *mark < self.mark).collect()
    }

    /// The live markers of others that want another value under the key of the tag, and the tags they want.
    fn rivals<'a>(&'a self, tags: &'a Tags) -> impl Iterator<Item = (Mark, DiscoveryTag)> + 'a {
        marks(tags).filter_map(|(other, note)| {
            let is_live = other != self.mark && DiscoveryTag::live(note) == note;
            let tag = DiscoveryTag::from_note(note)?;
            (is_live && tag.key == self.tag.key && tag.value != self.tag.value).then_some((other, tag))
        })
    }

    /// What to create on a resource where the tag is missing again, though it was written with its mark.
    pub fn again(&self, tags: &Tags) -> Tags {
        let mut again = self.tag.tags();
        again.insert(self.mark.key().to_owned(), self.tag.noted());
        again.extend(self.beside(tags).map(|note| (self.mark.former_key(), note)));
        again
    }

    /// What is noted beside the mark whenever it is written: another run of the same resource writes the mark too, and
    /// whichever comes last, the tags of both must be noted.
    ///
    /// That is the tag of another key that the mark says so far, or said before, though it is not there just now. Where
    /// the mark says this tag, which is not there, the other run took it away and may be about to write its own, if
    /// there is room for both; one that is there without a note is not ours.
    fn beside(&self, tags: &Tags) -> Option<String> {
        let said = tags.get(self.mark.key()).map(|said| DiscoveryTag::live(said));
        let former = tags.get(&self.mark.former_key()).map(String::as_str);
        let is_elsewhere = |note: &&str| DiscoveryTag::from_note(note).is_some_and(|tag| tag.key != self.tag.key);
        if let Some(noted) = [said, former].into_iter().flatten().find(is_elsewhere) {
            return Some(noted.to_owned());
        }
        let is_taken_away = said.is_some() && !tags.contains_key(&self.tag.key);
        let have_room = tags.keys().filter(|key| !key.starts_with("aws:")).count() + 2 <= TAGS_MAX;
        let others = self.instead_of.as_ref().filter(|tag| tag.key != self.tag.key && !tag.is_among(tags));
        others.filter(|_| is_taken_away && have_room).map(DiscoveryTag::noted)
    }
}

/// What the marks of `ours` say from the moment on that they are about to go. They do so though their tag is not there
/// just now: it is deleted all the same, and whoever comes may be about to write it.
pub(super) fn leaving_notes(tags: &Tags, ours: &BTreeSet<Mark>) -> Tags {
    let live = marks(tags).filter(|(mark, note)| ours.contains(mark) && DiscoveryTag::live(note) == *note);
    live.map(|(mark, note)| (mark.key().to_owned(), DiscoveryTag::leaving(note))).collect()
}

/// Returns the tags to delete on these resources when these markers are removed now, each with the ids of its resources.
pub fn leavings<'a>(
    resources: impl IntoIterator<Item = (&'a String, &'a Tags)>,
    ours: &BTreeSet<Mark>,
) -> BTreeMap<Tags, Vec<String>> {
    let mut delete: BTreeMap<Tags, Vec<String>> = BTreeMap::new();
    for (id, tags) in resources {
        let leaving = leavings_of(tags, ours);
        if !leaving.is_empty() {
            delete.entry(leaving).or_default().push(id.clone());
        }
    }
    delete
}

/// The tags that `ours` leave behind on a resource when they go: their marks, what those still note of before,
/// and the discovery tags that no other mark stands for.
fn leavings_of(tags: &Tags, ours: &BTreeSet<Mark>) -> Tags {
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

/// Whether nobody's mark stands for this tag though it is there.
pub fn is_nobodys(tags: &Tags, tag: &DiscoveryTag) -> bool {
    tag.is_among(tags) && !is_relied_on(tags, &tag.noted(), &BTreeSet::new())
}

/// The discovery tag that a note stands for, of one about to go too, if no other's mark stands for it. That it is not
/// there just now says little: another run of the same resource may be about to write it again, under the very note that
/// is taken away.
fn unneeded(tags: &Tags, note: &str, ours: &BTreeSet<Mark>) -> Tags {
    DiscoveryTag::from_note(note)
        .filter(|_| !is_relied_on(tags, DiscoveryTag::live(note), ours))
        .map(|tag| tag.tags())
        .unwrap_or_default()
}

/// Whether a mark of others stands for the tag of this note.
fn is_relied_on(tags: &Tags, note: &str, ours: &BTreeSet<Mark>) -> bool {
    marks(tags).any(|(mark, other)| !ours.contains(&mark) && other == note)
}
