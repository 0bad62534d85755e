//! The removal of our entry.

use super::document::Document;
use super::error::{AwsAuthError, edited_differs, failed};
use super::guard::{self, Change};
use super::splice::{self, DISAGREE};
use super::{NodeEntry, list};

/// Returns `map_roles` without the entries that are exactly `entry`, with their lines and the comments inside them. The removal
/// writes `[]` if the parser needs a value there: behind a tag, or before a lone `...`. A text without such an entry is returned
/// unchanged. An entry for the same role that differs belongs to another writer, and stays.
///
/// A list that only one of the parsers reads is edited too, if all other bytes and entries stay.
///
/// # Errors
/// [`AwsAuthError::NotYaml`] if no parser reads the text and it contains the ARN, [`AwsAuthError::NotAList`] likewise, and
/// [`AwsAuthError::GuardFailed`].
pub fn remove(map_roles: &str, entry: &NodeEntry) -> Result<String, AwsAuthError> {
    let mut text = map_roles.to_owned();
    loop {
        if splice::is_skipped(&text) {
            return Ok(text);
        }
        let (document, reader) = match Document::read(&text) {
            Ok(document) => (document, ReadBy::Authenticator),
            // Without the ARN, the text has no entry of ours.
            Err(_) if !text.contains(entry.rolearn()) => return Ok(text),
            Err(error) => (Document::read_by_guard(&text).map_err(|_| AwsAuthError::from(error))?, ReadBy::Guard),
        };
        match list::root(&document) {
            Err(error @ AwsAuthError::NotAList { .. }) if text.contains(entry.rolearn()) => return Err(error),
            Err(_) => return Ok(text),
            Ok(_) => {}
        }
        let ours = list::ours(&document, entry);
        let Some(index) = ours.last() else {
            return Ok(text);
        };
        text = removed(&document, *index, reader).map_err(|reason| failed(entry, reason))?;
        if ours.len() == 1 {
            return Ok(text);
        }
    }
}

/// The parser that has read a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadBy {
    Authenticator,
    Guard,
}

/// Returns the text without the entry at `index`, if it passes the guard.
fn removed(document: &Document<'_>, index: usize, reader: ReadBy) -> Result<String, String> {
    let places = list::places(document).ok_or(DISAGREE)?;
    let edited = splice::removal(document, &places, index)?.applied_to(document.text());
    let change = Change::Remove(index);
    if reader == ReadBy::Authenticator {
        guard::check_authenticator(&edited, document, change).map_err(|difference| edited_differs(&difference))?;
    }
    // A parser that does not read the old list as this document has no say about the new one.
    if reader == ReadBy::Guard || guard::check_guard(document.text(), document, Change::None).is_ok() {
        guard::check_guard(&edited, document, change).map_err(|difference| edited_differs(&difference))?;
    }
    Ok(edited)
}
