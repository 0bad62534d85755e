use super::*;

/// Returns a time by its seconds since 1970.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn view(resource: &str, stack: &str) -> StackView {
    StackView {
        resource_status: Some(Status::new(resource)),
        physical_resource_id: Some("current".to_owned()),
        stack_status: Some(Status::new(stack)),
        ..StackView::default()
    }
}

/// Adds a stack event with a time to the view, and returns whether an older event may still change it.
fn apply(view: &mut StackView, status: &str, second: i64) -> bool {
    view.apply_event(&Status::new(status), Some(at(second)))
}

fn update() -> Operation {
    Operation::Update { physical_resource_id: "current".into(), old_properties: serde_json::Map::new() }
}

fn delete(id: &str) -> Operation {
    Operation::Delete { physical_resource_id: id.into() }
}

#[test]
fn create_is_cancelled_by_failure_deletion_or_rollback() {
    let cancelled = [
        ("CREATE_FAILED", "CREATE_IN_PROGRESS"),
        ("DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS"),
        ("DELETE_COMPLETE", "ROLLBACK_COMPLETE"),
        ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"),
        ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    ];
    for (resource, stack) in cancelled {
        let verdict = verdict(&Operation::Create, &view(resource, stack), None);
        assert!(matches!(verdict, Verdict::Cancelled(_)), "{resource} {stack}");
    }
    let wanted = [
        ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS"),
        ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"),
        // A resource that the rollback of an update creates again.
        ("CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
        ("CREATE_COMPLETE", "CREATE_COMPLETE"),
        ("", ""),
    ];
    for (resource, stack) in wanted {
        let verdict = verdict(&Operation::Create, &view(resource, stack), None);
        assert_eq!(verdict, Verdict::Wanted, "{resource} {stack}");
    }
}

#[test]
fn operation_without_any_status_is_wanted() {
    for operation in [Operation::Create, update(), delete("current")] {
        let nothing = StackView::default();
        assert!(!nothing.needs_events(&operation));
        assert!(!is_rollback(&operation, &nothing, Some(at(1000))));
        assert_eq!(verdict(&operation, &nothing, Some(at(1000))), Verdict::Wanted);
    }
}

#[test]
fn update_is_cancelled_by_a_rollback_that_began_later() {
    for stack in
        ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"]
    {
        let since = |second| {
            let mut view = view("UPDATE_IN_PROGRESS", stack);
            assert!(apply(&mut view, stack, second));
            assert!(!apply(&mut view, "UPDATE_IN_PROGRESS", 0));
            view
        };
        let issued_at = Some(at(1000));
        assert!(view("", stack).needs_events(&update()));
        assert!(matches!(verdict(&update(), &since(1006), issued_at), Verdict::Cancelled(_)));
        assert_eq!(verdict(&update(), &since(1005), issued_at), Verdict::Wanted);
        assert_eq!(verdict(&update(), &since(900), issued_at), Verdict::Wanted);
        // Without one of the dates, nothing explicit counts against the event.
        assert_eq!(verdict(&update(), &since(2000), None), Verdict::Wanted);
        assert_eq!(verdict(&update(), &view("UPDATE_IN_PROGRESS", stack), issued_at), Verdict::Wanted);
    }
    for stack in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ROLLBACK_COMPLETE"] {
        let view = StackView { stack_status_since: Some(at(2000)), ..view("UPDATE_IN_PROGRESS", stack) };
        assert!(!view.needs_events(&update()));
        assert_eq!(verdict(&update(), &view, Some(at(1000))), Verdict::Wanted, "{stack}");
    }
}

#[test]
fn verdict_names_the_status_and_the_seconds_between() {
    let mut view = view("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    assert!(apply(&mut view, "UPDATE_ROLLBACK_IN_PROGRESS", 1066));
    let Verdict::Cancelled(why) = verdict(&update(), &view, Some(at(1000))) else { panic!("not cancelled") };
    assert!(why.contains("UPDATE_ROLLBACK_IN_PROGRESS") && why.contains(" 66 s "), "{why}");
}

#[test]
fn rollback_update_is_not_cancelled_by_its_rollback() {
    let mut view = view("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE");
    let events = [
        // Newer than the stack's status in the view.
        ("DELETE_IN_PROGRESS", 1900),
        ("UPDATE_ROLLBACK_COMPLETE", 1100),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 1090),
        ("UPDATE_ROLLBACK_FAILED", 1050),
        ("UPDATE_ROLLBACK_IN_PROGRESS", 1000),
    ];
    for (status, second) in events {
        assert!(apply(&mut view, status, second), "{status}");
    }
    assert!(!apply(&mut view, "UPDATE_IN_PROGRESS", 900));
    assert_eq!((view.stack_status_since, view.cancelled_since), (Some(at(1100)), Some(at(1000))));
    // The Update that was rolled back, two Updates of the rollback, and an Update that was sent just before the end.
    assert!(matches!(verdict(&update(), &view, Some(at(910))), Verdict::Cancelled(_)));
    assert!(matches!(verdict(&update(), &view, Some(at(1001))), Verdict::Superseded(_)));
    assert!(matches!(verdict(&update(), &view, Some(at(1060))), Verdict::Superseded(_)));
    assert_eq!(verdict(&update(), &view, Some(at(1096))), Verdict::Wanted);
}

#[test]
fn update_after_the_begin_of_a_rollback_belongs_to_it() {
    let since = |stack: &str, second: Option<i64>| StackView {
        cancelled_since: second.map(at),
        ..view("UPDATE_IN_PROGRESS", stack)
    };
    let (stack, issued_at) = ("UPDATE_ROLLBACK_IN_PROGRESS", Some(at(1000)));
    assert!(is_rollback(&update(), &since(stack, Some(999)), issued_at));
    // Updates that are cancelled in the same or the next second. The dates do not show which came first.
    for second in [1000, 1001] {
        assert!(!is_rollback(&update(), &since(stack, Some(second)), issued_at), "{second}");
    }
    assert!(!is_rollback(&update(), &since(stack, None), issued_at));
    assert!(!is_rollback(&update(), &since(stack, Some(900)), None));
    assert!(!is_rollback(&Operation::Create, &since(stack, Some(900)), issued_at));
    // Statuses that CloudFormation may show for a moment after the next update began, and other statuses.
    for stack in [
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "",
    ] {
        assert!(!is_rollback(&update(), &since(stack, Some(900)), issued_at), "{stack}");
    }
}

#[test]
fn outdated_rollback_status_is_no_rollback() {
    let mut view = view("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    for (status, second) in [("UPDATE_IN_PROGRESS", 1000), ("UPDATE_ROLLBACK_COMPLETE", 950)] {
        assert!(apply(&mut view, status, second));
    }
    assert!(apply(&mut view, "UPDATE_ROLLBACK_IN_PROGRESS", 900));
    assert_eq!(view.cancelled_since, Some(at(900)));
    assert!(!is_rollback(&update(), &view, Some(at(1000))));
}

#[test]
fn rollback_update_is_cancelled_by_a_later_deletion() {
    let mut view = view("DELETE_COMPLETE", "DELETE_COMPLETE");
    for (status, second) in [("DELETE_COMPLETE", 1300), ("DELETE_FAILED", 1250), ("DELETE_IN_PROGRESS", 1200)] {
        assert!(apply(&mut view, status, second), "{status}");
    }
    assert!(!apply(&mut view, "UPDATE_ROLLBACK_COMPLETE", 1100));
    assert_eq!(view.cancelled_since, Some(at(1200)));
    assert!(matches!(verdict(&update(), &view, Some(at(1001))), Verdict::Cancelled(_)));
}

#[test]
fn stack_event_without_a_time_sets_no_date() {
    let mut view = view("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    assert!(view.apply_event(&Status::new("UPDATE_ROLLBACK_IN_PROGRESS"), None));
    assert_eq!((view.stack_status_since, view.cancelled_since, view.is_outdated), (None, None, false));
    assert_eq!(verdict(&update(), &view, Some(at(0))), Verdict::Wanted);
}

#[test]
fn operation_is_superseded_if_stack_is_at_rest_since_later() {
    for operation in [Operation::Create, update()] {
        for stack in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED"] {
            let since = |second: Option<i64>| StackView {
                stack_status_since: second.map(at),
                ..view("UPDATE_COMPLETE", stack)
            };
            let issued_at = Some(at(1000));
            assert!(since(None).needs_events(&operation));
            assert!(matches!(verdict(&operation, &since(Some(1006)), issued_at), Verdict::Superseded(_)));
            // The status before the operation, which CloudFormation may show for a moment longer.
            for second in [None, Some(900), Some(1005)] {
                assert_eq!(verdict(&operation, &since(second), issued_at), Verdict::Wanted, "{stack} {second:?}");
            }
            assert_eq!(verdict(&operation, &since(Some(2000)), None), Verdict::Wanted);
        }
    }
}

#[test]
fn delete_of_current_id_in_stack_at_rest_is_superseded() {
    for (resource, stack) in [
        ("CREATE_COMPLETE", "UPDATE_COMPLETE"),
        ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
        ("UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED"),
    ] {
        let verdict = verdict(&delete("current"), &view(resource, stack), None);
        assert!(matches!(verdict, Verdict::Superseded(_)), "{resource} {stack}");
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
        ("previous", "UPDATE_COMPLETE", "UPDATE_COMPLETE"),
        ("current", "", ""),
    ];
    for (id, resource, stack) in wanted {
        assert_eq!(verdict(&delete(id), &view(resource, stack), None), Verdict::Wanted, "{id} {resource} {stack}");
    }
}

/// Returns the names of the predicates that are true for a status.
fn predicates(status: &str) -> Vec<&'static str> {
    let status = Status::new(status);
    let all = [
        ("delete", status.is_delete()),
        ("create rollback", status.is_create_rollback()),
        ("update rollback", status.is_update_rollback()),
        ("complete", status.is_complete()),
        ("failed", status.is_failed()),
        ("at rest", status.is_at_rest()),
        ("ended update", status.has_ended_update()),
        ("cancels update", status.cancels_update()),
    ];
    all.into_iter().filter_map(|(name, holds)| holds.then_some(name)).collect()
}

#[test]
fn status_predicates_follow_from_its_words() {
    let complete = vec!["complete", "at rest", "ended update"];
    let rolled_back = ["update rollback", "complete", "at rest", "ended update", "cancels update"];
    let statuses = [
        ("CREATE_IN_PROGRESS", vec![]),
        ("CREATE_FAILED", vec!["failed", "at rest"]),
        ("CREATE_COMPLETE", complete.clone()),
        ("IMPORT_ROLLBACK_COMPLETE", complete.clone()),
        ("ROLLBACK_COMPLETE", vec!["create rollback"]),
        ("ROLLBACK_FAILED", vec!["create rollback", "failed", "at rest"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", vec![]),
        ("UPDATE_FAILED", vec!["failed", "at rest", "ended update"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", vec!["update rollback", "cancels update"]),
        ("UPDATE_ROLLBACK_COMPLETE", rolled_back.into()),
        ("DELETE_IN_PROGRESS", vec!["delete", "cancels update"]),
        ("DELETE_COMPLETE", vec!["delete", "cancels update"]),
        ("DELETE_FAILED", vec!["delete", "failed", "at rest", "cancels update"]),
        ("DELETE_SKIPPED", vec!["delete", "cancels update"]),
        // Statuses that do not exist yet.
        ("MOVE_COMPLETE", complete),
        ("MOVE_FAILED", vec!["failed", "at rest"]),
        ("MOVE_SUSPENDED", vec![]),
        ("", vec![]),
    ];
    for (status, expected) in statuses {
        assert_eq!(predicates(status), expected, "{status}");
    }
}
