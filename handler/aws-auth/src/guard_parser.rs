//! The second parser, of another family. It guards each edit: a text that the two parsers read differently is not edited.

use super::events::{Bounds, Collection, Event, Kind, Style, SyntaxError, ends_in_blank_line, ends_text};
use granit_parser::{Event as Parsed, ScalarStyle, Span, StrInput, StructureStyle, Tag};
use std::borrow::Cow;

/// Reads the first document of a text.
pub(super) struct Parser<'a> {
    text: &'a str,
    source: granit_parser::Parser<'a, StrInput<'a>>,
    bounds: Bounds,
    /// The place of the parser's numbers of anchors, which do not begin at 1.
    first_anchor: usize,
    is_done: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let parser = granit_parser::Parser::new_from_str(text);
        let first_anchor = parser.anchor_offset();
        Self { text, source: parser, bounds: Bounds::default(), first_anchor, is_done: false }
    }

    /// Returns the markers of the document. Complete after the last event.
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    fn step(&mut self) -> Result<Option<Event<'a>>, SyntaxError> {
        loop {
            let Some(parsed) = self.source.next() else {
                return Ok(None);
            };
            let (parsed, span) =
                parsed.map_err(|error| SyntaxError { line: error.marker().line() as u64, message: error.info() })?;
            let range = range(&span);
            let node = |kind, anchor: usize, tag: Option<Cow<'a, Tag>>| Event {
                kind,
                value: Cow::Borrowed(""),
                tag: tag.map(|tag| resolved(&tag)),
                anchor: number(anchor, self.first_anchor),
                range: range.clone(),
            };
            return Ok(Some(match parsed {
                Parsed::StreamEnd => return Ok(None),
                Parsed::DocumentEnd => {
                    self.bounds.end_marker = (!range.is_empty()).then_some(range.start);
                    return Ok(None);
                }
                Parsed::DocumentStart(is_explicit, _) => {
                    self.bounds.start_marker = is_explicit.then_some(range.end);
                    continue;
                }
                Parsed::Scalar(mut value, style, anchor, tag) => {
                    let style = match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                    };
                    // The parser gives `~` for a missing value, as if it had been written.
                    // YAML 1.2 ends each line of a block scalar with a newline, also the last one of the text.
                    let ends_text = style == Style::Block && ends_text(self.text, range.end);
                    if ends_text && value.ends_with('\n') && !ends_in_blank_line(self.text) {
                        value.to_mut().pop();
                    }
                    let value = if style == Style::Plain && value == "~" { Cow::Borrowed("") } else { value };
                    Event { value, ..node(Kind::Scalar(style), anchor, tag) }
                }
                Parsed::Alias(anchor) => node(Kind::Alias, anchor, None),
                Parsed::SequenceStart(style, anchor, tag) => node(Kind::ListStart(collection(style)), anchor, tag),
                Parsed::MappingStart(style, anchor, tag) => node(Kind::MapStart(collection(style)), anchor, tag),
                Parsed::SequenceEnd => node(Kind::ListEnd, 0, None),
                Parsed::MappingEnd => node(Kind::MapEnd, 0, None),
                _ => continue,
            }));
        }
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let event = self.step().transpose();
        self.is_done = !matches!(event, Some(Ok(_)));
        event
    }
}

fn range(span: &Span) -> std::ops::Range<usize> {
    span.byte_range().unwrap_or_default()
}

const fn collection(style: StructureStyle) -> Collection {
    match style {
        StructureStyle::Block => Collection::Block,
        StructureStyle::Flow => Collection::Flow,
    }
}

fn number(anchor: usize, first: usize) -> u32 {
    if anchor == 0 { 0 } else { u32::try_from(anchor.saturating_sub(first) + 1).unwrap_or(u32::MAX) }
}

/// Returns the tag with its handle resolved.
fn resolved<'a>(tag: &Tag) -> Cow<'a, str> {
    Cow::Owned(format!("{}{}", tag.handle(), tag.suffix()))
}
