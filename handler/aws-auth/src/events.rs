//! What a parser reads from a text: the nodes of its first document, in order, with their places. Both parsers give these events,
//! so that their readings can be compared.

use std::borrow::Cow;
use std::ops::Range;

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event<'a> {
    pub(super) kind: Kind,
    /// The value of a scalar, after its escapes and line folding. Empty for all others, and for a missing value.
    pub(super) value: Cow<'a, str>,
    /// The tag, with its handle resolved: `tag:yaml.org,2002:str`.
    pub(super) tag: Option<Cow<'a, str>>,
    /// The number of the anchor that the node has, or that an alias refers to: 1 for the first one of the document. 0 if it has
    /// none.
    pub(super) anchor: u32,
    /// The bytes of the text, with tag and anchor. A block list or mapping has only its start. The end of a block scalar may
    /// include blank lines.
    pub(super) range: Range<usize>,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Style),
    Alias,
    ListStart(Collection),
    ListEnd,
    MapStart(Collection),
    MapEnd,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// In single or double quotes.
    Quoted,
    /// Behind `|` or `>`.
    Block,
}

/// How a list or a mapping is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    /// On lines of their own, by indentation.
    Block,
    /// In brackets or braces.
    Flow,
}

/// Where the document begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The end of `---`; absent if the document has none.
    pub(super) start_marker: Option<usize>,
    /// The start of `...`; absent if the document has none.
    pub(super) end_marker: Option<usize>,
}

/// Why a parser does not read a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The line, from 1.
    pub(super) line: u64,
    /// The parser's words, without a position.
    pub(super) message: String,
}

impl Kind {
    /// Whether the event opens a list or a mapping, whose events follow until its end.
    pub(super) const fn is_start(self) -> bool {
        matches!(self, Self::ListStart(_) | Self::MapStart(_))
    }

    /// Whether the event ends a list or a mapping.
    pub(super) const fn is_end(self) -> bool {
        matches!(self, Self::ListEnd | Self::MapEnd)
    }
}

/// Returns whether a block scalar with this end is the end of a text without a final newline. Its value has no newline then.
pub(super) fn ends_text(text: &str, end: usize) -> bool {
    !text.ends_with(['\n', '\r']) && text.get(end..).is_some_and(|rest| rest.trim().is_empty())
}

/// Returns whether the last line of the text has only blanks.
pub(super) fn ends_in_blank_line(text: &str) -> bool {
    text.rsplit(['\n', '\r']).next().is_none_or(|line| line.trim().is_empty())
}
