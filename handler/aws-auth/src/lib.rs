//! The text of `mapRoles` in the ConfigMap `kube-system/aws-auth`, and the entry of one node role in it.
//!
//! Many people and programs write this list, and one mistake in it removes the access of every role in it. So an edit never
//! generates YAML from a parsed list: a [`splice::Splice`] replaces one range of the text, and all other bytes stay. The text is
//! read as aws-iam-authenticator reads it:
//!
//! ```text
//! text → events (authenticator) → document → values → entries → relation to ours
//!                                     └─ places → splice → new text → guard
//! ```
//!
//! The guard accepts a new text only if both parsers read the old and the new text, the new list is the old one with our entry
//! more or less, and the removal of an added entry restores the old text.
//!
//! [`MapRoles::insert`] and then [`remove`] restore the text byte for byte, except if the text was an explicit empty value
//! (`null`, `~`, `""`, `''`, ` `` `, blanks with tabs) or absent. [`MapRoles::is_empty`] is true then, and the caller records the
//! value and restores it.

mod authenticator;
mod document;
mod entry;
mod error;
mod events;
mod guard;
mod guard_parser;
mod list;
mod remark;
mod scalar;
mod splice;
mod style;
mod value;

#[cfg(test)]
mod tests;

use document::Document;
use entry::Relation;
pub use error::AwsAuthError;
use events::SyntaxError;
use guard::{Change, Difference};
use list::Root;
pub use remark::Remark;
use serde::Serialize;
use splice::{DISAGREE, Splice};

/// The entry of `mapRoles` with which the nodes of one role join the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeEntry {
    role_arn: String,
}

impl NodeEntry {
    /// Returns the entry for a role. The ARN must not have the role's path: the authenticator compares it with the ARN of an
    /// assumed role, which has none.
    pub fn new(role_arn: impl Into<String>) -> Self {
        Self { role_arn: role_arn.into() }
    }

    /// `rolearn`: the ARN, as given to [`NodeEntry::new`].
    pub fn rolearn(&self) -> &str {
        &self.role_arn
    }

    /// `username`: Kubernetes' node authorizer requires `system:node:` and the name of the node.
    pub fn username() -> &'static str {
        "system:node:{{EC2PrivateDNSName}}"
    }

    /// `groups`: with these, a node requests a certificate, and has the rights of a node.
    pub fn groups() -> [&'static str; 2] {
        ["system:bootstrappers", "system:nodes"]
    }
}

/// What `mapRoles` has for a role. The authenticator uses the last entry of a role, and merges nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The authenticator reads no entry for the role.
    Absent,
    /// The role's entry is ours: the same user name, and at least our groups.
    Equal,
    /// The role's entry has another user name, or lacks one of our groups. Ours must not be added, because it would replace that
    /// entry.
    Conflict {
        /// The entry as it is written, on one line, cut at 300 characters.
        quoted: String,
    },
}

/// A list that the authenticator reads, and the entry of one role in it.
pub struct MapRoles<'a> {
    text: &'a str,
    entry: &'a NodeEntry,
    document: Document,
    root: Root,
    /// How each entry of the list relates to `entry`.
    relations: Vec<Relation>,
}

impl<'a> MapRoles<'a> {
    /// Reads `mapRoles`. `None` (no such key, or no ConfigMap), a text that the authenticator skips (blank, `""`, `''`, ` `` `),
    /// comments alone, `null` and `[]` are empty lists.
    ///
    /// # Errors
    /// [`AwsAuthError::NotYaml`] and [`AwsAuthError::NotAList`].
    pub fn read(map_roles: Option<&'a str>, entry: &'a NodeEntry) -> Result<Self, AwsAuthError> {
        let text = map_roles.unwrap_or_default();
        let document = if splice::is_skipped(text) { Document::default() } else { Document::read(text)? };
        let root = list::root(text, &document)?;
        let relations = list::relations(text, &document, entry)?;
        Ok(Self { text, entry, document, root, relations })
    }

    /// Returns what the list has for the role.
    pub fn presence(&self) -> Presence {
        let last = self.relations.iter().rposition(|relation| *relation != Relation::Other);
        match last.map(|index| (index, self.relations[index])) {
            None | Some((_, Relation::Other)) => Presence::Absent,
            Some((_, Relation::Equal | Relation::Equivalent)) => Presence::Equal,
            Some((index, Relation::Conflict)) => Presence::Conflict { quoted: self.quoted(index) },
        }
    }

    /// Returns what the user should know about the entries of the role, and about a second document.
    pub fn remarks(&self) -> Vec<Remark> {
        let role_arn = || self.entry.role_arn.clone();
        let mut remarks = Vec::new();
        let last = self.relations.iter().rposition(|relation| *relation != Relation::Other);
        if let Some(last) = last {
            if self.relations[last] == Relation::Equivalent {
                remarks.push(Remark::EquivalentEntry { role_arn: role_arn(), quoted: self.quoted(last) });
            }
            if let Some(index) = self.relations[..last].iter().rposition(|relation| *relation == Relation::Conflict) {
                remarks.push(Remark::EntryWithoutEffect { role_arn: role_arn(), quoted: self.quoted(index) });
            }
        }
        // Most texts have no marker, and then the places need not be found.
        if ["---", "..."].iter().any(|marker| self.text.contains(marker)) {
            let places = list::places(self.text, &self.document).unwrap_or_default();
            let second = splice::second_document(self.text, &self.document, &places);
            remarks.extend(second.map(|at| Remark::SecondDocument { line: authenticator::line_of(self.text, at) }));
        }
        remarks
    }

    /// Returns the remark that the list has an entry for the role, for a list whose entries that are exactly ours were removed.
    pub fn kept_entry(&self) -> Option<Remark> {
        let last = self.relations.iter().rposition(|relation| *relation != Relation::Other)?;
        Some(Remark::EntryKept { role_arn: self.entry.role_arn.clone(), quoted: self.quoted(last) })
    }

    /// Returns the entry at an index, as it is written, on one line, cut at 300 characters.
    fn quoted(&self, index: usize) -> String {
        let places = list::places(self.text, &self.document).unwrap_or_default();
        places.get(index).map(|place| list::quote(self.text, place)).unwrap_or_default()
    }

    /// Returns whether the list has no entry at all: the caller records such a text before [`MapRoles::insert`], and restores it
    /// after [`remove`].
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }

    /// Returns the text with the entry: the old text with one contiguous insertion. The entry follows all others, and comments too,
    /// in the list's own style (indentation, flow or JSON, newlines). A text without a final newline ends without one.
    ///
    /// The entry is the first one if the text ends in a block scalar without a newline, or if the removal of the last one would not
    /// restore the text. An empty value that is written out is replaced. A text that has the entry is returned unchanged.
    ///
    /// # Errors
    /// [`AwsAuthError::Conflict`] and [`AwsAuthError::GuardFailed`].
    pub fn insert(&self) -> Result<String, AwsAuthError> {
        match self.presence() {
            Presence::Absent => {}
            Presence::Equal => return Ok(self.text.to_owned()),
            Presence::Conflict { quoted } => {
                return Err(AwsAuthError::Conflict { role_arn: self.entry.role_arn.clone(), quoted });
            }
        }
        if self.document.len() > 0 {
            let agrees = guard::check_guard(self.text, &self.document, Change::None);
            agrees.map_err(|difference| failed(self.entry, two_parsers(&difference)))?;
        }
        let mut reason = None;
        let places = if self.is_empty() { Some(Vec::new()) } else { list::places(self.text, &self.document) };
        let places = places.ok_or_else(|| failed(self.entry, DISAGREE))?;
        for splice in splice::insertions(self.text, &self.document, &self.root, &places, self.entry) {
            match self.checked(&splice) {
                Ok(edited) => return Ok(edited),
                Err(found) => reason = reason.or(Some(found)),
            }
        }
        Err(failed(self.entry, reason.unwrap_or_else(|| DISAGREE.to_owned())))
    }

    /// Returns the text after an insertion, if it passes the guard.
    fn checked(&self, splice: &Splice) -> Result<String, String> {
        let edited = splice.applied_to(self.text);
        let change = Change::Add { index: splice.index, entry: self.entry, style: splice.style };
        let document = Document::read(&edited).map_err(|error| unreadable(&error))?;
        guard::check_document(&edited, &document, &self.document, change)
            .map_err(|difference| edited_differs(&difference))?;
        guard::check_guard(&edited, &self.document, change).map_err(|difference| edited_differs(&difference))?;
        let places = list::places(&edited, &document).ok_or(DISAGREE)?;
        let removal = splice::removal(&edited, &document, &places, splice.index)?;
        if !self.is_empty() && removal.applied_to(&edited) != self.text {
            return Err("the removal of the entry would not restore the text".to_owned());
        }
        Ok(edited)
    }
}

/// Returns `map_roles` without the entries that are exactly `entry`, with their lines and the comments inside them. `[]` is left
/// where no value would not be read: behind a tag, or before a lone `...`. A text without such an entry is returned unchanged. An
/// entry for the same role that differs belongs to another writer, and stays.
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
        match list::root(&text, &document) {
            Err(error @ AwsAuthError::NotAList { .. }) if text.contains(entry.rolearn()) => return Err(error),
            Err(_) => return Ok(text),
            Ok(_) => {}
        }
        let ours = list::ours(&text, &document, entry);
        let Some(index) = ours.last() else {
            return Ok(text);
        };
        text = removed(&text, &document, *index, reader).map_err(|reason| failed(entry, reason))?;
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
fn removed(text: &str, document: &Document, index: usize, reader: ReadBy) -> Result<String, String> {
    let places = list::places(text, document).ok_or(DISAGREE)?;
    let edited = splice::removal(text, document, &places, index)?.applied_to(text);
    let change = Change::Remove(index);
    if reader == ReadBy::Authenticator {
        guard::check_authenticator(&edited, document, change).map_err(|difference| edited_differs(&difference))?;
    }
    // A parser that does not read the old list as this document has no say about the new one.
    if reader == ReadBy::Guard || guard::check_guard(text, document, Change::None).is_ok() {
        guard::check_guard(&edited, document, change).map_err(|difference| edited_differs(&difference))?;
    }
    Ok(edited)
}

fn two_parsers(difference: &Difference) -> String {
    match difference {
        Difference::Unreadable(SyntaxError { line, message }) => {
            format!("line {line}: another YAML parser does not read it: {message}")
        }
        Difference::Other { line } => format!("line {line}: two YAML parsers read it differently"),
    }
}

fn edited_differs(difference: &Difference) -> String {
    match difference {
        Difference::Unreadable(error) => unreadable(error),
        Difference::Other { line } => {
            format!("line {line} of the edited text would change the meaning of another entry")
        }
    }
}

fn unreadable(SyntaxError { line, message }: &SyntaxError) -> String {
    format!("line {line} of the edited text would not parse: {message}")
}

fn failed(entry: &NodeEntry, reason: impl Into<String>) -> AwsAuthError {
    AwsAuthError::GuardFailed { role_arn: entry.role_arn.clone(), reason: list::one_line(&reason.into()) }
}
