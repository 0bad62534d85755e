//! The parser of the authenticator's family: libyaml, of which the authenticator's `go.yaml.in/yaml/v2` is a port too.
//!
//! The two ports differ in few places. [`Parser`] rejects what the authenticator's port rejects there.

use super::events::{Bounds, Collection, Event, Kind, Style, SyntaxError, ends_in_blank_line, ends_text};
use libyaml_safer::{Event as Parsed, EventData, MappingStyle, Mark, ScalarStyle, SequenceStyle};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Read, Result as IoResult};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Reads the first document of a text. The authenticator does not read what follows it.
pub(super) struct Parser<'a> {
    text: &'a str,
    source: libyaml_safer::Parser<Pieces<'a>>,
    /// The length of the byte order mark, which the parser's positions leave out.
    offset: usize,
    /// The numbers of the anchors. The last definition of a name counts.
    anchors: HashMap<String, u32>,
    last_anchor: u32,
    bounds: Bounds,
    /// The number of flow collections around the next event.
    flow_depth: usize,
    /// The end of the last event.
    last: usize,
    is_done: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut parser = libyaml_safer::Parser::new();
        // Without a newline behind it, this port does not read a block scalar at the end of the text.
        let newline: &[u8] = if text.ends_with(['\n', '\r']) { b"" } else { b"\n" };
        parser.set_input(Pieces { text: text.as_bytes(), newline });
        let offset = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self {
            text,
            source: parser,
            offset,
            anchors: HashMap::new(),
            last_anchor: 0,
            bounds: Bounds::default(),
            flow_depth: 0,
            last: 0,
            is_done: false,
        }
    }

    /// Returns the markers of the document. Complete after the last event.
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    fn byte_of(&self, mark: Mark) -> usize {
        let index = usize::try_from(mark.index).unwrap_or(usize::MAX);
        self.offset.saturating_add(index).min(self.text.len())
    }

    /// Returns the next event of the document; `None` after its last one.
    fn step(&mut self) -> Result<Option<Event<'a>>, SyntaxError> {
        loop {
            let parsed = self.source.parse().map_err(|error| self.error(&error))?;
            let (from, to) = (self.byte_of(parsed.start_mark), self.byte_of(parsed.end_mark));
            match parsed.data {
                EventData::StreamStart { .. } => {}
                EventData::StreamEnd => return Ok(None),
                EventData::DocumentStart { version_directive, implicit, .. } => {
                    if version_directive.is_some_and(|version| (version.major, version.minor) != (1, 1)) {
                        return Err(self.at(from, "found incompatible YAML document"));
                    }
                    self.bounds.start_marker = (!implicit).then_some(to);
                }
                EventData::DocumentEnd { implicit } => {
                    self.bounds.end_marker = (!implicit).then_some(from);
                    return Ok(None);
                }
                _ => return self.node(parsed, from, to).map(Some),
            }
        }
    }

    fn node(&mut self, parsed: Parsed, from: usize, to: usize) -> Result<Event<'a>, SyntaxError> {
        let (kind, value, tag, anchor) = match parsed.data {
            EventData::Scalar { anchor, tag, mut value, style, .. } => {
                let style = match style {
                    ScalarStyle::SingleQuoted => Style::Quoted,
                    ScalarStyle::DoubleQuoted => {
                        self.check_escapes(from, to)?;
                        Style::Quoted
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        if self.has_added_newline(from, to) && value.ends_with('\n') {
                            value.pop();
                        }
                        Style::Block
                    }
                    // To the authenticator's port, a `?` always begins a key there.
                    _ if self.flow_depth > 0 && value.contains('?') => {
                        return Err(self.at(from, "did not find expected ',' or ']'"));
                    }
                    _ => Style::Plain,
                };
                (Kind::Scalar(style), value, tag, anchor)
            }
            EventData::SequenceStart { anchor, tag, style, .. } => {
                let style = if style == SequenceStyle::Flow { Collection::Flow } else { Collection::Block };
                (Kind::ListStart(style), String::new(), tag, anchor)
            }
            EventData::MappingStart { anchor, tag, style, .. } => {
                let style = if style == MappingStyle::Flow { Collection::Flow } else { Collection::Block };
                (Kind::MapStart(style), String::new(), tag, anchor)
            }
            EventData::Alias { anchor } => {
                let Some(number) = self.anchors.get(&anchor) else {
                    return Err(self.at(from, &format!("unknown anchor '{anchor}' referenced")));
                };
                let (kind, value) = (Kind::Alias, Cow::Borrowed(""));
                return Ok(Event { kind, value, tag: None, anchor: *number, range: from..to });
            }
            EventData::MappingEnd => (Kind::MapEnd, String::new(), None, None),
            _ => (Kind::ListEnd, String::new(), None, None),
        };
        let anchor = anchor.map_or(0, |name| {
            self.last_anchor += 1;
            self.anchors.insert(name, self.last_anchor);
            self.last_anchor
        });
        Ok(Event { kind, value: Cow::Owned(value), tag: tag.map(Cow::Owned), anchor, range: from..to })
    }

    /// Returns whether the value of the block scalar at these bytes includes the newline that [`Parser::new`] has added.
    fn has_added_newline(&self, from: usize, to: usize) -> bool {
        let scalar = self.text.get(from..).unwrap_or_default();
        let keeps_blank_lines = scalar.lines().next().is_some_and(|header| header.contains('+'));
        ends_text(self.text, to) && (keeps_blank_lines || !ends_in_blank_line(self.text))
    }

    /// The authenticator's port has not got the escape `\/`, which JSON has and libyaml got in 0.2.2.
    fn check_escapes(&self, from: usize, to: usize) -> Result<(), SyntaxError> {
        let raw = self.text.get(from..to).unwrap_or_default();
        let mut chars = raw.char_indices();
        while let Some((_, char)) = chars.next() {
            if char == '\\'
                && let Some((at, '/')) = chars.next()
            {
                return Err(self.at(from + at, "found unknown escape character"));
            }
        }
        Ok(())
    }

    fn error(&self, error: &libyaml_safer::Error) -> SyntaxError {
        let message = match error.context() {
            Some(context) => format!("{}, {context}", error.problem()),
            None => error.problem().to_owned(),
        };
        match error.problem_mark() {
            // The mark may be behind the last line.
            Some(mark) => SyntaxError { line: (mark.line + 1).min(self.text.lines().count().max(1) as u64), message },
            // An error of the reader has no mark: the text has a character that YAML does not allow.
            None => self.at(self.text.find(is_forbidden).unwrap_or_default(), &message),
        }
    }

    fn at(&self, position: usize, message: &str) -> SyntaxError {
        SyntaxError { line: line_of(self.text, position), message: message.to_owned() }
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Event<'a>, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        // The port panics on a few texts that the authenticator rejects.
        let step = catch_unwind(AssertUnwindSafe(|| self.step()));
        let step = step.unwrap_or_else(|_| Err(self.at(self.last, "did not find expected whitespace or line break")));
        let event = step.transpose();
        if let Some(Ok(event)) = &event {
            self.last = event.range.end;
            // In a flow collection, all collections are flow collections.
            match event.kind {
                Kind::ListStart(Collection::Flow) | Kind::MapStart(Collection::Flow) => self.flow_depth += 1,
                Kind::ListEnd | Kind::MapEnd => self.flow_depth = self.flow_depth.saturating_sub(1),
                _ => {}
            }
        }
        self.is_done = !matches!(event, Some(Ok(_)));
        event
    }
}

/// A text and a newline, in pieces. The parser decodes a whole piece into four bytes for each character.
struct Pieces<'a> {
    text: &'a [u8],
    newline: &'static [u8],
}

impl Pieces<'_> {
    /// The length of a piece: the raw buffer of the authenticator's port. Behind the first document, both find a character that is
    /// not allowed only in the piece that they have read.
    const LENGTH: usize = 512;
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> IoResult<&[u8]> {
        let rest = if self.text.is_empty() { self.newline } else { self.text };
        Ok(&rest[..rest.len().min(Self::LENGTH)])
    }

    fn consume(&mut self, length: usize) {
        if self.text.is_empty() {
            self.newline = &self.newline[length..];
        } else {
            self.text = &self.text[length..];
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

/// Returns whether YAML 1.1 does not allow the character anywhere in a text.
const fn is_forbidden(char: char) -> bool {
    !matches!(char, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Returns the line of a position, from 1.
pub(super) fn line_of(text: &str, position: usize) -> u64 {
    let before = text.get(..position).unwrap_or(text);
    1 + before.matches('\n').count() as u64
}
