//! The guard of an edit: both parsers read the old and the new text, and the new list is the old one with one entry more or less.

use super::document::Document;
use super::events::{Collection, Event, Kind, Style, SyntaxError};
use super::{NodeEntry, authenticator, guard_parser};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// What an edit does to the list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    /// Nothing: the text is the old one.
    None,
    /// The entry is added.
    Add {
        /// Its index in the new list.
        index: usize,
        entry: &'a NodeEntry,
        /// How it is written.
        style: Collection,
    },
    /// The entry at this index is removed.
    Remove(usize),
}

/// The differences between two readings.
#[derive(Debug)]
pub(super) enum Difference {
    /// The parser does not read the text.
    Unreadable(SyntaxError),
    /// The parser reads another list. The line is that of the first difference in the text that was read.
    Other {
        /// The line, from 1.
        line: u64,
    },
}

/// Checks that the authenticator reads `text` as `old` after the change.
///
/// # Errors
/// The first difference.
pub(super) fn check_authenticator(text: &str, old: &Document<'_>, change: Change<'_>) -> Result<(), Difference> {
    check(text, authenticator::Parser::new(text), old, change)
}

/// Checks that the guard's parser reads `text` as `old` after the change.
///
/// # Errors
/// The first difference.
pub(super) fn check_guard(text: &str, old: &Document<'_>, change: Change<'_>) -> Result<(), Difference> {
    check(text, guard_parser::Parser::new(text), old, change)
}

/// Checks that a document is `old` after the change.
///
/// # Errors
/// The first difference.
pub(super) fn check_document(new: &Document<'_>, old: &Document<'_>, change: Change<'_>) -> Result<(), Difference> {
    check(new.text(), (0..new.len()).map(|index| Ok(new.event(index))), old, change)
}

fn check<'a>(
    text: &str,
    read: impl Iterator<Item = Result<Event<'a>, SyntaxError>>,
    old: &Document<'_>,
    change: Change<'_>,
) -> Result<(), Difference> {
    let mut read = read.peekable();
    let removes_last = matches!(change, Change::Remove(_)) && old.children(0).nth(1).is_none();
    if removes_last && !matches!(read.peek(), Some(Ok(Event { kind: Kind::ListStart(_), .. }))) {
        return check_empty(text, read);
    }
    let expected = Expected::new(old, change);
    let (mut count, mut last) = (0, 0);
    for event in read {
        let event = event.map_err(Difference::Unreadable)?;
        last = event.range.start;
        if count == expected.len() || !is_same(&expected.event(count), &event) {
            return Err(Difference::Other { line: authenticator::line_of(text, last) });
        }
        count += 1;
    }
    if count == expected.len() { Ok(()) } else { Err(Difference::Other { line: authenticator::line_of(text, last) }) }
}

/// Checks that the text has no value, as after the removal of the only entry: no event, or a missing value.
fn check_empty<'a>(text: &str, read: impl Iterator<Item = Result<Event<'a>, SyntaxError>>) -> Result<(), Difference> {
    for event in read {
        let event = event.map_err(Difference::Unreadable)?;
        if event.kind != Kind::Scalar(Style::Plain) || !matches!(&*event.value, "" | "~") || event.tag.is_some() {
            return Err(Difference::Other { line: authenticator::line_of(text, event.range.start) });
        }
    }
    Ok(())
}

/// Whether two events say the same. Their places differ, and a list may change its style if it was empty.
fn is_same(one: &Event<'_>, other: &Event<'_>) -> bool {
    let same_kind = match (one.kind, other.kind) {
        (Kind::Scalar(one), Kind::Scalar(other)) => (one == Style::Plain) == (other == Style::Plain),
        (Kind::ListStart(_), Kind::ListStart(_)) | (Kind::MapStart(_), Kind::MapStart(_)) => true,
        (one, other) => one == other,
    };
    // One parser gives `~` for a missing value, so these are one value to both.
    let is_null = |event: &Event<'_>| event.kind == Kind::Scalar(Style::Plain) && matches!(&*event.value, "" | "~");
    let same_value = one.value == other.value || (is_null(one) && is_null(other));
    same_kind && same_value && one.tag == other.tag && one.anchor == other.anchor
}

/// The events of the old document after a change. Some of its events are replaced by others, by their indices.
struct Expected<'a> {
    old: &'a Document<'a>,
    replaced: Range<usize>,
    with: Vec<Event<'a>>,
    /// The anchors of the events that are removed.
    anchors: BTreeSet<u32>,
}

impl<'a> Expected<'a> {
    fn new(old: &'a Document<'_>, change: Change<'a>) -> Self {
        let is_list = old.len() > 0 && matches!(old.kind(0), Kind::ListStart(_));
        let (replaced, with) = match change {
            Change::None => (0..0, Vec::new()),
            Change::Add { entry, style, .. } if !is_list => {
                let mut start = bare(Kind::ListStart(style), "");
                // A tag or an anchor without a value stays, and is then the list's.
                if old.len() > 0 {
                    let Event { tag, anchor, .. } = old.event(0);
                    start = Event { tag, anchor, ..start };
                }
                let list = [start].into_iter().chain(entry_events(entry, style)).chain([bare(Kind::ListEnd, "")]);
                (0..old.len(), list.collect())
            }
            Change::Add { index, entry, style } => {
                let at = old.children(0).nth(index).map_or(old.len() - 1, |item| item.start);
                (at..at, entry_events(entry, style).collect())
            }
            Change::Remove(index) => (old.children(0).nth(index).unwrap_or(0..0), Vec::new()),
        };
        let removed = replaced.clone().map(|index| old.event(index)).filter(|event| event.kind != Kind::Alias);
        let anchors = match change {
            Change::Remove(_) => removed.map(|event| event.anchor).filter(|anchor| *anchor > 0).collect(),
            _ => BTreeSet::new(),
        };
        Self { old, replaced, with, anchors }
    }

    fn len(&self) -> usize {
        self.old.len() - self.replaced.len() + self.with.len()
    }

    /// Returns the event at an index below [`Expected::len`].
    fn event(&self, index: usize) -> Event<'_> {
        if index < self.replaced.start {
            return self.old.event(index);
        }
        match self.with.get(index - self.replaced.start) {
            Some(event) => event.clone(),
            None => self.renumbered(self.old.event(index - self.with.len() + self.replaced.len())),
        }
    }

    /// Returns the event with the number that its anchor has after the removal.
    fn renumbered<'e>(&self, event: Event<'e>) -> Event<'e> {
        if self.anchors.is_empty() {
            return event;
        }
        // An alias of an anchor that is removed has no number, so nothing equals it.
        let is_removed = self.anchors.contains(&event.anchor);
        let before = u32::try_from(self.anchors.range(..event.anchor).count()).unwrap_or(u32::MAX);
        Event { anchor: if is_removed { u32::MAX } else { event.anchor - before }, ..event }
    }
}

/// The events of our entry. It has no tag and no anchor.
fn entry_events(entry: &NodeEntry, style: Collection) -> impl Iterator<Item = Event<'_>> {
    let [bootstrappers, nodes] = NodeEntry::groups();
    let scalar = Kind::Scalar(if style == Collection::Flow { Style::Quoted } else { Style::Plain });
    let text = |value| bare(scalar, value);
    [
        bare(Kind::MapStart(Collection::Block), ""),
        text("rolearn"),
        text(entry.rolearn()),
        text("username"),
        text(NodeEntry::username()),
        text("groups"),
        bare(Kind::ListStart(Collection::Block), ""),
        text(bootstrappers),
        text(nodes),
        bare(Kind::ListEnd, ""),
        bare(Kind::MapEnd, ""),
    ]
    .into_iter()
}

fn bare(kind: Kind, value: &str) -> Event<'_> {
    Event { kind, value: Cow::Borrowed(value), tag: None, anchor: 0, range: 0..0 }
}
