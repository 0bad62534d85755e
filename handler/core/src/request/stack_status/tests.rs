use super::*;

/// A time, in seconds since 1970.
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

/// Reads one stack event with a time; whether older ones may still change the view.
fn reads(view: &mut StackView, status: &str, second: i64) -> bool {
    view.apply_event(&Status::new(status), Some(at(second)))
}

fn update() -> Operation {
    Operation::Update { physical_resource_id: "current".into(), old_properties: serde_json::Map::new() }
}

fn delete(id: &str) -> Operation {
    Operation::Delete { physical_resource_id: id.into() }
}

#[test]
fn create_is_cancelled_by_its_deletion_and_by_the_end_of_its_stack() {
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
fn operation_is_wanted_when_nothing_is_shown() {
    for operation in [Operation::Create, update(), delete("current")] {
        let nothing = StackView::default();
        assert!(!nothing.needs_events(&operation));
        assert!(!is_rollback(&operation, &nothing, Some(at(1000))));
        assert_eq!(verdict(&operation, &nothing, Some(at(1000))), Verdict::Wanted);
    }
}

#[test]
fn update_is_cancelled_by_a_rollback_that_began_after_it_and_not_by_its_own() {
    for stack in
        ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"]
    {
        let since = |second| {
            let mut view = view("UPDATE_IN_PROGRESS", stack);
            assert!(reads(&mut view, stack, second));
            assert!(!reads(&mut view, "UPDATE_IN_PROGRESS", 0));
            view
        };
        let issued_at = Some(at(1000));
        assert!(view("", stack).needs_events(&update()));
        assert!(matches!(verdict(&update(), &since(1006), issued_at), Verdict::Cancelled(_)));
        assert_eq!(verdict(&update(), &since(1005), issued_at), Verdict::Wanted);
        assert_eq!(verdict(&update(), &since(900), issued_at), Verdict::Wanted);
        // Without either date nothing explicit is against it.
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
fn verdict_has_the_status_and_the_seconds_between() {
    let mut view = view("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    assert!(reads(&mut view, "UPDATE_ROLLBACK_IN_PROGRESS", 1066));
    let Verdict::Cancelled(why) = verdict(&update(), &view, Some(at(1000))) else { panic!("not cancelled") };
    assert!(why.contains("UPDATE_ROLLBACK_IN_PROGRESS") && why.contains(" 66 s "), "{why}");
}

#[test]
fn rollbacks_own_update_is_not_cancelled_by_the_end_of_the_rollback() {
    let mut view = view("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE");
    let events = [
        // Newer than the status that the stack was shown with.
        ("DELETE_IN_PROGRESS", 1900),
        ("UPDATE_ROLLBACK_COMPLETE", 1100),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", 1090),
        ("UPDATE_ROLLBACK_FAILED", 1050),
        ("UPDATE_ROLLBACK_IN_PROGRESS", 1000),
    ];
    for (status, second) in events {
        assert!(reads(&mut view, status, second), "{status}");
    }
    assert!(!reads(&mut view, "UPDATE_IN_PROGRESS", 900));
    assert_eq!((view.stack_status_since, view.cancelled_since), (Some(at(1100)), Some(at(1000))));
    // The Update that was rolled back, the rollback's own two, and one that was sent just before the end.
    assert!(matches!(verdict(&update(), &view, Some(at(910))), Verdict::Cancelled(_)));
    assert!(matches!(verdict(&update(), &view, Some(at(1001))), Verdict::Superseded(_)));
    assert!(matches!(verdict(&update(), &view, Some(at(1060))), Verdict::Superseded(_)));
    assert_eq!(verdict(&update(), &view, Some(at(1096))), Verdict::Wanted);
}

#[test]
fn update_is_a_rollbacks_when_sent_after_it_began() {
    let since = |stack: &str, second: Option<i64>| StackView {
        cancelled_since: second.map(at),
        ..view("UPDATE_IN_PROGRESS", stack)
    };
    let (stack, issued_at) = ("UPDATE_ROLLBACK_IN_PROGRESS", Some(at(1000)));
    assert!(is_rollback(&update(), &since(stack, Some(999)), issued_at));
    // Cancelled at once, or in the same second: the dates do not count against it, and it is not a rollback's.
    for second in [1000, 1001] {
        assert!(!is_rollback(&update(), &since(stack, Some(second)), issued_at), "{second}");
    }
    assert!(!is_rollback(&update(), &since(stack, None), issued_at));
    assert!(!is_rollback(&update(), &since(stack, Some(900)), None));
    assert!(!is_rollback(&Operation::Create, &since(stack, Some(900)), issued_at));
    // The end of a rollback, which CloudFormation shows for a moment into the next update.
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
fn status_that_newer_stack_events_contradict_is_no_rollback() {
    let mut view = view("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    for (status, second) in [("UPDATE_IN_PROGRESS", 1000), ("UPDATE_ROLLBACK_COMPLETE", 950)] {
        assert!(reads(&mut view, status, second));
    }
    assert!(reads(&mut view, "UPDATE_ROLLBACK_IN_PROGRESS", 900));
    assert_eq!(view.cancelled_since, Some(at(900)));
    assert!(!is_rollback(&update(), &view, Some(at(1000))));
}

#[test]
fn rollbacks_own_update_is_cancelled_by_the_deletion_that_followed() {
    let mut view = view("DELETE_COMPLETE", "DELETE_COMPLETE");
    for (status, second) in [("DELETE_COMPLETE", 1300), ("DELETE_FAILED", 1250), ("DELETE_IN_PROGRESS", 1200)] {
        assert!(reads(&mut view, status, second), "{status}");
    }
    assert!(!reads(&mut view, "UPDATE_ROLLBACK_COMPLETE", 1100));
    assert_eq!(view.cancelled_since, Some(at(1200)));
    assert!(matches!(verdict(&update(), &view, Some(at(1001))), Verdict::Cancelled(_)));
}

#[test]
fn event_without_a_time_gives_no_date() {
    let mut view = view("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    assert!(view.apply_event(&Status::new("UPDATE_ROLLBACK_IN_PROGRESS"), None));
    assert_eq!((view.stack_status_since, view.cancelled_since, view.is_outdated), (None, None, false));
    assert_eq!(verdict(&update(), &view, Some(at(0))), Verdict::Wanted);
}

#[test]
fn operation_is_superseded_when_the_stack_settled_after_it() {
    for operation in [Operation::Create, update()] {
        for stack in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED"] {
            let since = |second: Option<i64>| StackView {
                stack_status_since: second.map(at),
                ..view("UPDATE_COMPLETE", stack)
            };
            let issued_at = Some(at(1000));
            assert!(since(None).needs_events(&operation));
            assert!(matches!(verdict(&operation, &since(Some(1006)), issued_at), Verdict::Superseded(_)));
            // The status from before the operation, which CloudFormation shows for a moment longer.
            for second in [None, Some(900), Some(1005)] {
                assert_eq!(verdict(&operation, &since(second), issued_at), Verdict::Wanted, "{stack} {second:?}");
            }
            assert_eq!(verdict(&operation, &since(Some(2000)), None), Verdict::Wanted);
        }
    }
}

#[test]
fn delete_is_superseded_only_when_all_is_settled_under_its_own_id() {
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
        ("former", "UPDATE_COMPLETE", "UPDATE_COMPLETE"),
        ("current", "", ""),
    ];
    for (id, resource, stack) in wanted {
        assert_eq!(verdict(&delete(id), &view(resource, stack), None), Verdict::Wanted, "{id} {resource} {stack}");
    }
}

/// Which of the predicates hold for a status.
fn predicates(status: &str) -> Vec<&'static str> {
    let status = Status::new(status);
    let all = [
        ("delete", status.is_delete()),
        ("create rollback", status.is_create_rollback()),
        ("update rollback", status.is_update_rollback()),
        ("complete", status.is_complete()),
        ("failed", status.is_failed()),
        ("settled", status.is_settled()),
        ("settled after update", status.is_settled_after_update()),
        ("cancels update", status.cancels_update()),
    ];
    all.into_iter().filter_map(|(name, holds)| holds.then_some(name)).collect()
}

#[test]
fn status_has_the_predicates_of_its_words() {
    let complete = vec!["complete", "settled", "settled after update"];
    let of_rollback = ["update rollback", "complete", "settled", "settled after update", "cancels update"];
    let statuses = [
        ("CREATE_IN_PROGRESS", vec![]),
        ("CREATE_FAILED", vec!["failed", "settled"]),
        ("CREATE_COMPLETE", complete.clone()),
        ("IMPORT_ROLLBACK_COMPLETE", complete.clone()),
        ("ROLLBACK_COMPLETE", vec!["create rollback"]),
        ("ROLLBACK_FAILED", vec!["create rollback", "failed", "settled"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", vec![]),
        ("UPDATE_FAILED", vec!["failed", "settled", "settled after update"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", vec!["update rollback", "cancels update"]),
        ("UPDATE_ROLLBACK_COMPLETE", of_rollback.into()),
        ("DELETE_IN_PROGRESS", vec!["delete", "cancels update"]),
        ("DELETE_COMPLETE", vec!["delete", "cancels update"]),
        ("DELETE_FAILED", vec!["delete", "failed", "settled", "cancels update"]),
        ("DELETE_SKIPPED", vec!["delete", "cancels update"]),
        // Statuses that do not exist yet.
        ("MOVE_COMPLETE", complete),
        ("MOVE_FAILED", vec!["failed", "settled"]),
        ("MOVE_SUSPENDED", vec![]),
        ("", vec![]),
    ];
    for (status, expected) in statuses {
        assert_eq!(predicates(status), expected, "{status}");
    }
}
