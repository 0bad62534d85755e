//! A Create that is cancelled, or whose stack rolls back.

use std::time::SystemTime;

use local_cloud::scenario::Scenario;

use super::{Shown, deliver, properties, status_queries};

/// Statuses of resource and stack that cancel a Create, and the text in the Reason.
const CANCELLED: [(&str, &str, &str); 7] = [
    ("CREATE_FAILED", "CREATE_IN_PROGRESS", "the resource as CREATE_FAILED"),
    ("DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS", "the resource as DELETE_IN_PROGRESS"),
    ("DELETE_COMPLETE", "CREATE_IN_PROGRESS", "the resource as DELETE_COMPLETE"),
    ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "the stack as ROLLBACK_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", "the stack as ROLLBACK_COMPLETE"),
    ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "the stack as DELETE_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "DELETE_COMPLETE", "the stack as DELETE_COMPLETE"),
];

/// Statuses of resource and stack that do not cancel a Create. The rollback of an Update can create a resource again.
const NEAR_MISSES: [(&str, &str); 6] = [
    ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
    ("CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
    ("CREATE_COMPLETE", "CREATE_COMPLETE"),
    ("UPDATE_FAILED", "REVIEW_IN_PROGRESS"),
];

/// A Create that is cancelled before it begins finds no objects to delete, and changes nothing.
#[tokio::test]
async fn create_cancelled_before_start_changes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack, words) in CANCELLED {
        Shown::new(resource, stack).show(&scenario, |when| when);
        let create = scenario.resource.create(&properties());
        let delivered = deliver(&mut scenario, &create, SystemTime::now()).await;
        let reason = delivered.wrote_nothing().failed();
        assert!(reason.contains("nothing was changed") && reason.contains(words), "{reason}");
        assert_eq!(status_queries(&delivered), 1);
    }
    before.assert_same(&scenario.world().await.unwrap(), "after cancelled Creates");
}

/// A Create that is cancelled while it runs deletes what it created.
#[tokio::test]
async fn create_cancelled_while_running_undoes_itself() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack, words) in CANCELLED {
        Shown::new("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS").show_then(&scenario, &Shown::new(resource, stack));
        let create = scenario.resource.create(&properties());
        let delivered = deliver(&mut scenario, &create, SystemTime::now()).await;
        let reason = delivered.failed();
        assert!(reason.contains("The new objects were deleted") && reason.contains(words), "{reason}");
        assert!(!delivered.writes().is_empty());
        assert_eq!(status_queries(&delivered), 2);
        before.assert_same(&scenario.world().await.unwrap(), words);
    }
}

/// With every other status, before and after its writes, a Create continues. A wrong cancellation would undo a good stack.
#[tokio::test]
async fn create_with_near_miss_status_continues() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack) in NEAR_MISSES {
        Shown::new(resource, stack).show(&scenario, |when| when);
        let create = scenario.resource.create(&properties());
        let delivered = deliver(&mut scenario, &create, SystemTime::now()).await;
        let id = delivered.succeeded().physical_resource_id.clone();
        assert_eq!(status_queries(&delivered), 2, "{resource} {stack}");
        // The same event again changes nothing, so the function does not query the status a second time.
        Shown::new(resource, stack).show(&scenario, |when| when);
        let again = deliver(&mut scenario, &create, SystemTime::now()).await;
        again.wrote_nothing().succeeded();
        assert_eq!(status_queries(&again), 1);
        scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    }
}
