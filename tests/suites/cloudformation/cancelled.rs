//! An operation is cancelled while an event runs. CloudFormation does not wait for the response to that event.

use std::time::Duration;

use local_cloud::{
    cloudformation::{Delivered, Delivery, Request, Stack},
    gateway::{Effect, Hold, When},
};
use serde_json::Value;

use super::{Stage, assert_sound, in_place, properties, replacing, single, template};

/// The writes of an operation at which it is cancelled, counted from 1.
const CANCEL_AT_WRITES: [usize; 4] = [1, 3, 6, 9];

/// Delivers a request, holds its `nth` write, and cancels the operation. Then delivers the events of the rollback: to
/// their end before the held write continues (`rollback_first`), or at the same time.
///
/// Returns the delivery that was held, or `None` if the event has fewer writes.
async fn cancel_at_write(stage: &Stage, request: Request, nth: usize, rollback_first: bool) -> Option<Delivered> {
    let (barrier, rule) = stage.hold(nth);
    let delivery = Delivery::default();
    let mut held = Box::pin(stage.engine.deliver(request, &delivery));
    let early = tokio::select! {
        delivered = &mut held => Some(delivered.unwrap()),
        () = barrier.reached() => None,
    };
    rule.remove();
    if let Some(delivered) = early {
        assert_sound(&delivered);
        return None;
    }
    let requests = stage.begin(Stack::cancel);
    let rollback = stage.engine.deliver_all(requests);
    let (held, rollback) = if rollback_first {
        let rollback = rollback.await.unwrap();
        barrier.release();
        (held.await.unwrap(), rollback)
    } else {
        barrier.release();
        let (held, rollback) = tokio::join!(held, rollback);
        (held.unwrap(), rollback.unwrap())
    };
    assert_sound(&held);
    rollback.iter().for_each(assert_sound);
    Some(held)
}

/// A Create is cancelled because another resource of the stack failed. CloudFormation sends its Delete while the Create
/// runs, with a generated id that the function did not return. Nothing is left, whichever of the two ends first.
#[tokio::test]
async fn create_deleted_while_running_leaves_nothing() {
    let stage = Stage::new().await;
    for rollback_first in [true, false] {
        for nth in CANCEL_AT_WRITES {
            let create = single(stage.begin(|stack| stack.create(&template(&properties()))));
            let held = cancel_at_write(&stage, create, nth, rollback_first).await.expect("a Create has more writes");
            assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
            assert!(!held.succeeded(), "the Create was cancelled");
            stage
                .before
                .assert_same(&stage.world().await, &format!("after a Create that was cancelled at write {nth}"));
            stage.run(Stack::delete).await;
        }
    }
    stage.delete_and_compare().await;
}

/// Cancels an Update to `new` at several writes. CloudFormation sends the rollback's Update while the first Update runs.
/// Asserts that the account is as before the Update, whichever of the two ends first.
async fn cancel_updates(new: Value) {
    let stage = Stage::new().await;
    stage.create(&properties()).await;
    let before = stage.world().await;
    for rollback_first in [true, false] {
        for nth in CANCEL_AT_WRITES {
            let update = single(stage.begin(|stack| stack.update(&template(&new))));
            if cancel_at_write(&stage, update, nth, rollback_first).await.is_none() {
                // The Update has fewer writes and is complete. Undo it for the next round.
                stage.run(|stack| stack.update(&template(&properties()))).await;
            } else {
                assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE");
            }
            before.assert_same(
                &stage.world().await,
                &format!("after an Update to {new} that was cancelled at write {nth}"),
            );
        }
    }
    stage.delete_and_compare().await;
}

#[tokio::test]
async fn in_place_update_rolled_back_while_running_changes_nothing() {
    Box::pin(cancel_updates(in_place())).await;
}

#[tokio::test]
async fn replacement_rolled_back_while_running_leaves_nothing() {
    Box::pin(cancel_updates(replacing())).await;
}

/// A Create is cancelled, and its Delete is complete. Then the Create continues, and its process is killed after another
/// write. The redelivery of the Create finds that it is cancelled, and undoes that write.
#[tokio::test]
async fn create_redelivered_after_its_delete_undoes_itself() {
    let stage = Stage::new().await;
    let create = single(stage.begin(|stack| stack.create(&template(&properties()))));
    let (first_write, rule) = stage.hold(1);
    let delivery = Delivery::default();
    let mut killed = Box::pin(stage.engine.deliver(create.clone(), &delivery));
    tokio::select! {
        _ = &mut killed => panic!("a Create writes"),
        () = first_write.reached() => rule.remove(),
    }
    stage.run(Stack::cancel).await;
    assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
    // The held writes are carried out. The process is killed at the first AttachRolePolicy after them.
    let attached = Hold::new();
    let rules = stage.scenario.cloud.gateway().rules();
    let rule = rules.add(When::call("iam", "AttachRolePolicy").once(), Effect::HoldAfter(attached.clone()));
    first_write.release();
    tokio::select! {
        _ = &mut killed => panic!("a Create attaches policies"),
        () = attached.reached() => drop(killed),
    }
    assert!(stage.scenario.cloud.gateway().journal().wait_until_idle(Duration::from_secs(20)).await);
    rule.remove();
    assert!(stage.world().await.get("role/KarpenterNodeRole-demo").is_some(), "there is nothing to undo");

    let again = stage.engine.deliver(create, &delivery).await.unwrap();
    assert_sound(&again);
    assert!(again.reason().contains("The new objects were deleted"), "{}", again.reason());
    stage.before.assert_same(&stage.world().await, "after the redelivery");
    stage.run(Stack::delete).await;
    stage.delete_and_compare().await;
}
