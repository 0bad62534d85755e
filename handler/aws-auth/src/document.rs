//! The first document of a text, as one of the parsers reads it.

use super::events::{Bounds, Event, Kind, SyntaxError};
use super::{authenticator, guard_parser};
use std::borrow::Cow;
use std::ops::Range;

/// An entry of `mapRoles` has three levels. A deeper text is rejected, because it is walked recursively.
const MAX_DEPTH: usize = 64;

/// All events of a document. The texts of scalars are in one string, because a list of 5,000 entries has 40,000 of them.
#[derive(Debug, Default)]
pub(super) struct Document {
    events: Vec<Stored>,
    texts: String,
    tags: Vec<String>,
    /// The nodes with an anchor, by the number of the anchor.
    anchored: Vec<u32>,
    bounds: Bounds,
}

/// An event without its texts.
#[derive(Clone, Copy, Debug)]
struct Stored {
    kind: Kind,
    /// Where the value begins in `texts`. It ends where the next one begins.
    value: u32,
    /// The place of the tag in `tags`, from 1; 0 for none.
    tag: u32,
    anchor: u32,
    start: u32,
    end: u32,
}

impl Document {
    /// Reads the document as the authenticator does.
    ///
    /// # Errors
    /// The authenticator does not read the text.
    pub(super) fn read(text: &str) -> Result<Self, SyntaxError> {
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
    pub(super) fn read_by_guard(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = guard_parser::Parser::new(text);
        let mut document = Self::collect(text, &mut parser)?;
        document.bounds = parser.bounds();
        Ok(document)
    }

    fn collect<'a>(
        text: &str,
        parser: &mut impl Iterator<Item = Result<Event<'a>, SyntaxError>>,
    ) -> Result<Self, SyntaxError> {
        let mut document = Self::default();
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
        Ok(document)
    }

    fn push(&mut self, event: &Event<'_>) {
        let value = place(self.texts.len());
        self.texts += &event.value;
        let tag = match &event.tag {
            Some(tag) => {
                self.tags.push(tag.clone().into_owned());
                place(self.tags.len())
            }
            None => 0,
        };
        if event.anchor > 0 && event.kind != Kind::Alias {
            self.anchored.push(place(self.events.len()));
        }
        let (start, end) = (place(event.range.start), place(event.range.end));
        self.events.push(Stored { kind: event.kind, value, tag, anchor: event.anchor, start, end });
    }

    /// Returns the number of events.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns the event at an index below [`Document::len`].
    pub(super) fn event(&self, index: usize) -> Event<'_> {
        let stored = self.events[index];
        let end = self.events.get(index + 1).map_or(self.texts.len(), |next| next.value as usize);
        Event {
            kind: stored.kind,
            value: Cow::Borrowed(&self.texts[stored.value as usize..end]),
            tag: stored.tag.checked_sub(1).map(|tag| Cow::Borrowed(self.tags[tag as usize].as_str())),
            anchor: stored.anchor,
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
