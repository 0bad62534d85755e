//! The status of a stack or a resource, and the rules that follow from its words.

use std::fmt;

/// A status of a stack or of a resource, such as `UPDATE_ROLLBACK_IN_PROGRESS`.
///
/// Both kinds have the same words, and a stack event of the stack itself has the stack's status as its resource status
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>). A status that CloudFormation adds
/// later is accepted, and its first and last words decide which rules apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(String);

impl Status {
    /// Creates the status from CloudFormation's spelling. Accepts any text.
    pub fn new(status: impl Into<String>) -> Self {
        Self(status.into())
    }

    /// Returns whether it belongs to a deletion, in any state: `DELETE_…`.
    pub fn is_delete(&self) -> bool {
        self.0.starts_with("DELETE_")
    }

    /// Returns whether it belongs to the rollback of a stack's creation, in any state: `ROLLBACK_…`.
    pub fn is_create_rollback(&self) -> bool {
        self.0.starts_with("ROLLBACK_")
    }

    /// Returns whether it belongs to the rollback of a stack's update, in any state: `UPDATE_ROLLBACK_…`.
    pub fn is_update_rollback(&self) -> bool {
        self.0.starts_with("UPDATE_ROLLBACK_")
    }

    /// Returns whether the rollback of a stack's update is running. The cleanup after it does not count.
    pub fn is_update_rollback_in_progress(&self) -> bool {
        self.0 == "UPDATE_ROLLBACK_IN_PROGRESS"
    }

    /// Returns whether the creation of a resource or a stack failed or was cancelled. CloudFormation has one status for both.
    pub fn is_create_failed(&self) -> bool {
        self.0 == "CREATE_FAILED"
    }

    /// Returns whether an operation failed: `…_FAILED`.
    pub fn is_failed(&self) -> bool {
        self.0.ends_with("_FAILED")
    }

    /// Returns whether an operation completed and the stack or the resource exists: `…_COMPLETE`, except for a deletion and for
    /// the rollback of a creation.
    pub fn is_complete(&self) -> bool {
        self.0.ends_with("_COMPLETE") && !self.is_delete() && !self.is_create_rollback()
    }

    /// Returns whether no operation is running, and the stack or the resource exists or could not be deleted.
    pub fn is_at_rest(&self) -> bool {
        self.is_complete() || self.is_failed()
    }

    /// Returns whether CloudFormation sends no more Deletes for an update: it is complete, or the update or its rollback failed.
    ///
    /// A stack whose deletion failed has `DELETE_FAILED`, and its next Delete is wanted.
    pub fn has_ended_update(&self) -> bool {
        self.is_complete() || self.0.starts_with("UPDATE_") && self.is_failed()
    }

    /// Returns whether a stack with this status cancels an Update: the status belongs to a rollback of the update, or to the
    /// stack's deletion.
    pub fn cancels_update(&self) -> bool {
        self.is_update_rollback() || self.is_delete()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
