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
//! The new list must be the old one with our entry more or less. An insertion needs both parsers to read both texts, and, unless
//! the list was empty, its removal must restore the text. A removal needs one parser that reads the old text.
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
mod removal;
mod scalar;
mod splice;
mod style;
mod value;

#[cfg(test)]
mod tests;

use document::Document;
use entry::Relation;
pub use error::AwsAuthError;
use error::{edited_differs, failed, two_parsers, unreadable};
use guard::Change;
use list::Root;
pub use remark::Remark;
pub use removal::remove;
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
    /// The role's entry has our user name and at least our groups. The function may not have written it.
    Equal,
    /// The role's entry has another user name, or lacks one of our groups. Ours must not be added, because it would replace that
    /// entry.
    Conflict {
        /// The entry as it is written, on one line, cut at 300 characters.
        quoted: String,
    },
}

/// A pass of an insertion over the whole text, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The authenticator's parser reads the old text.
    ReadOld,
    /// Each entry is compared with ours.
    Decode,
    /// The guard's parser reads the old text.
    GuardOld,
    /// The place of the new entry is found, and the new text is made.
    Edit,
    /// The authenticator's parser reads the new text, and the lists are compared.
    ReadNew,
    /// The guard's parser reads the new text, and the lists are compared.
    GuardNew,
    /// The entry is removed from the new text, and the result is compared with the old text.
    Undo,
}

/// A list that the authenticator reads, and the entry of one role in it.
pub struct MapRoles<'a> {
    entry: &'a NodeEntry,
    document: Document<'a>,
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
        Self::read_observed(map_roles, entry, &mut |_| {})
    }

    /// Reads `mapRoles` as [`MapRoles::read`] does, and calls `after` at the end of each pass over the text, for measurements.
    ///
    /// # Errors
    /// As [`MapRoles::read`].
    pub fn read_observed(
        map_roles: Option<&'a str>,
        entry: &'a NodeEntry,
        after: &mut dyn FnMut(Pass),
    ) -> Result<Self, AwsAuthError> {
        let text = map_roles.unwrap_or_default();
        let document = if splice::is_skipped(text) { Document::skipped(text) } else { Document::read(text)? };
        after(Pass::ReadOld);
        let root = list::root(&document)?;
        let relations = list::relations(&document, entry)?;
        after(Pass::Decode);
        Ok(Self { entry, document, root, relations })
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
        let text = self.document.text();
        if ["---", "..."].iter().any(|marker| text.contains(marker)) {
            let places = list::places(&self.document).unwrap_or_default();
            let second = splice::second_document(&self.document, &places);
            remarks.extend(second.map(|at| Remark::SecondDocument { line: authenticator::line_of(text, at) }));
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
        let places = list::places(&self.document).unwrap_or_default();
        places.get(index).map(|place| list::quote(self.document.text(), place)).unwrap_or_default()
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
        self.insert_observed(&mut |_| {})
    }

    /// Returns the text as [`MapRoles::insert`] does, and calls `after` at the end of each pass over the text, for measurements.
    ///
    /// # Errors
    /// As [`MapRoles::insert`].
    pub fn insert_observed(&self, after: &mut dyn FnMut(Pass)) -> Result<String, AwsAuthError> {
        match self.presence() {
            Presence::Absent => {}
            Presence::Equal => return Ok(self.document.text().to_owned()),
            Presence::Conflict { quoted } => {
                return Err(AwsAuthError::Conflict { role_arn: self.entry.role_arn.clone(), quoted });
            }
        }
        if self.document.len() > 0 {
            let agrees = guard::check_guard(self.document.text(), &self.document, Change::None);
            agrees.map_err(|difference| failed(self.entry, two_parsers(&difference)))?;
        }
        after(Pass::GuardOld);
        let mut reason = None;
        let places = if self.is_empty() { Some(Vec::new()) } else { list::places(&self.document) };
        let places = places.ok_or_else(|| failed(self.entry, DISAGREE))?;
        for splice in splice::insertions(&self.document, &self.root, &places, self.entry) {
            match self.checked(&splice, after) {
                Ok(edited) => return Ok(edited),
                Err(found) => reason = reason.or(Some(found)),
            }
        }
        Err(failed(self.entry, reason.unwrap_or_else(|| DISAGREE.to_owned())))
    }

    /// Returns the text after an insertion, if it passes the guard.
    fn checked(&self, splice: &Splice, after: &mut dyn FnMut(Pass)) -> Result<String, String> {
        let edited = splice.applied_to(self.document.text());
        let change = Change::Add { index: splice.index, entry: self.entry, style: splice.style };
        after(Pass::Edit);
        let document = Document::read(&edited).map_err(|error| unreadable(&error))?;
        guard::check_document(&document, &self.document, change).map_err(|difference| edited_differs(&difference))?;
        after(Pass::ReadNew);
        guard::check_guard(&edited, &self.document, change).map_err(|difference| edited_differs(&difference))?;
        after(Pass::GuardNew);
        let places = list::places(&document).ok_or(DISAGREE)?;
        let removal = splice::removal(&document, &places, splice.index)?;
        if !self.is_empty() && !removal.makes(self.document.text(), &edited) {
            return Err("the removal of the entry would not restore the text".to_owned());
        }
        after(Pass::Undo);
        Ok(edited)
    }
}
