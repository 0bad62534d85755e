//! How an entry is written so that it looks like the others of its list.

use serde_json::Value;
use yaml_edit::SyntaxKind;

use super::NodeEntry;
use super::tree::{Node, is_flow, is_solid, range};

/// An entry on lines of its own, behind a dash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) newline: &'static str,
    /// Spaces before the dash.
    pub(super) indent: usize,
    /// Spaces behind the dash.
    gap: usize,
    /// Spaces that the dashes of the groups stand in from their key.
    groups: usize,
}

impl Block {
    /// The style of `items`, the block list in `text`. With nothing to go by, it is that of
    /// Kubernetes' own YAML: no indentation.
    pub(super) fn of(text: &str, items: &[Node]) -> Self {
        let last_first = || items.iter().rev();
        Self {
            newline: newline(text),
            indent: items.first().map_or(0, |item| column(text, item)),
            gap: last_first().find_map(gap).unwrap_or(1),
            groups: last_first().find_map(|item| indent_of_list(text, item)).unwrap_or(0),
        }
    }

    /// `entry` in this style, without a final newline.
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
    /// A space behind colons and commas.
    spaced: bool,
    /// What stands before an item that has a line to itself.
    indent: Option<String>,
}

impl Flow {
    /// The style of `list`, the flow list in `text`, and of its `items`.
    pub(super) fn of(text: &str, list: &Node, items: &[Node]) -> Self {
        let colon = list
            .descendants_with_tokens()
            .filter_map(rowan::NodeOrToken::into_token)
            .find(|token| token.kind() == SyntaxKind::COLON);
        let after_colon = colon.and_then(|colon| colon.next_token());
        let indent = items.last().and_then(|item| {
            let start = range(item).start;
            let line = line_of(text, start);
            let before = &text[line..start];
            (line > 0 && before.trim_matches([' ', '\t']).is_empty()).then(|| before.to_owned())
        });
        Self { newline: newline(text), spaced: after_colon.is_none_or(|token| !is_solid(&token)), indent }
    }

    /// `entry` in this style.
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

    /// What stands between two items, behind the comma.
    pub(super) fn gap(&self) -> String {
        if self.indent.is_some() { self.new_line() } else { self.space().to_owned() }
    }

    /// A line end, and the indentation of an item.
    pub(super) fn new_line(&self) -> String {
        format!("{}{}", self.newline, self.indent.as_deref().unwrap_or("  "))
    }

    /// What stands behind a colon or a comma on the same line.
    pub(super) fn space(&self) -> &'static str {
        if self.spaced { " " } else { "" }
    }
}

/// The line end of `text`.
fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The spaces between the dash of `item` and its mapping, if they are on one line.
fn gap(item: &Node) -> Option<usize> {
    let space = item.first_token()?.next_token()?;
    let is_gap =
        space.text().bytes().all(|byte| byte == b' ') && space.next_sibling_or_token()?.kind() == SyntaxKind::MAPPING;
    is_gap.then(|| space.text().len())
}

/// How far the dashes of the first block list in `item`, a mapping, stand in from its key.
fn indent_of_list(text: &str, item: &Node) -> Option<usize> {
    let below = |node: &Node, kind| node.children().find(|child| child.kind() == kind);
    below(item, SyntaxKind::MAPPING)?.children().find_map(|entry| {
        let list = below(&below(&entry, SyntaxKind::VALUE)?, SyntaxKind::SEQUENCE)?;
        let key = column(text, &entry);
        (!is_flow(&list)).then(|| column(text, &list).saturating_sub(key))
    })
}

fn column(text: &str, node: &Node) -> usize {
    let start = range(node).start;
    start - line_of(text, start)
}

/// Where the line that `at` is in starts, behind a byte order mark.
fn line_of(text: &str, at: usize) -> usize {
    let line = text[..at].rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
    let mark = text[line..at].starts_with('\u{feff}');
    if mark { line + '\u{feff}'.len_utf8() } else { line }
}
