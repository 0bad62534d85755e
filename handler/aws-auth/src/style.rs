//! How an entry is written so that it looks like the others of its list.

use super::NodeEntry;
use super::document::Document;
use super::events::{Collection, Kind};
use super::list::{Place, end_of, next_solid};
use serde_json::Value;

/// An entry on lines of its own, behind a dash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) newline: &'static str,
    /// The number of spaces before the dash.
    pub(super) indent: usize,
    /// The number of spaces behind the dash.
    gap: usize,
    /// The number of spaces by which the dashes of the groups are indented, from their key.
    groups: usize,
}

impl Block {
    /// Returns the style of an empty list: that of Kubernetes' own YAML, without indentation.
    pub(super) fn default_in(text: &str) -> Self {
        Self { newline: newline(text), indent: 0, gap: 1, groups: 0 }
    }

    /// Returns the style of the entries at these places. Where an entry does not show it, the one before it does.
    pub(super) fn of(document: &Document<'_>, places: &[Place]) -> Self {
        let text = document.text();
        let last_first = || places.iter().rev();
        Self {
            newline: newline(text),
            indent: places.first().map_or(0, |place| column(text, place.start)),
            gap: last_first().find_map(|place| gap(document, place)).unwrap_or(1),
            groups: last_first().find_map(|place| indent_of_list(document, place)).unwrap_or(0),
        }
    }

    /// Returns the entry in this style, without a final newline.
    pub(super) fn entry(&self, entry: &NodeEntry) -> String {
        let spaces = |count| " ".repeat(count);
        let dash = format!("{}-{}", spaces(self.indent), spaces(self.gap));
        let keys = spaces(dash.len());
        let groups = format!("{keys}{}- ", spaces(self.groups));
        let [bootstrappers, nodes] = NodeEntry::groups();
        [
            format!("{dash}rolearn: {}", entry.rolearn()),
            format!("{keys}username: {}", NodeEntry::username()),
            format!("{keys}groups:"),
            format!("{groups}{bootstrappers}"),
            format!("{groups}{nodes}"),
        ]
        .join(self.newline)
    }
}

/// An entry in JSON, which is YAML's flow style too, on one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flow {
    newline: &'static str,
    /// Whether a space follows colons and commas.
    spaced: bool,
    /// What precedes an entry that has a line of its own.
    indent: Option<String>,
}

impl Flow {
    /// Returns the style of an empty list.
    pub(super) fn default_in(text: &str) -> Self {
        Self { newline: newline(text), spaced: true, indent: None }
    }

    /// Returns the style of the entries at these places.
    pub(super) fn of(document: &Document<'_>, places: &[Place]) -> Self {
        let text = document.text();
        let mut maps = (0..document.len()).filter(|index| matches!(document.kind(*index), Kind::MapStart(_)));
        // An empty mapping has no colon, nor has a key without a value.
        let after_colon = maps.find_map(|map| {
            document.children(map).step_by(2).find_map(|key| {
                let start = document.event(key.start).range.start;
                let colon = next_solid(text, end_of(document, key, start));
                text[colon..].strip_prefix(':')?.chars().next()
            })
        });
        let indent = places.last().and_then(|place| {
            let line = line_of(text, place.start);
            let before = &text[line..place.start];
            (line > 0 && before.trim_matches([' ', '\t']).is_empty()).then(|| before.to_owned())
        });
        Self { newline: newline(text), spaced: after_colon.is_none_or(char::is_whitespace), indent }
    }

    /// Returns the entry in this style.
    pub(super) fn entry(&self, entry: &NodeEntry) -> String {
        let [bootstrappers, nodes] = NodeEntry::groups();
        let rolearn = Value::from(entry.rolearn());
        let username = NodeEntry::username();
        let space = self.space();
        format!(
            "{{\"rolearn\":{space}{rolearn},{space}\"username\":{space}\"{username}\",{space}\
             \"groups\":{space}[\"{bootstrappers}\",{space}\"{nodes}\"]}}"
        )
    }

    /// Returns what separates two entries, behind the comma.
    pub(super) fn gap(&self) -> String {
        if self.indent.is_some() { self.new_line() } else { self.space().to_owned() }
    }

    /// Returns a newline, and the indentation of an entry.
    pub(super) fn new_line(&self) -> String {
        format!("{}{}", self.newline, self.indent.as_deref().unwrap_or("  "))
    }

    /// Returns what follows a colon or a comma on the same line.
    pub(super) const fn space(&self) -> &'static str {
        if self.spaced { " " } else { "" }
    }
}

/// Returns the newline of the text.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Returns the number of spaces between the dash of an entry and its mapping, if both are on one line.
fn gap(document: &Document<'_>, place: &Place) -> Option<usize> {
    let text = document.text();
    let event = document.event(place.events.start);
    let is_bare = matches!(event.kind, Kind::MapStart(_)) && event.anchor == 0 && event.tag.is_none();
    let space = text.get(place.start + 1..event.range.start).filter(|_| is_bare)?;
    space.bytes().all(|byte| byte == b' ').then_some(space.len())
}

/// Returns by how many spaces the dashes of the first block list in an entry, a mapping, are indented from its key.
fn indent_of_list(document: &Document<'_>, place: &Place) -> Option<usize> {
    let text = document.text();
    let map = place.events.start;
    if !matches!(document.kind(map), Kind::MapStart(_)) {
        return None;
    }
    let mut children = document.children(map);
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        let list = document.event(value.start);
        if list.kind == Kind::ListStart(Collection::Block) && list.anchor == 0 && list.tag.is_none() {
            let key = document.event(key.start).range.start;
            return Some(column(text, list.range.start).saturating_sub(column(text, key)));
        }
    }
    None
}

fn column(text: &str, at: usize) -> usize {
    at - line_of(text, at)
}

/// Returns where the line of a position begins, behind a byte order mark.
fn line_of(text: &str, at: usize) -> usize {
    let line = text[..at].rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let mark = text[line..at].starts_with('\u{feff}');
    if mark { line + '\u{feff}'.len_utf8() } else { line }
}
