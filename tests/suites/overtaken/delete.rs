//! A Delete that comes late, when the resource stands again or still.

use std::time::{Duration, SystemTime};

use local_cloud::{
    gateway::{Effect, Hold, Installed, When},
    scenario::{Delivered, Scenario},
};

use super::{Shown, deliver, properties, questions};

/// A little longer than a look stands for the world.
const STALE_AFTER: Duration = Duration::from_millis(5300);

/// A Delete of the very id that rests in a stack that rests is a late duplicate: it takes nothing away.
#[tokio::test]
async fn a_late_duplicate_of_a_delete_takes_nothing_away() {
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
        Shown::new(resource, stack).under(&id).tell(&scenario, |when| when);
        let delete = scenario.resource.delete(&id, &properties());
        let delivered = deliver(&mut scenario, &delete, SystemTime::now()).await;
        let reason = delivered.wrote_nothing().failed();
        assert!(reason.contains("nothing was changed") && reason.contains("a late duplicate"), "{reason}");
        assert_eq!(questions(&delivered), 1);
    }
    before.assert_same(&scenario.world().await.unwrap(), "after late duplicates");
}

/// Whatever else CloudFormation shows, a Delete is carried out.
#[tokio::test]
async fn a_delete_is_carried_out_at_every_near_miss() {
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
        // What a replacement left over: the resource goes by another id now.
        ("UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", false),
        ("UPDATE_COMPLETE", "UPDATE_COMPLETE", false),
        ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", false),
    ] {
        let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
        let id = created.succeeded().physical_resource_id.clone();
        Shown::new(resource, stack).under(if of_this_id { &id } else { "another" }).tell(&scenario, |when| when);
        let delete = scenario.resource.delete(&id, &properties());
        let delivered = deliver(&mut scenario, &delete, SystemTime::now()).await;
        delivered.succeeded();
        assert_eq!(questions(&delivered), 1);
        before.assert_same(&scenario.world().await.unwrap(), &format!("after a Delete at {resource} {stack}"));
    }
}

/// While CloudFormation's word is waited for, others may come to rely on what was seen: then it is looked at again. A look
/// that is slow itself, as in a crowd that is throttled, is not taken twice.
#[tokio::test]
async fn what_was_seen_long_before_the_word_came_is_looked_at_again() {
    let mut scenario = Scenario::start().await.unwrap();
    let clusters =
        |delivered: &Delivered| delivered.calls.iter().filter(|call| call.operation == "DescribeCluster").count();

    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties());
    let rules = scenario.cloud.gateway().rules().clone();
    let (word, last_read) = (Hold::new(), Hold::new());
    let held = [
        rules.add(When::service("cloudformation"), Effect::HoldBefore(word.clone())),
        rules.add(When::call("kubernetes", "create").once(), Effect::HoldAfter(last_read.clone())),
    ];
    let (delivered, ()) = tokio::join!(scenario.send(&delete), async {
        last_read.reached().await;
        last_read.release();
        tokio::time::sleep(STALE_AFTER).await;
        word.release();
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
