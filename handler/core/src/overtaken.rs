//! Whether CloudFormation still wants what an event asks.
//!
//! CloudFormation cancels, rolls back and delivers again, and two runs may overlap. Only an explicit status counts as
//! a no, since a false one would undo a good stack; never a resource's own timestamps, which CloudFormation touches
//! while an operation runs.

use crate::event::Operation;

/// How much younger than an Update's own date, in seconds, the stack's status must be to speak against it: an event's
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
}

impl Shown {
    /// Whether the verdict on this operation depends on [`Shown::stack_status_since`]: it costs a call.
    pub fn needs_since(&self, operation: &Operation) -> bool {
        matches!(operation, Operation::Update { .. }) && self.stack_status.as_deref().is_some_and(is_against_update)
    }
}

/// Why the operation is no longer wanted; `None` when it is, or when nothing explicit says otherwise.
///
/// `issued_at` is the event's own date, in seconds since 1970.
pub fn verdict(operation: &Operation, shown: &Shown, issued_at: Option<i64>) -> Option<String> {
    let resource = shown.resource_status.as_deref().unwrap_or_default();
    let stack = shown.stack_status.as_deref().unwrap_or_default();
    match operation {
        Operation::Create if resource == "CREATE_FAILED" || resource.starts_with("DELETE_") => {
            Some(format!("CloudFormation shows the resource as {resource}"))
        }
        Operation::Create if stack.starts_with("ROLLBACK_") || stack.starts_with("DELETE_") => {
            Some(format!("CloudFormation shows the stack as {stack}"))
        }
        Operation::Update { .. } if is_against_update(stack) => {
            let later = shown.stack_status_since? - issued_at?;
            (MARGIN < later)
                .then(|| format!("CloudFormation shows the stack as {stack}, {later} s after this Update was sent"))
        }
        Operation::Delete { physical_resource_id } => {
            let current = shown.physical_resource_id.as_deref() == Some(physical_resource_id);
            (current && is_at_rest(resource) && is_at_rest(stack))
                .then(|| format!("CloudFormation shows the resource as {resource} under this very id, and the stack as {stack}: a late duplicate"))
        }
        Operation::Create | Operation::Update { .. } => None,
    }
}

fn is_against_update(stack: &str) -> bool {
    stack.starts_with("UPDATE_ROLLBACK_") || stack.starts_with("DELETE_")
}

/// A status that ends an operation and leaves something standing.
fn is_at_rest(status: &str) -> bool {
    status.ends_with("_COMPLETE") && status != "DELETE_COMPLETE" && status != "ROLLBACK_COMPLETE"
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
            assert!(verdict(&Operation::Create, &shown(resource, stack), None).is_some(), "{resource} {stack}");
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
            assert_eq!(verdict(&Operation::Create, &shown(resource, stack), None), None, "{resource} {stack}");
        }
    }

    #[test]
    fn an_update_is_overtaken_by_a_rollback_that_began_after_it_and_not_by_its_own() {
        for stack in
            ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"]
        {
            let at = |since| Shown { stack_status_since: Some(since), ..shown("UPDATE_IN_PROGRESS", stack) };
            assert!(shown("", stack).needs_since(&update()));
            assert!(verdict(&update(), &at(1006), Some(1000)).is_some());
            assert_eq!(verdict(&update(), &at(1005), Some(1000)), None);
            assert_eq!(verdict(&update(), &at(900), Some(1000)), None);
            // Without either date nothing explicit speaks against it.
            assert_eq!(verdict(&update(), &at(2000), None), None);
            assert_eq!(verdict(&update(), &shown("UPDATE_IN_PROGRESS", stack), Some(1000)), None);
        }
        for stack in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "CREATE_COMPLETE"]
        {
            let at = Shown { stack_status_since: Some(2000), ..shown("UPDATE_IN_PROGRESS", stack) };
            assert!(!at.needs_since(&update()));
            assert_eq!(verdict(&update(), &at, Some(1000)), None, "{stack}");
        }
    }

    #[test]
    fn a_delete_is_a_late_duplicate_only_when_all_rests_under_its_own_id() {
        assert!(verdict(&delete("current"), &shown("CREATE_COMPLETE", "UPDATE_COMPLETE"), None).is_some());
        assert!(verdict(&delete("current"), &shown("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"), None).is_some());
        let wanted = [
            ("current", "DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
            ("current", "DELETE_COMPLETE", "DELETE_COMPLETE"),
            ("current", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
            ("current", "CREATE_COMPLETE", "DELETE_IN_PROGRESS"),
            ("current", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS"),
            ("former", "UPDATE_COMPLETE", "UPDATE_COMPLETE"),
            ("current", "", ""),
        ];
        for (id, resource, stack) in wanted {
            assert_eq!(verdict(&delete(id), &shown(resource, stack), None), None, "{id} {resource} {stack}");
        }
    }
}
