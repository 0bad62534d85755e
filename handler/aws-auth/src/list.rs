//! The list in a text of `mapRoles`: its entries, and their places in the text.

use super::document::Document;
use super::entry::{Relation, relation};
use super::events::{Collection, Event, Kind, Style, SyntaxError};
use super::value::{Reader, Value};
use super::{AwsAuthError, NodeEntry};
use std::ops::Range;

/// How much of a foreign text a message repeats, in characters.
const MAX_QUOTE: usize = 300;

/// The list of a document, or what the document has instead.
pub(super) enum Root {
    /// No value: the text has comments and markers only.
    Absent,
    /// `null`, or a tag or an anchor without a value, at these bytes.
    Null(Range<usize>),
    /// A list.
    List(Collection),
}

/// Where an entry is in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The dash of a block list. In a flow list, the first byte of the entry.
    pub(super) start: usize,
    /// The end of the entry's last content, without comments and blanks.
    pub(super) end: usize,
    /// The events of the entry.
    pub(super) events: Range<usize>,
}

/// Returns what the document is.
///
/// # Errors
/// [`AwsAuthError::NotAList`] for every other value, and [`AwsAuthError::NotYaml`] for a scalar that does not fit its tag.
pub(super) fn root(document: &Document<'_>) -> Result<Root, AwsAuthError> {
    if document.len() == 0 {
        return Ok(Root::Absent);
    }
    let event = document.event(0);
    match event.kind {
        Kind::ListStart(style) => Ok(Root::List(style)),
        Kind::Scalar(_) if Reader::new(document).value(0).map_err(AwsAuthError::from)? == Value::Null => {
            let is_written = !event.value.is_empty() || event.tag.is_some();
            Ok(if is_written { Root::Null(event.range) } else { Root::Absent })
        }
        _ => Err(AwsAuthError::NotAList { first_line: first_line(document.text()) }),
    }
}

/// Returns how each entry relates to `entry`, in the order of the list.
///
/// # Errors
/// The authenticator reads nothing of the list.
pub(super) fn relations(document: &Document<'_>, entry: &NodeEntry) -> Result<Vec<Relation>, SyntaxError> {
    let mut reader = Reader::new(document);
    items(document).map(|item| Ok(relation(&reader.value(item.start)?, entry))).collect()
}

/// Returns the entries that are exactly ours, by their indices. A list that the authenticator does not read can still have them.
pub(super) fn ours(document: &Document<'_>, entry: &NodeEntry) -> Vec<usize> {
    let is_ours = |item: Range<usize>| {
        let value = Reader::new(document).value(item.start);
        value.is_ok_and(|value| relation(&value, entry) == Relation::Equal)
    };
    items(document).enumerate().filter(|(_, item)| is_ours(item.clone())).map(|(index, _)| index).collect()
}

/// Returns the entries of the list, as ranges of events.
pub(super) fn items(document: &Document<'_>) -> impl Iterator<Item = Range<usize>> {
    let is_list = document.len() > 0 && matches!(document.kind(0), Kind::ListStart(_));
    is_list.then(|| document.children(0)).into_iter().flatten()
}

/// Returns the places of all entries. `None` if the text has no dash or bracket where the list says that it has one.
pub(super) fn places(document: &Document<'_>) -> Option<Vec<Place>> {
    let text = document.text();
    if document.len() == 0 {
        return None;
    }
    let Kind::ListStart(style) = document.kind(0) else {
        return None;
    };
    let mut at = start_of_content(document);
    if style == Collection::Flow {
        at = text[at..].starts_with('[').then_some(at + 1)?;
    }
    let mut places = Vec::new();
    for events in document.children(0) {
        let mut start = next_solid(text, at);
        match style {
            Collection::Block => _ = text[start..].strip_prefix('-')?,
            Collection::Flow if !places.is_empty() => {
                start = next_solid(text, text[start..].starts_with(',').then_some(start + 1)?);
            }
            Collection::Flow => {}
        }
        let content = if style == Collection::Block { start + 1 } else { start };
        let end = end_of(document, events.clone(), content);
        places.push(Place { start, end, events });
        at = end;
    }
    Some(places)
}

/// Returns the end of the last content of these events, which begin at `from`. Blanks and comments behind it do not count.
pub(super) fn end_of(document: &Document<'_>, events: Range<usize>, from: usize) -> usize {
    let text = document.text();
    events.fold(from, |end, index| {
        let event = document.event(index);
        match event.kind {
            // It may include the blank lines behind it.
            Kind::Scalar(Style::Block) => end.max(text[..event.range.end].trim_end().len()),
            // A missing value is where the next token begins. Only its indicator is content.
            Kind::Scalar(Style::Plain) if event.range.is_empty() => {
                let indicator = next_solid(text, end);
                let is_indicator = indicator <= event.range.start && text[indicator..].starts_with([':', '?', '-']);
                if is_indicator { indicator + 1 } else { end }
            }
            Kind::ListStart(Collection::Block) | Kind::MapStart(Collection::Block) => end.max(event.range.start),
            Kind::ListEnd | Kind::MapEnd if !is_bracket(text, &event) => end,
            _ => end.max(event.range.end),
        }
    })
}

/// Returns whether the end of a list or a mapping is a bracket or a brace. Block collections have none, nor has a pair in a flow
/// list: they end where the next token begins.
pub(super) fn is_bracket(text: &str, end: &Event<'_>) -> bool {
    let bracket = if end.kind == Kind::ListEnd { "]" } else { "}" };
    &text[end.range.clone()] == bracket
}

/// Returns where the value of the document begins, behind its tag and its anchor.
pub(super) fn start_of_content(document: &Document<'_>) -> usize {
    let text = document.text();
    let mut at = document.bounds().start_marker.unwrap_or_default();
    if text[at..].starts_with('\u{feff}') {
        at += '\u{feff}'.len_utf8();
    }
    loop {
        at = next_solid(text, at);
        let is_property = text[at..].starts_with(['&', '!']);
        let length = text[at..].find(|c: char| c.is_whitespace()).filter(|_| is_property);
        match length {
            Some(length) => at += length,
            None => return at,
        }
    }
}

/// Returns the first position from `at` on that is neither a blank nor in a comment, or the end of the text.
pub(super) fn next_solid(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        at += rest.len() - trimmed.len();
        if !trimmed.starts_with('#') {
            return at;
        }
        at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
    }
}

/// Returns the entry at a place, as it is written, on one line.
pub(super) fn quote(text: &str, place: &Place) -> String {
    let quoted = &text[place.start..place.end];
    one_line(quoted.strip_prefix('-').unwrap_or(quoted))
}

/// Returns `text` on one line, cut at [`MAX_QUOTE`] characters.
pub(super) fn one_line(text: &str) -> String {
    let printable = text.replace(char::is_control, " ");
    let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_QUOTE) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// Returns the first line of the text that is not blank, a comment or `---`.
pub(super) fn first_line(text: &str) -> String {
    let is_content = |line: &&str| !line.is_empty() && !line.starts_with('#') && *line != "---";
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    one_line(lines.find(is_content).unwrap_or_default())
}
