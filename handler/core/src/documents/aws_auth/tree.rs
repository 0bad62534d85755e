//! The lossless tree of a text of `mapRoles`, and the spans in it.

use std::iter::successors;
use std::ops::Range;

use rowan::ast::AstNode as _;
use yaml_edit::{Lang, SyntaxKind, YamlFile};

pub(super) type Node = rowan::SyntaxNode<Lang>;
pub(super) type Token = rowan::SyntaxToken<Lang>;

/// The tree is not what the values say, that the other parser read.
pub(super) const DISAGREE: &str = "two YAML parsers see different lists";

/// The tree of `text`.
///
/// # Errors
/// A reason, where `yaml-edit` does not take the text that `serde-saphyr` took.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let parse = YamlFile::parse(text);
    if let Some(error) = parse.positioned_errors().first() {
        return Err(format!("{DISAGREE}: {}", error.message));
    }
    // The crate's own tree is mutable, and finds an offset by adding up what precedes.
    let root = Node::new_root(parse.tree().syntax().green().into_owned());
    if root.text() == text { Ok(root) } else { Err(DISAGREE.to_owned()) }
}

/// The value of the document, below its tags; `None` if it has none, not even a written `null`.
pub(super) fn value_of_document(root: &Node) -> Option<Node> {
    let document = root.children().find(|node| node.kind() == SyntaxKind::DOCUMENT)?;
    let value = successors(value_below(&document), |node| {
        let tagged = node.kind() == SyntaxKind::TAGGED_NODE;
        tagged.then(|| value_below(node)).flatten()
    });
    value.last().filter(|node| !node.text_range().is_empty())
}

/// Where the document ends: at its `...`, else with the text.
pub(super) fn end_of_document(root: &Node) -> usize {
    let marker = marker(root, SyntaxKind::DOC_END).map(rowan::TextRange::start);
    marker.unwrap_or_else(|| root.text_range().end()).into()
}

/// Whether a value must be written where `list`, the document's, goes: behind a tag, and before a `...` with neither a
/// `---` nor an anchor before it.
pub(super) fn needs_value(root: &Node, list: &Node) -> bool {
    use SyntaxKind::{ANCHOR, DOC_END, DOC_START, TAGGED_NODE};
    let has = |kind| marker(root, kind).is_some();
    let is_tagged = list.parent().is_some_and(|parent| parent.kind() == TAGGED_NODE);
    is_tagged || (has(DOC_END) && !has(DOC_START) && !has(ANCHOR))
}

/// The items of `list`.
///
/// # Errors
/// A reason, if they are not `length`.
pub(super) fn items(list: &Node, length: usize) -> Result<Vec<Node>, String> {
    let items: Vec<Node> = list.children().filter(|node| node.kind() == SyntaxKind::SEQUENCE_ENTRY).collect();
    if items.len() == length { Ok(items) } else { Err(DISAGREE.to_owned()) }
}

/// Whether `list` is written `[…]`.
pub(super) fn is_flow(list: &Node) -> bool {
    list.first_token().is_some_and(|token| token.kind() == SyntaxKind::LEFT_BRACKET)
}

/// The comma behind a flow item.
pub(super) fn comma(item: &Node) -> Option<Token> {
    item.children_with_tokens()
        .filter_map(rowan::NodeOrToken::into_token)
        .find(|token| token.kind() == SyntaxKind::COMMA)
}

/// The last token of `item`'s value: no space, no comment, and not the item's own comma.
pub(super) fn last_content(item: &Node) -> Option<Token> {
    let last = match comma(item) {
        Some(comma) => comma.prev_token(),
        None => item.last_token(),
    };
    backwards(last).find(is_content)
}

/// `token` and those before it.
pub(super) fn backwards(token: Option<Token>) -> impl Iterator<Item = Token> {
    successors(token, Token::prev_token)
}

/// Neither space nor line end, nor the empty token that stands for a value left out.
pub(super) fn is_solid(token: &Token) -> bool {
    use SyntaxKind::{INDENT, NEWLINE, WHITESPACE};
    !token.text().is_empty() && !matches!(token.kind(), INDENT | NEWLINE | WHITESPACE)
}

/// Solid, and no comment.
pub(super) fn is_content(token: &Token) -> bool {
    is_solid(token) && token.kind() != SyntaxKind::COMMENT
}

/// Whether `token` is a part of a scalar written with `|` or `>`.
pub(super) fn is_in_block_scalar(token: &Token) -> bool {
    use SyntaxKind::{GREATER, PIPE};
    let first = token.parent().and_then(|node| node.first_token());
    first.is_some_and(|token| matches!(token.kind(), GREATER | PIPE))
}

pub(super) fn range(node: &Node) -> Range<usize> {
    node.text_range().into()
}

pub(super) fn start(token: &Token) -> usize {
    token.text_range().start().into()
}

pub(super) fn end(token: &Token) -> usize {
    token.text_range().end().into()
}

/// The first token of that kind beside the document's value.
fn marker(root: &Node, kind: SyntaxKind) -> Option<rowan::TextRange> {
    let mut parts = root.children().flat_map(|document| document.children_with_tokens());
    parts.find(|part| part.kind() == kind).map(|part| part.text_range())
}

fn value_below(node: &Node) -> Option<Node> {
    use SyntaxKind::{ALIAS, MAPPING, SCALAR, SEQUENCE, TAGGED_NODE};
    node.children().find(|node| matches!(node.kind(), ALIAS | MAPPING | SCALAR | SEQUENCE | TAGGED_NODE))
}
