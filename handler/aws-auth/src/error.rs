//! Why a text was not edited, in the words of the stack event.

use super::events::SyntaxError;
use super::guard::Difference;
use super::{NodeEntry, list};

/// Why `mapRoles` was not edited. Nothing must be written then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsAuthError {
    /// The authenticator does not read the text, so that no role in it has access. For a few texts this is not so: it reads the
    /// tags `!!binary` and `!!timestamp`, more than 64 levels, and some characters behind which YAML 1.1 begins a line.
    #[error(
        "cannot read mapRoles of the ConfigMap kube-system/aws-auth, line {line}: {message}. \
         The ConfigMap was not changed"
    )]
    NotYaml {
        /// The line of `mapRoles`, from 1.
        line: u64,
        /// The parser's words, on one line, without the position.
        message: String,
    },
    /// The text is YAML, but not a list.
    #[error(
        "cannot edit mapRoles of the ConfigMap kube-system/aws-auth: it must be a list, and it starts \
         with `{first_line}`. The ConfigMap was not changed"
    )]
    NotAList {
        /// The first line that is not blank, a comment or `---`, cut at 300 characters.
        first_line: String,
    },
    /// [`crate::Presence::Conflict`], found by [`crate::MapRoles::insert`].
    #[error(
        "cannot add {role_arn} to mapRoles of the ConfigMap kube-system/aws-auth, because the role has another entry: \
         `{quoted}`. The authenticator uses only the last entry of a role"
    )]
    Conflict {
        /// The role of the entry that was to be added.
        role_arn: String,
        /// The existing entry, as in [`crate::Presence::Conflict`].
        quoted: String,
    },
    /// No edit was found that changes nothing else and can be undone, or two YAML parsers read the text differently.
    #[error(
        "cannot edit mapRoles of the ConfigMap kube-system/aws-auth for {role_arn} without a change to \
         other entries ({reason}). The ConfigMap was not changed"
    )]
    GuardFailed {
        /// The role whose entry was to be added or removed.
        role_arn: String,
        /// What the guard found.
        reason: String,
    },
}

impl AwsAuthError {
    /// Returns the remedy, as sentences without the last period.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotYaml { .. } | Self::NotAList { .. } => {
                "Correct mapRoles with an identity that may edit it, then retry"
            }
            Self::Conflict { .. } => "Remove that entry, or choose another node role",
            Self::GuardFailed { .. } => "Add or remove the entry of this role by hand, then retry",
        }
    }
}

impl From<SyntaxError> for AwsAuthError {
    fn from(SyntaxError { line, message }: SyntaxError) -> Self {
        Self::NotYaml { line, message: list::one_line(&message) }
    }
}

pub(super) fn two_parsers(difference: &Difference) -> String {
    match difference {
        Difference::Unreadable(SyntaxError { line, message }) => {
            format!("line {line}: another YAML parser does not read it: {message}")
        }
        Difference::Other { line } => format!("line {line}: two YAML parsers read it differently"),
    }
}

pub(super) fn edited_differs(difference: &Difference) -> String {
    match difference {
        Difference::Unreadable(error) => unreadable(error),
        Difference::Other { line } => {
            format!("line {line} of the edited text would change the meaning of another entry")
        }
    }
}

pub(super) fn unreadable(SyntaxError { line, message }: &SyntaxError) -> String {
    format!("line {line} of the edited text would not parse: {message}")
}

pub(super) fn failed(entry: &NodeEntry, reason: impl Into<String>) -> AwsAuthError {
    AwsAuthError::GuardFailed { role_arn: entry.role_arn.clone(), reason: list::one_line(&reason.into()) }
}
