//! The first document of a text, as one of the parsers reads it.

use super::events::{Bounds, Event, Kind, Style, SyntaxError};
use super::{authenticator, guard_parser};
use std::borrow::Cow;
use std::ops::Range;

/// An entry of `mapRoles` has three levels. A deeper text is rejected, because it is walked recursively.
const MAX_DEPTH: usize = 64;

/// The bytes of a text for each event, at least, in the lists that people have. Where there are fewer, the events are moved.
const BYTES_PER_EVENT: usize = 8;

/// All events of a document. A list of 5,000 entries has 75,000 of them, so an event has only what the text does not have.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    text: &'a str,
    events: Vec<Stored>,
    /// The events with a tag, an anchor or a value that the text does not have as it is, in order. Few have one.
    details: Vec<Details>,
    /// The nodes with an anchor, by the number of the anchor.
    anchored: Vec<u32>,
    bounds: Bounds,
}

/// An event, with its place in the text.
#[derive(Clone, Copy, Debug)]
struct Stored {
    kind: Kind,
    start: u32,
    end: u32,
}

/// What an event has besides its place.
#[derive(Clone, Debug)]
struct Details {
    /// The index of the event.
    event: u32,
    value: String,
    tag: Option<String>,
    anchor: u32,
}

impl<'a> Document<'a> {
    /// Reads the document as the authenticator does.
    ///
    /// # Errors
    /// The authenticator does not read the text.
    pub(super) fn read(text: &'a str) -> Result<Self, SyntaxError> {
        if let Some((at, _)) = text.match_indices('\u{feff}').find(|(at, _)| *at > 0) {
            let message = "the text has a byte order mark that is not its first character".to_owned();
            return Err(SyntaxError { line: authenticator::line_of(text, at), message });
        }
        let mut parser = authenticator::Parser::new(text);
        let mut document = Self::collect(text, &mut parser)?;
        document.bounds = parser.bounds();
        Ok(document)
    }

    /// Reads the document with the other parser, for a text that the authenticator does not read.
    ///
    /// # Errors
    /// This parser does not read the text either.
    pub(super) fn read_by_guard(text: &'a str) -> Result<Self, SyntaxError> {
        let mut parser = guard_parser::Parser::new(text);
        let mut document = Self::collect(text, &mut parser)?;
        document.bounds = parser.bounds();
        Ok(document)
    }

    /// Returns the document of a text that is not read as YAML: it has no event.
    pub(super) fn skipped(text: &'a str) -> Self {
        Self { text, ..Self::default() }
    }

    /// Returns the whole text, with what is before and behind the document.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    fn collect<'e>(
        text: &'a str,
        parser: &mut impl Iterator<Item = Result<Event<'e>, SyntaxError>>,
    ) -> Result<Self, SyntaxError> {
        let events = Vec::with_capacity(text.len() / BYTES_PER_EVENT);
        let mut document = Self { text, events, ..Self::default() };
        let mut depth = 0;
        for event in parser {
            let event = event?;
            if event.kind.is_start() {
                depth += 1;
                if depth > MAX_DEPTH {
                    let line = authenticator::line_of(text, event.range.start);
                    let message = format!("the text is nested more than {MAX_DEPTH} levels deep");
                    return Err(SyntaxError { line, message });
                }
            } else if event.kind.is_end() {
                depth -= 1;
            }
            document.push(&event);
        }
        document.events.shrink_to_fit();
        Ok(document)
    }

    fn push(&mut self, event: &Event<'_>) {
        let index = place(self.events.len());
        let stored = Stored { kind: event.kind, start: place(event.range.start), end: place(event.range.end) };
        if event.tag.is_some() || event.anchor > 0 || self.written(stored) != Some(&event.value) {
            let tag = event.tag.as_deref().map(str::to_owned);
            let value = event.value.clone().into_owned();
            self.details.push(Details { event: index, value, tag, anchor: event.anchor });
        }
        if event.anchor > 0 && event.kind != Kind::Alias {
            self.anchored.push(index);
        }
        self.events.push(stored);
    }

    /// Returns what the text has for the value of an event without tag and anchor. The value is the same if it has neither escapes
    /// nor folded lines.
    fn written(&self, event: Stored) -> Option<&'a str> {
        let range = event.start as usize..event.end as usize;
        match event.kind {
            Kind::Scalar(Style::Plain) => self.text.get(range),
            Kind::Scalar(Style::Quoted) => self.text.get(range.start + 1..range.end.checked_sub(1)?),
            Kind::Scalar(Style::Block) => None,
            _ => Some(""),
        }
    }

    /// Returns the number of events.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns the event at an index below [`Document::len`].
    pub(super) fn event(&self, index: usize) -> Event<'_> {
        let stored = self.events[index];
        let found = self.details.binary_search_by_key(&index, |details| details.event as usize);
        let details = found.ok().map(|at| &self.details[at]);
        let value = details.map_or_else(|| self.written(stored).unwrap_or_default(), |details| &details.value);
        Event {
            kind: stored.kind,
            value: Cow::Borrowed(value),
            tag: details.and_then(|details| details.tag.as_deref()).map(Cow::Borrowed),
            anchor: details.map_or(0, |details| details.anchor),
            range: stored.start as usize..stored.end as usize,
        }
    }

    pub(super) fn kind(&self, index: usize) -> Kind {
        self.events[index].kind
    }

    /// Returns the index behind the node at `index`.
    pub(super) fn after(&self, index: usize) -> usize {
        let mut depth = 0;
        for (offset, event) in self.events[index..].iter().enumerate() {
            if event.kind.is_start() {
                depth += 1;
            } else if event.kind.is_end() {
                depth -= 1;
            }
            if depth == 0 {
                return index + offset + 1;
            }
        }
        self.events.len()
    }

    /// Returns the index of the node that has this anchor.
    pub(super) fn anchored(&self, anchor: u32) -> Option<usize> {
        let number = usize::try_from(anchor.checked_sub(1)?).ok()?;
        self.anchored.get(number).map(|index| *index as usize)
    }

    /// Returns the nodes of the list or the mapping at `index`, as ranges of events.
    pub(super) fn children(&self, index: usize) -> impl Iterator<Item = Range<usize>> {
        let mut at = index + 1;
        std::iter::from_fn(move || {
            if self.events.get(at)?.kind.is_end() {
                return None;
            }
            let child = at..self.after(at);
            at = child.end;
            Some(child)
        })
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }
}

/// A text of `mapRoles` has at most 1 MiB, the limit of a `ConfigMap`, so 32 bits hold all places in it.
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
