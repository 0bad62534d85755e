//! Decides whether CloudFormation still wants the operation of an event.
//!
//! CloudFormation cancels operations, rolls them back and delivers events twice, and two runs may overlap. Only an explicit
//! status counts against an event, because a wrong verdict would undo a stack that is in use. The timestamps of the resource
//! never count, because CloudFormation updates them while an operation runs.

mod status;

#[cfg(test)]
mod tests;

pub use status::Status;

use crate::request::event::Operation;
use jiff::{SignedDuration, Timestamp};

/// A status counts against an event if it begins more than this time after the event's date.
///
/// The dates have whole seconds, and CloudFormation sends the Update of a rollback right after the rollback begins.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// The resource and its stack, as CloudFormation shows them. The default shows nothing.
///
/// All times are in whole seconds, rounded down, like the event's date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackView {
    /// The status of the resource. `None` if CloudFormation does not show the resource.
    pub resource_status: Option<Status>,
    /// The current physical id of the resource. `None` if CloudFormation shows none.
    pub physical_resource_id: Option<String>,
    /// The status of the stack. `None` if CloudFormation does not show it.
    pub stack_status: Option<Status>,
    /// The time at which the stack reached that status, from its stack events. `None` if they were not read or do not have it.
    pub stack_status_since: Option<Timestamp>,
    /// The time at which the rollback of the stack's update began, or the stack's deletion. `None` if the stack's status belongs
    /// to neither, or if the stack events were not read.
    ///
    /// The Update of the rollback itself is sent after that time. So it stays wanted after another delivery of it has completed
    /// the rollback.
    pub cancelled_since: Option<Timestamp>,
    /// Whether the stack has a stack event that is newer than its status. Then the status is outdated.
    pub is_outdated: bool,
}

/// Whether an operation is still wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The operation is wanted, or no explicit status counts against it.
    Wanted,
    /// The event is a late duplicate, and CloudFormation has the response of another delivery. The operation is not started,
    /// because CloudFormation relies on what that delivery did. The text has the reason.
    Superseded(String),
    /// CloudFormation meanwhile rolled the operation back, or deleted the resource or the stack. The operation is not carried
    /// out, and what it did is undone. The text has the reason.
    Cancelled(String),
}

impl StackView {
    /// Adds a stack event of the stack itself: the status that it reached, and the time in whole seconds, if the event has one.
    /// The caller passes the events from the newest to the oldest.
    ///
    /// Returns whether an older event may still change the view.
    pub fn apply_event(&mut self, status: &Status, at: Option<Timestamp>) -> bool {
        if self.stack_status_since.is_none() {
            // CloudFormation recorded this stack event after it showed the status.
            if self.stack_status.as_ref() != Some(status) {
                self.is_outdated = true;
                return true;
            }
            self.stack_status_since = at;
        }
        // A deletion after a rollback is another operation, and began later.
        let is_same_operation = status.is_delete() == self.stack_status.as_ref().is_some_and(Status::is_delete);
        if !status.cancels_update() || !is_same_operation {
            return false;
        }
        self.cancelled_since = at;
        true
    }

    /// Returns whether the verdict on this operation depends on the stack events. They cost a further call.
    pub fn needs_events(&self, operation: &Operation) -> bool {
        let Some(stack) = &self.stack_status else { return false };
        match operation {
            Operation::Create => stack.is_at_rest(),
            Operation::Update { .. } => stack.cancels_update() || stack.is_at_rest(),
            Operation::Delete { .. } => false,
        }
    }

    /// Returns `Superseded` if the stack is at rest since a time after the event with this date was sent, and `Wanted` otherwise.
    fn superseded(&self, issued_at: Option<Timestamp>) -> Verdict {
        match (&self.stack_status, is_later(self.stack_status_since, issued_at)) {
            (Some(stack), Some(later)) if stack.is_at_rest() => Verdict::Superseded(format!(
                "the event is a late duplicate: CloudFormation shows the stack as {stack} since {} s after the event was sent",
                later.as_secs()
            )),
            _ => Verdict::Wanted,
        }
    }
}

/// Decides whether CloudFormation still wants an operation.
///
/// `issued_at` is the event's date. Without it, no time counts against the event.
pub fn verdict(operation: &Operation, view: &StackView, issued_at: Option<Timestamp>) -> Verdict {
    match operation {
        Operation::Create => verdict_on_create(view, issued_at),
        Operation::Update { .. } => match (&view.stack_status, is_later(view.cancelled_since, issued_at)) {
            (Some(stack), Some(later)) => Verdict::Cancelled(format!(
                "CloudFormation cancelled this Update: it shows the stack as {stack} since {} s after the event was sent",
                later.as_secs()
            )),
            _ => view.superseded(issued_at),
        },
        Operation::Delete { physical_resource_id } => verdict_on_delete(view, physical_resource_id),
    }
}

/// Returns whether an operation is the Update of a rollback, which restores properties that were in force before.
///
/// It is, if a rollback is running that began in an earlier second than the event's date, and the view is not outdated. A
/// rollback that is complete does not count, because CloudFormation may show it for a moment after the next update began. A
/// rollback of the same second does not count, because it may have cancelled this Update.
///
/// `issued_at` is the event's date. Without it, returns `false`.
pub fn is_rollback(operation: &Operation, view: &StackView, issued_at: Option<Timestamp>) -> bool {
    let is_running = view.stack_status.as_ref().is_some_and(Status::is_update_rollback_in_progress);
    let began_before = view.cancelled_since.zip(issued_at).is_some_and(|(began, issued_at)| began < issued_at);
    matches!(operation, Operation::Update { .. }) && is_running && !view.is_outdated && began_before
}

fn verdict_on_create(view: &StackView, issued_at: Option<Timestamp>) -> Verdict {
    let is_cancelled = |resource: &&Status| resource.is_create_failed() || resource.is_delete();
    if let Some(resource) = view.resource_status.as_ref().filter(is_cancelled) {
        return Verdict::Cancelled(format!(
            "CloudFormation cancelled this Create: it shows the resource as {resource}"
        ));
    }
    let is_undone = |stack: &&Status| stack.is_create_rollback() || stack.is_delete();
    if let Some(stack) = view.stack_status.as_ref().filter(is_undone) {
        return Verdict::Cancelled(format!("CloudFormation cancelled this Create: it shows the stack as {stack}"));
    }
    view.superseded(issued_at)
}

fn verdict_on_delete(view: &StackView, physical_resource_id: &str) -> Verdict {
    match (&view.resource_status, &view.stack_status) {
        (Some(resource), Some(stack))
            if view.physical_resource_id.as_deref() == Some(physical_resource_id)
                && resource.has_ended_update()
                && stack.has_ended_update() =>
        {
            Verdict::Superseded(format!(
                "the event is a late duplicate: CloudFormation shows the resource as {resource} under this id, and the stack as {stack}"
            ))
        }
        _ => Verdict::Wanted,
    }
}

/// Returns the time from the event's date to the begin of a status, if it is longer than [`MARGIN`].
///
/// A status that began before the event does not count, because CloudFormation may show it for a moment longer.
fn is_later(since: Option<Timestamp>, issued_at: Option<Timestamp>) -> Option<SignedDuration> {
    let later = since?.duration_since(issued_at?);
    (MARGIN < later).then_some(later)
}
