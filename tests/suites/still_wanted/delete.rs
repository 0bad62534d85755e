//! A Delete that is delivered late, when the resource exists again or still.

use std::time::{Duration, SystemTime};

use local_cloud::{
    gateway::{Effect, Hold, Installed, When},
    scenario::{Delivered, Scenario},
};

use super::{Shown, deliver, properties, status_queries};

/// A little longer than the function uses a snapshot of the account (5 seconds).
const STALE_AFTER: Duration = Duration::from_millis(5300);

/// If resource and stack are at rest, and the resource has the id of the Delete, the Delete is a late duplicate. It removes
/// nothing.
#[tokio::test]
async fn late_duplicate_delete_removes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let before = scenario.world().await.unwrap();
    for (resource, stack) in [
        ("CREATE_COMPLETE", "CREATE_COMPLETE"),
        ("CREATE_COMPLETE", "UPDATE_COMPLETE"),
        ("UPDATE_COMPLETE", "UPDATE_COMPLETE"),
        ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"),
    ] {
        Shown::new(resource, stack).with_id(&id).show(&scenario, |when| when);
        let delete = scenario.resource.delete(&id, &properties());
        let delivered = deliver(&mut scenario, &delete, SystemTime::now()).await;
        let reason = delivered.wrote_nothing().failed();
        assert!(reason.contains("nothing was changed") && reason.contains("a late duplicate"), "{reason}");
        assert_eq!(status_queries(&delivered), 1);
    }
    before.assert_same(&scenario.world().await.unwrap(), "after late duplicates");
}

/// With every other status, a Delete is carried out.
#[tokio::test]
async fn delete_with_near_miss_status_is_carried_out() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    for (resource, stack, of_this_id) in [
        ("DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", true),
        ("DELETE_COMPLETE", "DELETE_COMPLETE", true),
        ("DELETE_FAILED", "DELETE_FAILED", true),
        ("CREATE_FAILED", "ROLLBACK_IN_PROGRESS", true),
        ("DELETE_COMPLETE", "ROLLBACK_COMPLETE", true),
        ("CREATE_COMPLETE", "DELETE_IN_PROGRESS", true),
        ("CREATE_COMPLETE", "UPDATE_IN_PROGRESS", true),
        // The cleanup after a replacement: the resource has another id now.
        ("UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", false),
        ("UPDATE_COMPLETE", "UPDATE_COMPLETE", false),
        ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", false),
    ] {
        let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
        let id = created.succeeded().physical_resource_id.clone();
        Shown::new(resource, stack).with_id(if of_this_id { &id } else { "another" }).show(&scenario, |when| when);
        let delete = scenario.resource.delete(&id, &properties());
        let delivered = deliver(&mut scenario, &delete, SystemTime::now()).await;
        delivered.succeeded();
        assert_eq!(status_queries(&delivered), 1);
        before.assert_same(&scenario.world().await.unwrap(), &format!("after a Delete at {resource} {stack}"));
    }
}

/// While the function waits for the stack's status, other resources may start to use the objects of its snapshot. If the
/// snapshot is older than five seconds by then, the function reads the account again. It does not do so if only the reading
/// took that long, as under throttling.
#[tokio::test]
async fn old_snapshot_after_slow_status_is_read_again() {
    let mut scenario = Scenario::start().await.unwrap();
    let clusters =
        |delivered: &Delivered| delivered.calls.iter().filter(|call| call.operation == "DescribeCluster").count();

    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties());
    let rules = scenario.cloud.gateway().rules().clone();
    let (status, last_read) = (Hold::new(), Hold::new());
    let held = [
        rules.add(When::service("cloudformation"), Effect::HoldBefore(status.clone())),
        rules.add(When::call("kubernetes", "dry-run-update").once(), Effect::HoldAfter(last_read.clone())),
    ];
    let (delivered, ()) = tokio::join!(scenario.send(&delete), async {
        last_read.reached().await;
        last_read.release();
        tokio::time::sleep(STALE_AFTER).await;
        status.release();
    });
    held.into_iter().for_each(Installed::remove);
    let delivered = delivered.unwrap();
    delivered.succeeded();
    assert_eq!(clusters(&delivered), 2);

    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties());
    let slow = rules.add(When::call("eks", "DescribeCluster").once(), Effect::Delay(STALE_AFTER));
    let delivered = scenario.send(&delete).await.unwrap();
    slow.remove();
    delivered.succeeded();
    assert_eq!(clusters(&delivered), 1);
}
