//! Where a text of `mapRoles` is cut, and what is inserted, so that every other byte stays.

use super::NodeEntry;
use super::document::Document;
use super::events::{Collection, Kind, Style};
use super::list::{Place, Root, is_bracket, next_solid, start_of_content};
use super::style::{Block, Flow};
use std::ops::Range;

/// The reason if there is no edit, because the text has no entry at the places that the parser has returned.
pub(super) const DISAGREE: &str = "the places of the entries in the text cannot be found";

/// One edit of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    /// The bytes that are replaced. Empty, unless an empty value is written out.
    pub(super) range: Range<usize>,
    /// What replaces them.
    pub(super) with: String,
    /// The index of the entry in the list, after an insertion or before a removal.
    pub(super) index: usize,
    /// How an added entry is written.
    pub(super) style: Collection,
}

impl Splice {
    /// Returns the text after the edit.
    pub(super) fn applied_to(&self, text: &str) -> String {
        let mut edited = String::with_capacity(text.len() + self.with.len());
        edited += &text[..self.range.start];
        edited += &self.with;
        edited += &text[self.range.end..];
        edited
    }

    /// Returns whether the edit makes `expected` of the text.
    pub(super) fn makes(&self, expected: &str, text: &str) -> bool {
        let rest = expected.strip_prefix(&text[..self.range.start]);
        rest.and_then(|rest| rest.strip_prefix(&self.with)) == Some(&text[self.range.end..])
    }
}

/// Returns the edits that add `entry`, the best one first. A later one is for the case that the earlier ones change more than the
/// list, or cannot be undone.
pub(super) fn insertions(document: &Document<'_>, root: &Root, places: &[Place], entry: &NodeEntry) -> Vec<Splice> {
    let text = document.text();
    let at_end = |style: &Block| append(document, places, &style.entry(entry), style.newline);
    match root {
        Root::Absent | Root::Null(_) if is_bare_empty_value(text) => {
            let style = Block::default_in(text);
            let with = style.entry(entry) + style.newline;
            vec![Splice { range: 0..text.len(), with, index: 0, style: Collection::Block }]
        }
        Root::Absent => vec![at_end(&Block::default_in(text))],
        // A `null` among comments: a flow list may replace any scalar.
        Root::Null(range) => {
            let with = format!("[{}]", Flow::default_in(text).entry(entry));
            vec![Splice { range: range.clone(), with, index: 0, style: Collection::Flow }]
        }
        Root::List(Collection::Flow) => append_to_flow(document, places, entry).into_iter().collect(),
        Root::List(Collection::Block) => {
            let style = Block::of(document, places);
            let first = places.first().map(|place| {
                let line = place.start - style.indent;
                Splice {
                    range: line..line,
                    with: style.entry(entry) + style.newline,
                    index: 0,
                    style: Collection::Block,
                }
            });
            let last = at_end(&style);
            // A newline at the end of a block scalar may become part of its value.
            let is_open = ends_in_block_scalar(document, places) && !text.ends_with(['\n', '\r']);
            let (best, other) = if is_open { (first, Some(last)) } else { (Some(last), first) };
            best.into_iter().chain(other).collect()
        }
    }
}

/// Returns the edit that removes the entry at `index`.
///
/// # Errors
/// [`DISAGREE`].
pub(super) fn removal(document: &Document<'_>, places: &[Place], index: usize) -> Result<Splice, &'static str> {
    let text = document.text();
    let place = places.get(index).ok_or(DISAGREE)?;
    let (range, with) = if document.kind(0) == Kind::ListStart(Collection::Flow) {
        (object_and_comma(document, places, index), "")
    } else if places.len() == 1 && needs_value(document) {
        (last_lines(text, place), "[]")
    } else {
        (lines(document, places, index), "")
    };
    Ok(Splice { range, with: with.to_owned(), index, style: Collection::Block })
}

/// Whether `text` is an empty value that is written out and nothing else. An entry cannot follow it, and the authenticator skips
/// some of them (tabs, backticks) without reading them as YAML. Spaces and newlines can stay.
pub(super) fn is_bare_empty_value(text: &str) -> bool {
    match text.trim() {
        "null" | "Null" | "NULL" | "~" => true,
        _ => is_skipped(text) && text.contains(|c| !matches!(c, ' ' | '\n' | '\r')),
    }
}

/// Whether the authenticator takes `text` for a missing value, without reading it as YAML (`isSkippable`).
pub(super) fn is_skipped(text: &str) -> bool {
    matches!(text.trim(), "" | "``" | r#""""# | "''")
}

/// The entry behind everything in the document, on lines of its own.
fn append(document: &Document<'_>, places: &[Place], entry: &str, newline: &str) -> Splice {
    let text = document.text();
    let at = end_of_document(document, places);
    let is_on_new_line = at == 0 || text[..at].ends_with(['\n', '\r']);
    let with = if is_on_new_line { format!("{entry}{newline}") } else { format!("{newline}{entry}") };
    Splice { range: at..at, with, index: places.len(), style: Collection::Block }
}

/// Returns where the document ends: at its `...`, at the `---` of the next one, or with the text.
fn end_of_document(document: &Document<'_>, places: &[Place]) -> usize {
    let text = document.text();
    if let Some(marker) = document.bounds().end_marker {
        return marker;
    }
    let content = places.last().map_or_else(|| start_of_content(document), |place| place.end);
    let next = next_solid(text, content);
    if next < text.len() && text[next..].starts_with("---") { next } else { text.len() }
}

/// Returns where a second document with content begins, at its `---` if it has one. `None` if the text has no other.
pub(super) fn second_document(document: &Document<'_>, places: &[Place]) -> Option<usize> {
    let text = document.text();
    let is_ended_by_event =
        document.len() > 0 && matches!(document.kind(0), Kind::ListStart(Collection::Flow) | Kind::Scalar(_));
    let mut at = if is_ended_by_event {
        document.event(document.len() - 1).range.end
    } else {
        end_of_document(document, places)
    };
    let mut start = None;
    loop {
        at = next_solid(text, at);
        let rest = &text[at..];
        if rest.is_empty() {
            return None;
        } else if rest.starts_with("---") {
            start = start.or(Some(at));
        } else if !rest.starts_with("...") {
            return start.or(Some(at));
        }
        at += 3;
    }
}

/// Whether the text ends in a block scalar, apart from blanks.
fn ends_in_block_scalar(document: &Document<'_>, places: &[Place]) -> bool {
    let text = document.text();
    let last = places.last();
    last.is_some_and(|place| ends_with_block_scalar(document, place) && text[place.end..].trim().is_empty())
}

/// Whether the last scalar of an entry is a block scalar.
fn ends_with_block_scalar(document: &Document<'_>, place: &Place) -> bool {
    let last = place.events.clone().rev().find(|index| !document.kind(*index).is_end());
    last.is_some_and(|index| document.kind(index) == Kind::Scalar(Style::Block))
}

/// Whether a value must be written where the list is: behind a tag, and before a `...` with neither a `---` nor an anchor.
fn needs_value(document: &Document<'_>) -> bool {
    let (list, bounds) = (document.event(0), document.bounds());
    list.tag.is_some() || (bounds.end_marker.is_some() && bounds.start_marker.is_none() && list.anchor == 0)
}

/// The entry behind the last one of a flow list. `None` if the list does not begin with a bracket.
fn append_to_flow(document: &Document<'_>, places: &[Place], entry: &NodeEntry) -> Option<Splice> {
    let text = document.text();
    let style = Flow::of(document, places);
    let object = style.entry(entry);
    let bracket = start_of_content(document);
    let at =
        |at: usize, with: String| Some(Splice { range: at..at, with, index: places.len(), style: Collection::Flow });
    let Some(last) = places.last() else {
        return text[bracket..].starts_with('[').then_some(()).and_then(|()| at(bracket + 1, object));
    };
    let behind = next_solid(text, last.end);
    let (content, has_comma) = if text[behind..].starts_with(',') { (behind + 1, true) } else { (last.end, false) };
    // A comment behind the last entry stays behind it.
    let (position, has_comment) = last_solid(text, content..next_solid(text, content));
    let gap = if has_comment { style.new_line() } else { style.gap() };
    let with = if has_comma {
        format!("{gap}{object},")
    } else if has_comment {
        format!("{gap},{}{object}", style.space())
    } else if takes_comma_in(document, last) {
        format!(" ,{gap}{object}")
    } else {
        format!(",{gap}{object}")
    };
    at(position, with)
}

/// Whether a comma behind the entry may be read as a part of it: `a:` is a pair in `[a: ]`, and a plain scalar in `[a:,]`.
fn takes_comma_in(document: &Document<'_>, place: &Place) -> bool {
    let text = document.text();
    let mut events = place.events.clone().rev().map(|index| document.event(index));
    let last = events.find(|event| !event.kind.is_end() || is_bracket(text, event));
    last.is_some_and(|event| match event.kind {
        Kind::Alias => true,
        Kind::Scalar(Style::Plain) => event.value.is_empty() || text[..place.end].ends_with([':', '?']),
        _ => false,
    })
}

/// The lines of a block entry, with the newline that separates it from the others.
fn lines(document: &Document<'_>, places: &[Place], index: usize) -> Range<usize> {
    let text = document.text();
    let place = &places[index];
    let line = text[..place.start].trim_end_matches(' ').len();
    if let Some(length) = text[place.end..].find(['\n', '\r']) {
        let newline = place.end + length;
        let crlf = text[newline..].starts_with("\r\n");
        return line..newline + 1 + usize::from(crlf);
    }
    let previous = index.checked_sub(1).map(|index| &places[index]);
    let follows_block_scalar = previous.is_some_and(|previous| {
        ends_with_block_scalar(document, previous) && text[previous.end..place.start].trim().is_empty()
    });
    if follows_block_scalar {
        return line..text.len();
    }
    let kept = text[..line].strip_suffix('\n').unwrap_or(&text[..line]);
    let kept = kept.strip_suffix('\r').unwrap_or(kept);
    kept.len()..text.len()
}

/// The lines of the only block entry, without the newline behind them.
fn last_lines(text: &str, place: &Place) -> Range<usize> {
    let line = text[..place.start].trim_end_matches(' ').len();
    line..text[place.end..].find(['\n', '\r']).map_or(text.len(), |length| place.end + length)
}

/// A flow entry with one comma: the one behind it, or else the one before it.
fn object_and_comma(document: &Document<'_>, places: &[Place], index: usize) -> Range<usize> {
    let text = document.text();
    let place = &places[index];
    let behind = next_solid(text, place.end);
    let comma = text[behind..].starts_with(',').then_some(behind + 1);
    if let Some(comma) = comma.filter(|_| index + 1 < places.len()) {
        return place.start..comma + blanks(&text[comma..]);
    }
    let previous = match index.checked_sub(1) {
        Some(previous) => places[previous].end,
        None => start_of_content(document) + 1,
    };
    let (before, is_comment) = last_solid(text, previous..place.start);
    let (from, to) = match comma {
        Some(comma) => (place.start, comma),
        None if !is_comment && text[previous..before].ends_with(',') => (before - 1, place.end),
        // Alone, or behind a comment: a comma before that may stay, because JSON has no comments.
        None => return place.start..place.end,
    };
    // What follows must not become a part of a comment.
    let (before, is_comment) = last_solid(text, previous..from);
    let ends_line = text[to..].trim_start_matches(' ').starts_with(['\n', '\r']);
    if ends_line || !is_comment { before..to } else { from..to }
}

/// Returns where the last comma or comment in a range between two entries ends, and whether it is a comment. The start of the
/// range, if it has only blanks.
fn last_solid(text: &str, range: Range<usize>) -> (usize, bool) {
    let (mut at, mut last) = (range.start, (range.start, false));
    while at < range.end {
        let rest = &text[at..range.end];
        match rest.as_bytes()[0] {
            b'#' => {
                at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                last = (at, true);
            }
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                at += rest.chars().next().map_or(1, char::len_utf8);
                last = (at, false);
            }
        }
    }
    last
}

/// The length of the blanks at the start of `text`.
fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\n', '\r']).len()
}
