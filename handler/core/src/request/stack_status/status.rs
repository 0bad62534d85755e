//! The statuses of stacks and resources, by the words that CloudFormation builds them from.

use std::fmt;

/// A status of a stack or of a resource, such as `UPDATE_ROLLBACK_IN_PROGRESS`.
///
/// CloudFormation spells both kinds alike, and a stack's own events have the stack's statuses as resource statuses
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>). A status that does not
/// exist yet is accepted, and its first and last words decide what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(String);

impl Status {
    /// Takes the status as CloudFormation spells it; any text is accepted.
    pub fn new(status: impl Into<String>) -> Self {
        Self(status.into())
    }

    /// Whether it is of a deletion, in any state: `DELETE_…`.
    pub fn is_delete(&self) -> bool {
        self.0.starts_with("DELETE_")
    }

    /// Whether it is of the rollback of a stack's creation, in any state: `ROLLBACK_…`.
    pub fn is_create_rollback(&self) -> bool {
        self.0.starts_with("ROLLBACK_")
    }

    /// Whether it is of the rollback of a stack's update, in any state: `UPDATE_ROLLBACK_…`.
    pub fn is_update_rollback(&self) -> bool {
        self.0.starts_with("UPDATE_ROLLBACK_")
    }

    /// Whether the rollback of a stack's update is running; its cleanup, which follows, is not it.
    pub fn is_update_rollback_in_progress(&self) -> bool {
        self.0 == "UPDATE_ROLLBACK_IN_PROGRESS"
    }

    /// Whether the creation of a resource or a stack failed, or was cancelled, which CloudFormation shows as the same.
    pub fn is_create_failed(&self) -> bool {
        self.0 == "CREATE_FAILED"
    }

    /// Whether an operation failed: `…_FAILED`.
    pub fn is_failed(&self) -> bool {
        self.0.ends_with("_FAILED")
    }

    /// Whether an operation completed and left the stack or the resource in place: `…_COMPLETE`, but neither of a
    /// deletion nor of a creation's rollback.
    pub fn is_complete(&self) -> bool {
        self.0.ends_with("_COMPLETE") && !self.is_delete() && !self.is_create_rollback()
    }

    /// Whether no operation is running, and the stack or the resource is in place or could not be deleted.
    pub fn is_settled(&self) -> bool {
        self.is_complete() || self.is_failed()
    }

    /// Whether an update's Deletes are over: it is complete, or an update or its rollback failed.
    ///
    /// A stack whose own deletion fails shows `DELETE_FAILED`, and its Delete is wanted.
    pub fn is_settled_after_update(&self) -> bool {
        self.is_complete() || self.0.starts_with("UPDATE_") && self.is_failed()
    }

    /// Whether it is the status of a stack that cancels an Update: its rollback, or the stack's deletion.
    pub fn cancels_update(&self) -> bool {
        self.is_update_rollback() || self.is_delete()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
