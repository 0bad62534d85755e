//! A Create that was cancelled, or whose stack goes back.

use std::time::SystemTime;

use local_cloud::scenario::Scenario;

use super::{Shown, deliver, properties, questions};

/// What says that a Create is no longer wanted.
const NOES: [(&str, &str, &str); 7] = [
    ("CREATE_FAILED", "CREATE_IN_PROGRESS", "the resource as CREATE_FAILED"),
    ("DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS", "the resource as DELETE_IN_PROGRESS"),
    ("DELETE_COMPLETE", "CREATE_IN_PROGRESS", "the resource as DELETE_COMPLETE"),
    ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "the stack as ROLLBACK_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", "the stack as ROLLBACK_COMPLETE"),
    ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "the stack as DELETE_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "DELETE_COMPLETE", "the stack as DELETE_COMPLETE"),
];

/// What is no such no. A resource that an update's rollback makes again is wanted.
const NEAR_MISSES: [(&str, &str); 6] = [
    ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"),
    ("CREATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
    ("CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
    ("CREATE_COMPLETE", "CREATE_COMPLETE"),
    ("UPDATE_FAILED", "REVIEW_IN_PROGRESS"),
];

/// A Create that is cancelled before it begins changes nothing.
#[tokio::test]
async fn a_create_that_is_cancelled_before_it_begins_changes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack, words) in NOES {
        Shown::new(resource, stack).tell(&scenario, |when| when);
        let create = scenario.resource.create(&properties());
        let delivered = deliver(&mut scenario, &create, SystemTime::now()).await;
        let reason = delivered.wrote_nothing().failed();
        assert!(reason.contains("nothing was changed") && reason.contains(words), "{reason}");
        assert_eq!(questions(&delivered), 1);
    }
    before.assert_same(&scenario.world().await.unwrap(), "after Creates that nobody wants");
}

/// A Create that is cancelled while it works takes back what it made.
#[tokio::test]
async fn a_create_that_is_cancelled_while_it_works_takes_everything_back() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack, words) in NOES {
        Shown::new("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS").tell_then(&scenario, &Shown::new(resource, stack));
        let create = scenario.resource.create(&properties());
        let delivered = deliver(&mut scenario, &create, SystemTime::now()).await;
        let reason = delivered.failed();
        assert!(reason.contains("The new objects were deleted") && reason.contains(words), "{reason}");
        assert!(!delivered.writes().is_empty());
        assert_eq!(questions(&delivered), 2);
        before.assert_same(&scenario.world().await.unwrap(), words);
    }
}

/// Whatever else CloudFormation shows, before and after, a Create goes on: a false no would undo a good stack.
#[tokio::test]
async fn a_create_goes_on_at_every_near_miss() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack) in NEAR_MISSES {
        Shown::new(resource, stack).tell(&scenario, |when| when);
        let create = scenario.resource.create(&properties());
        let delivered = deliver(&mut scenario, &create, SystemTime::now()).await;
        let id = delivered.succeeded().physical_resource_id.clone();
        assert_eq!(questions(&delivered), 2, "{resource} {stack}");
        // Once more, when all is there: nothing was changed, so nothing is asked afterwards.
        Shown::new(resource, stack).tell(&scenario, |when| when);
        let again = deliver(&mut scenario, &create, SystemTime::now()).await;
        again.wrote_nothing().succeeded();
        assert_eq!(questions(&again), 1);
        scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    }
}
