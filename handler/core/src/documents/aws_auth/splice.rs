//! Where the text of `mapRoles` is cut, and what goes in, so that every byte outside of the cut
//! stays.
//!
//! The functions give a reason, for [`super::AwsAuthError::GuardFailed`], where the tree is not
//! what the values say.

use std::iter::successors;
use std::ops::Range;

use yaml_edit::SyntaxKind;

use super::NodeEntry;
use super::entries::{is_skipped, one_line};
use super::style::{Block, Flow};
use super::tree::{
    self, DISAGREE, Node, Token, backwards, comma, end, is_content, is_flow, is_in_block_scalar, is_solid,
    last_content, start,
};

/// One edit of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Splice {
    /// What is replaced; empty unless an empty value is written out.
    pub(super) range: Range<usize>,
    /// What goes there.
    pub(super) with: String,
    /// The entry goes before all others, not after them.
    pub(super) first: bool,
}

impl Splice {
    fn last(range: Range<usize>, with: String) -> Self {
        let first = false;
        Self { range, with, first }
    }
}

/// The edit that adds `entry` to `text`, a list of `length` entries.
pub(super) fn insertion(text: &str, length: usize, entry: &NodeEntry) -> Result<Splice, String> {
    if is_bare_empty_value(text) {
        let style = Block::of(text, &[]);
        let with = style.entry(entry) + style.newline;
        return Ok(Splice::last(0..text.len(), with));
    }
    let root = tree::parse(text)?;
    let Some(value) = tree::value_of_document(&root) else {
        return append(text, &root, &[], entry);
    };
    if value.kind() == SyntaxKind::SEQUENCE {
        let items = tree::items(&value, length)?;
        if is_flow(&value) { append_to_flow(text, &value, &items, entry) } else { append(text, &root, &items, entry) }
    } else if has_tab(text) {
        // The authenticator's parser takes a tab behind a plain scalar, and nowhere else.
        Err("a tab stands beside the empty value".to_owned())
    } else if length == 0 {
        // A `null` among comments: a flow list may stand wherever a scalar may.
        let object = Flow::of(text, &value, &[]).entry(entry);
        Ok(Splice::last(tree::range(&value), format!("[{object}]")))
    } else {
        Err(DISAGREE.to_owned())
    }
}

/// The edit that takes the entry at `index` out of `text`, a list of `length` entries.
pub(super) fn removal(text: &str, length: usize, index: usize) -> Result<Splice, String> {
    let root = tree::parse(text)?;
    let list = tree::value_of_document(&root).ok_or(DISAGREE)?;
    let items = tree::items(&list, length)?;
    let item = items.get(index).ok_or(DISAGREE)?;
    let (range, with) = if is_flow(&list) {
        (object_and_comma(text, &items, index), "")
    } else if length == 1 && tree::needs_value(&root, &list) {
        (last_lines(text, item), "[]")
    } else {
        (lines(text, item), "")
    };
    Ok(Splice::last(range.ok_or(DISAGREE)?, with.to_owned()))
}

/// The entry at `index` of `text`, a list of `length` entries, as it stands, on one line; `None`
/// where the tree does not have it.
pub(super) fn quote(text: &str, length: usize, index: usize) -> Option<String> {
    let list = tree::value_of_document(&tree::parse(text).ok()?)?;
    let item = tree::items(&list, length).ok()?.into_iter().nth(index)?;
    let first = item.first_token()?;
    let from = if is_flow(&list) { start(&first) } else { end(&first) };
    Some(one_line(&text[from..end(&last_content(&item)?)]))
}

/// Whether `text` is an empty value that is written out and nothing else. An entry cannot stand
/// beside it, and some of them (tabs, backticks) are skipped by the authenticator without being
/// YAML. Spaces and line ends can stay.
fn is_bare_empty_value(text: &str) -> bool {
    match text.trim() {
        "null" | "Null" | "NULL" | "~" => true,
        _ => is_skipped(text) && text.contains(|c| !matches!(c, ' ' | '\n' | '\r')),
    }
}

/// Whether `text` has a tab that stands in no comment.
fn has_tab(text: &str) -> bool {
    let mut lines = text.split(['\n', '\r']);
    lines.any(|line| line.split('#').next().is_some_and(|content| content.contains('\t')))
}

/// The entry after everything in the document, as a block item.
fn append(text: &str, root: &Node, items: &[Node], entry: &NodeEntry) -> Result<Splice, String> {
    let style = Block::of(text, items);
    let body = style.entry(entry);
    let at = tree::end_of_document(root);
    if at == 0 || text[..at].ends_with(['\n', '\r']) {
        return Ok(Splice::last(at..at, body + style.newline));
    }
    // A newline at the end of a block scalar may become part of its value. Parsers differ on it,
    // so the guard would not always tell.
    let last = backwards(root.last_token()).find(is_solid);
    if !last.is_some_and(|token| is_in_block_scalar(&token)) {
        return Ok(Splice::last(at..at, style.newline.to_owned() + &body));
    }
    let dash = items.first().ok_or(DISAGREE)?;
    let line = tree::range(dash).start - style.indent;
    Ok(Splice { range: line..line, with: body + style.newline, first: true })
}

/// The entry behind the last item of a flow list.
fn append_to_flow(text: &str, value: &Node, items: &[Node], entry: &NodeEntry) -> Result<Splice, String> {
    let style = Flow::of(text, value, items);
    let object = style.entry(entry);
    let before_bracket = || backwards(value.last_token()).skip(1);
    let last = before_bracket().find(is_content).ok_or(DISAGREE)?;
    if last.kind() == SyntaxKind::LEFT_BRACKET {
        return Ok(Splice::last(end(&last)..end(&last), object));
    }
    // A comment behind the last item stays behind it.
    let comment = before_bracket().find(is_solid).filter(|token| !is_content(token));
    let at = end(comment.as_ref().unwrap_or(&last));
    let gap = match comment {
        Some(_) => style.new_line(),
        None => style.gap(),
    };
    let with = if last.kind() == SyntaxKind::COMMA {
        format!("{gap}{object},")
    } else if comment.is_some() {
        format!("{gap},{}{object}", style.space())
    } else if takes_comma_in(&last) {
        format!(" ,{gap}{object}")
    } else {
        format!(",{gap}{object}")
    };
    Ok(Splice::last(at..at, with))
}

/// Whether a comma right behind `token` may be read as a part of it: `a:` is a pair in `[a: ]`, and
/// a plain scalar in `[a:,]`.
fn takes_comma_in(token: &Token) -> bool {
    use SyntaxKind::{ANCHOR, COLON, QUESTION, REFERENCE, TAG};
    matches!(token.kind(), ANCHOR | COLON | QUESTION | REFERENCE | TAG)
}

/// The lines of a block item, with the newline that parts it from the rest.
fn lines(text: &str, item: &Node) -> Option<Range<usize>> {
    let dash = item.first_token()?;
    let last = end(&last_content(item)?);
    let line = text[..start(&dash)].trim_end_matches(' ').len();
    if let Some(length) = text[last..].find(['\n', '\r']) {
        let newline = last + length;
        let crlf = text[newline..].starts_with("\r\n");
        return Some(line..newline + 1 + usize::from(crlf));
    }
    let before = backwards(dash.prev_token()).find(is_solid);
    if before.is_some_and(|token| is_in_block_scalar(&token)) {
        return Some(line..text.len());
    }
    let kept = text[..line].strip_suffix('\n').unwrap_or(&text[..line]);
    let kept = kept.strip_suffix('\r').unwrap_or(kept);
    Some(kept.len()..text.len())
}

/// The lines of the only block item, without the newline behind them.
fn last_lines(text: &str, item: &Node) -> Option<Range<usize>> {
    let last = end(&last_content(item)?);
    let line = text[..start(&item.first_token()?)].trim_end_matches(' ').len();
    Some(line..text[last..].find(['\n', '\r']).map_or(text.len(), |length| last + length))
}

/// A flow item with one comma: the one behind it, else the one before it.
fn object_and_comma(text: &str, items: &[Node], index: usize) -> Option<Range<usize>> {
    let item = items.get(index)?;
    let (first, last) = (item.first_token()?, last_content(item)?);
    let object = start(&first)..end(&last);
    let before = backwards(first.prev_token()).find(is_solid)?;
    let (from, to) = match comma(item) {
        Some(comma) if index + 1 < items.len() => {
            let next = successors(comma.next_token(), Token::next_token).find(is_solid)?;
            return Some(object.start..start(&next));
        }
        Some(comma) => (first, comma),
        None if before.kind() == SyntaxKind::COMMA => (before, last),
        // Alone, or behind a comment: a comma before that may stay, since JSON has no comments.
        None => return Some(object),
    };
    let before = backwards(from.prev_token()).find(is_solid)?;
    // What follows must not come to stand inside a comment.
    let ends_line = text[end(&to)..].trim_start_matches(' ').starts_with(['\n', '\r']);
    let from = if is_content(&before) || ends_line { end(&before) } else { start(&from) };
    Some(from..end(&to))
}
