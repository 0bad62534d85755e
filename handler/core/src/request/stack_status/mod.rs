//! Whether CloudFormation still wants what an event asks.
//!
//! CloudFormation cancels, rolls back and delivers again, and two runs may overlap. Only an explicit status counts as
//! a no, because a false one would undo a good stack. A resource's own timestamps never count: CloudFormation updates
//! them while an operation runs.

mod status;

#[cfg(test)]
mod tests;

pub use status::Status;

use crate::request::event::Operation;
use jiff::{SignedDuration, Timestamp};

/// How much later than the event's own date the stack's status must begin to count against the event.
///
/// An event's date has whole seconds, and CloudFormation sends a rollback's own Update right after the rollback begins.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// What CloudFormation shows of the resource and its stack. The default shows nothing.
///
/// All times are in whole seconds, rounded down, as the event's own date is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackView {
    /// The resource's status; `None` when CloudFormation does not show the resource.
    pub resource_status: Option<Status>,
    /// The resource's current physical id; `None` when CloudFormation shows none.
    pub physical_resource_id: Option<String>,
    /// The stack's status; `None` when CloudFormation does not show it.
    pub stack_status: Option<Status>,
    /// When the stack reached that status, by its stack events; `None` when they were not read or do not have it.
    pub stack_status_since: Option<Timestamp>,
    /// When the rollback of the stack's update began, or the stack's deletion; `None` when the stack's status is of
    /// neither, or the stack events were not read.
    ///
    /// A rollback's own Update is younger. It stays wanted when another delivery of it has completed the rollback.
    pub cancelled_since: Option<Timestamp>,
    /// Whether the stack has an event that is newer than its status. Then the status is outdated.
    pub is_outdated: bool,
}

/// Whether an operation is still wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is, or nothing explicit is against it.
    Wanted,
    /// The event is a late duplicate, and another delivery of it has been answered. The operation is not begun, because
    /// CloudFormation relies on what that delivery did. The text has the reason.
    Superseded(String),
    /// CloudFormation rolled the operation back, or deleted the resource or the stack, meanwhile. The operation is not
    /// begun, and what it did is undone. The text has the reason.
    Cancelled(String),
}

impl StackView {
    /// Reads one of the stack's own events, which come newest first: the status that the stack reached, and when, in
    /// whole seconds. `None` for an event without a time.
    ///
    /// Returns whether older events may still change the view.
    pub fn apply_event(&mut self, status: &Status, at: Option<Timestamp>) -> bool {
        if self.stack_status_since.is_none() {
            // CloudFormation recorded this event after it showed the status.
            if self.stack_status.as_ref() != Some(status) {
                self.is_outdated = true;
                return true;
            }
            self.stack_status_since = at;
        }
        // A deletion that follows a rollback has its own begin.
        let is_same_operation = status.is_delete() == self.stack_status.as_ref().is_some_and(Status::is_delete);
        if !status.cancels_update() || !is_same_operation {
            return false;
        }
        self.cancelled_since = at;
        true
    }

    /// Whether the verdict on this operation depends on the stack's events, which cost a call.
    pub fn needs_events(&self, operation: &Operation) -> bool {
        let Some(stack) = &self.stack_status else { return false };
        match operation {
            Operation::Create => stack.is_settled(),
            Operation::Update { .. } => stack.cancels_update() || stack.is_settled(),
            Operation::Delete { .. } => false,
        }
    }

    /// Returns `Superseded` if the stack settled after an event of this date was sent, and `Wanted` otherwise.
    fn superseded(&self, issued_at: Option<Timestamp>) -> Verdict {
        match (&self.stack_status, is_later(self.stack_status_since, issued_at)) {
            (Some(stack), Some(later)) if stack.is_settled() => Verdict::Superseded(format!(
                "the event is a late duplicate: CloudFormation shows the stack as {stack} since {} s after the event was sent",
                later.as_secs()
            )),
            _ => Verdict::Wanted,
        }
    }
}

/// Judges whether CloudFormation still wants an operation.
///
/// `issued_at` is the event's own date. Without it, no time counts against the event.
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

/// Whether an operation is a rollback's own Update, whose properties nobody asks for anew.
///
/// Only a rollback that is running, and that began in an earlier second than the event's, makes it one. CloudFormation
/// may show the end of a rollback for a moment into the next update. An Update that is cancelled in its own second has
/// the same dates as the rollback's.
///
/// `issued_at` is the event's own date. Without it, the answer is no.
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
                && resource.is_settled_after_update()
                && stack.is_settled_after_update() =>
        {
            Verdict::Superseded(format!(
                "the event is a late duplicate: CloudFormation shows the resource as {resource} under this id, and the stack as {stack}"
            ))
        }
        _ => Verdict::Wanted,
    }
}

/// Returns how much later a status began than the event was sent, if that is beyond the [`MARGIN`].
///
/// A status from before the event does not count: CloudFormation may show it for a moment longer.
fn is_later(since: Option<Timestamp>, issued_at: Option<Timestamp>) -> Option<SignedDuration> {
    let later = since?.duration_since(issued_at?);
    (MARGIN < later).then_some(later)
}
