//! Whether CloudFormation still wants what an event asks.
//!
//! CloudFormation cancels, rolls back and delivers again, and two runs may overlap. Only an explicit status counts as
//! a no, since a false one would undo a good stack; never a resource's own timestamps, which CloudFormation touches
//! while an operation runs.

use crate::request::event::Operation;

/// How much younger than an event's own date, in seconds, the stack's status must be to speak against it: an event's
/// date has whole seconds, and the rollback's own Update is sent right after the rollback began.
const MARGIN: i64 = 5;

/// What CloudFormation shows of the resource and its stack; what it does not show is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The resource's status.
    pub resource_status: Option<String>,
    /// The resource's current physical id.
    pub physical_resource_id: Option<String>,
    /// The stack's status.
    pub stack_status: Option<String>,
    /// When the stack came to that status, in seconds since 1970, by its stack events.
    pub stack_status_since: Option<i64>,
    /// When the stack's update began to be rolled back, or the stack to be deleted, if that is what its status is of.
    /// A rollback's own Update is younger, and stays wanted when another delivery of it has brought the stack to rest.
    pub undone_since: Option<i64>,
    /// Whether the stack has an event that is newer than its status: then the status is of before.
    pub is_outdated: bool,
}

/// Whether an operation is still wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is, or nothing explicit says otherwise.
    Wanted,
    /// It was answered long ago, and this is a late duplicate: it is not begun. What another delivery of it has done
    /// is what CloudFormation counts on. Says why.
    Answered(String),
    /// It was cancelled or rolled back: it is not begun, and what it did is undone. Says why.
    Withdrawn(String),
}

impl Shown {
    /// Learns the dates from what the stack came to, newest first: a status and its second. Gives whether older ones
    /// may still tell something.
    pub fn learn(&mut self, status: &str, at: Option<i64>) -> bool {
        if self.stack_status_since.is_none() {
            // Events that are newer than the status was when it was asked for say nothing.
            if self.stack_status.as_deref() != Some(status) {
                self.is_outdated = true;
                return true;
            }
            self.stack_status_since = at;
        }
        // A deletion that follows a rollback says of itself when it began.
        let is_of_the_same = is_deletion(status) == self.stack_status.as_deref().is_some_and(is_deletion);
        if !is_against_update(status) || !is_of_the_same {
            return false;
        }
        self.undone_since = at;
        true
    }

    /// Whether the verdict on this operation depends on the dates: they cost a call.
    pub fn needs_since(&self, operation: &Operation) -> bool {
        let stack = self.stack_status.as_deref().unwrap_or_default();
        match operation {
            Operation::Create => has_ended(stack),
            Operation::Update { .. } => is_against_update(stack) || has_ended(stack),
            Operation::Delete { .. } => false,
        }
    }
}

/// The verdict on an operation. `issued_at` is the event's own date, in seconds since 1970.
pub fn verdict(operation: &Operation, shown: &Shown, issued_at: Option<i64>) -> Verdict {
    let resource = shown.resource_status.as_deref().unwrap_or_default();
    let stack = shown.stack_status.as_deref().unwrap_or_default();
    // A status from before the event says nothing of it: CloudFormation may show it for a moment longer.
    let later_than_issued = |since: Option<i64>| {
        let later = since.zip(issued_at).map(|(since, issued_at)| since - issued_at);
        later.filter(|later| MARGIN < *later)
    };
    if let (Operation::Update { .. }, Some(later)) = (operation, later_than_issued(shown.undone_since)) {
        return Verdict::Withdrawn(format!(
            "CloudFormation shows the stack as {stack}, and began that {later} s after this Update was sent"
        ));
    }
    match (operation, later_than_issued(shown.stack_status_since)) {
        (Operation::Create, _) if resource == "CREATE_FAILED" || resource.starts_with("DELETE_") => {
            Verdict::Withdrawn(format!("CloudFormation shows the resource as {resource}"))
        }
        (Operation::Create, _) if stack.starts_with("ROLLBACK_") || stack.starts_with("DELETE_") => {
            Verdict::Withdrawn(format!("CloudFormation shows the stack as {stack}"))
        }
        (Operation::Create | Operation::Update { .. }, Some(later)) if has_ended(stack) => Verdict::Answered(format!(
            "CloudFormation shows the stack as {stack}, {later} s after this event was sent: a late duplicate"
        )),
        (Operation::Delete { physical_resource_id }, _)
            if shown.physical_resource_id.as_ref() == Some(physical_resource_id)
                && is_at_rest_after_update(resource)
                && is_at_rest_after_update(stack) =>
        {
            Verdict::Answered(format!(
                "CloudFormation shows the resource as {resource} under this very id, and the stack as {stack}: a late duplicate"
            ))
        }
        _ => Verdict::Wanted,
    }
}

/// Whether an operation is a rollback's own Update: nobody asks for its properties anew.
/// `issued_at` as in [`verdict`].
///
/// Only a rollback that is under way, and began in a second before the event's, says so. A stack that rests after a rollback may
/// be shown so for a moment into the next update, and an Update that is cancelled in its own second looks like the rollback's.
pub fn is_rollback(operation: &Operation, shown: &Shown, issued_at: Option<i64>) -> bool {
    let is_under_way = shown.stack_status.as_deref() == Some("UPDATE_ROLLBACK_IN_PROGRESS") && !shown.is_outdated;
    let began_before = shown.undone_since.zip(issued_at).is_some_and(|(began, issued_at)| began < issued_at);
    matches!(operation, Operation::Update { .. }) && is_under_way && began_before
}

fn is_against_update(stack: &str) -> bool {
    stack.starts_with("UPDATE_ROLLBACK_") || is_deletion(stack)
}

fn is_deletion(stack: &str) -> bool {
    stack.starts_with("DELETE_")
}

/// A status that ends an operation and leaves something standing.
fn is_at_rest(status: &str) -> bool {
    status.ends_with("_COMPLETE") && status != "DELETE_COMPLETE" && status != "ROLLBACK_COMPLETE"
}

/// The same, or that of an update or its rollback that failed: its Deletes are over, and the stack's own would show.
fn is_at_rest_after_update(status: &str) -> bool {
    is_at_rest(status) || status.starts_with("UPDATE_") && status.ends_with("_FAILED")
}

/// A status in which nothing is under way.
fn has_ended(stack: &str) -> bool {
    is_at_rest(stack) || stack.ends_with("_FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(resource: &str, stack: &str) -> Shown {
        Shown {
            resource_status: Some(resource.to_owned()),
            physical_resource_id: Some("current".to_owned()),
            stack_status: Some(stack.to_owned()),
            stack_status_since: None,
            undone_since: None,
            is_outdated: false,
        }
    }

    fn update() -> Operation {
        Operation::Update { physical_resource_id: "current".into(), old_properties: serde_json::Map::new() }
    }

    fn delete(id: &str) -> Operation {
        Operation::Delete { physical_resource_id: id.into() }
    }

    #[test]
    fn a_create_is_overtaken_by_its_cancellation_and_by_its_stacks_end() {
        let overtaken = [
            ("CREATE_FAILED", "CREATE_IN_PROGRESS"),
            ("DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS"),
            ("DELETE_COMPLETE", "ROLLBACK_COMPLETE"),
            ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"),
            ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
        ];
        for (resource, stack) in overtaken {
            let verdict = verdict(&Operation::Create, &shown(resource, stack), None);
            assert!(matches!(verdict, Verdict::Withdrawn(_)), "{resource} {stack}");
        }
        let wanted = [
            ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS"),
            ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"),
            // A resource that an update's rollback makes again.
            ("CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
            ("CREATE_COMPLETE", "CREATE_COMPLETE"),
            ("", ""),
        ];
        for (resource, stack) in wanted {
            assert_eq!(
                verdict(&Operation::Create, &shown(resource, stack), None),
                Verdict::Wanted,
                "{resource} {stack}"
            );
        }
    }

    #[test]
    fn an_update_is_overtaken_by_a_rollback_that_began_after_it_and_not_by_its_own() {
        for stack in
            ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"]
        {
            let at = |since| {
                let mut shown = shown("UPDATE_IN_PROGRESS", stack);
                assert!(shown.learn(stack, Some(since)));
                assert!(!shown.learn("UPDATE_IN_PROGRESS", Some(0)));
                shown
            };
            assert!(shown("", stack).needs_since(&update()));
            assert!(matches!(verdict(&update(), &at(1006), Some(1000)), Verdict::Withdrawn(_)));
            assert_eq!(verdict(&update(), &at(1005), Some(1000)), Verdict::Wanted);
            assert_eq!(verdict(&update(), &at(900), Some(1000)), Verdict::Wanted);
            // Without either date nothing explicit speaks against it.
            assert_eq!(verdict(&update(), &at(2000), None), Verdict::Wanted);
            assert_eq!(verdict(&update(), &shown("UPDATE_IN_PROGRESS", stack), Some(1000)), Verdict::Wanted);
        }
        for stack in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_COMPLETE"] {
            let at = Shown { stack_status_since: Some(2000), ..shown("UPDATE_IN_PROGRESS", stack) };
            assert!(!at.needs_since(&update()));
            assert_eq!(verdict(&update(), &at, Some(1000)), Verdict::Wanted, "{stack}");
        }
    }

    #[test]
    fn a_rollbacks_own_update_is_not_withdrawn_by_the_end_of_the_rollback() {
        let mut shown = shown("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE");
        let told = [
            // Newer than what the stack was shown as.
            ("DELETE_IN_PROGRESS", 1900),
            ("UPDATE_ROLLBACK_COMPLETE", 1100),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 1090),
            ("UPDATE_ROLLBACK_FAILED", 1050),
            ("UPDATE_ROLLBACK_IN_PROGRESS", 1000),
        ];
        for (status, at) in told {
            assert!(shown.learn(status, Some(at)), "{status}");
        }
        assert!(!shown.learn("UPDATE_IN_PROGRESS", Some(900)));
        assert_eq!((shown.stack_status_since, shown.undone_since), (Some(1100), Some(1000)));
        // The Update that was rolled back, the rollback's own two, and one that was sent just before the end.
        assert!(matches!(verdict(&update(), &shown, Some(910)), Verdict::Withdrawn(_)));
        assert!(matches!(verdict(&update(), &shown, Some(1001)), Verdict::Answered(_)));
        assert!(matches!(verdict(&update(), &shown, Some(1060)), Verdict::Answered(_)));
        assert_eq!(verdict(&update(), &shown, Some(1096)), Verdict::Wanted);
    }

    #[test]
    fn update_is_a_rollbacks_when_sent_after_it_began() {
        let at = |stack: &str, since| Shown { undone_since: since, ..shown("UPDATE_IN_PROGRESS", stack) };
        let stack = "UPDATE_ROLLBACK_IN_PROGRESS";
        assert!(is_rollback(&update(), &at(stack, Some(999)), Some(1000)));
        // Cancelled at once, or in the same second: it is wanted still, as far as the dates tell, and no rollback's.
        for since in [1000, 1001] {
            assert!(!is_rollback(&update(), &at(stack, Some(since)), Some(1000)), "{since}");
        }
        for unknown in [(None, Some(1000)), (Some(900), None)] {
            assert!(!is_rollback(&update(), &at(stack, unknown.0), unknown.1), "{unknown:?}");
        }
        assert!(!is_rollback(&Operation::Create, &at(stack, Some(900)), Some(1000)));
        // The rest after a rollback, which CloudFormation shows for a moment into the next update.
        for stack in [
            "UPDATE_ROLLBACK_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_FAILED",
            "UPDATE_IN_PROGRESS",
            "DELETE_IN_PROGRESS",
            "",
        ] {
            assert!(!is_rollback(&update(), &at(stack, Some(900)), Some(1000)), "{stack}");
        }
    }

    #[test]
    fn status_that_newer_stack_events_contradict_is_no_rollback() {
        let mut shown = shown("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
        for (status, at) in [("UPDATE_IN_PROGRESS", 1000), ("UPDATE_ROLLBACK_COMPLETE", 950)] {
            assert!(shown.learn(status, Some(at)));
        }
        assert!(shown.learn("UPDATE_ROLLBACK_IN_PROGRESS", Some(900)));
        assert_eq!(shown.undone_since, Some(900));
        assert!(!is_rollback(&update(), &shown, Some(1000)));
    }

    #[test]
    fn a_rollbacks_own_update_is_withdrawn_by_the_deletion_that_followed() {
        let mut shown = shown("DELETE_COMPLETE", "DELETE_COMPLETE");
        for (status, at) in [("DELETE_COMPLETE", 1300), ("DELETE_FAILED", 1250), ("DELETE_IN_PROGRESS", 1200)] {
            assert!(shown.learn(status, Some(at)), "{status}");
        }
        assert!(!shown.learn("UPDATE_ROLLBACK_COMPLETE", Some(1100)));
        assert_eq!(shown.undone_since, Some(1200));
        assert!(matches!(verdict(&update(), &shown, Some(1001)), Verdict::Withdrawn(_)));
    }

    #[test]
    fn what_the_stack_has_rested_since_is_answered_already() {
        for operation in [Operation::Create, update()] {
            for stack in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED"] {
                let at = |since| Shown { stack_status_since: since, ..shown("UPDATE_COMPLETE", stack) };
                assert!(at(None).needs_since(&operation));
                assert!(matches!(verdict(&operation, &at(Some(1006)), Some(1000)), Verdict::Answered(_)));
                // The rest before the operation, which CloudFormation shows for a moment longer.
                for since in [None, Some(900), Some(1005)] {
                    assert_eq!(verdict(&operation, &at(since), Some(1000)), Verdict::Wanted, "{stack} {since:?}");
                }
                assert_eq!(verdict(&operation, &at(Some(2000)), None), Verdict::Wanted);
            }
        }
    }

    #[test]
    fn a_delete_is_a_late_duplicate_only_when_all_rests_under_its_own_id() {
        for (resource, stack) in [
            ("CREATE_COMPLETE", "UPDATE_COMPLETE"),
            ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
            ("UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"),
        ] {
            let verdict = verdict(&delete("current"), &shown(resource, stack), None);
            assert!(matches!(verdict, Verdict::Answered(_)), "{resource} {stack}");
        }
        let wanted = [
            ("current", "DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
            ("current", "DELETE_COMPLETE", "DELETE_COMPLETE"),
            ("current", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
            ("current", "CREATE_COMPLETE", "DELETE_IN_PROGRESS"),
            ("current", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS"),
            ("current", "CREATE_FAILED", "CREATE_FAILED"),
            ("current", "DELETE_FAILED", "DELETE_FAILED"),
            ("current", "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS"),
            ("former", "UPDATE_COMPLETE", "UPDATE_COMPLETE"),
            ("current", "", ""),
        ];
        for (id, resource, stack) in wanted {
            assert_eq!(verdict(&delete(id), &shown(resource, stack), None), Verdict::Wanted, "{id} {resource} {stack}");
        }
    }
}
