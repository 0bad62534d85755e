//! What is under way is cancelled: CloudFormation does not wait for it.

use std::time::Duration;

use local_cloud::{
    cloudformation::{Delivered, Delivery, Request, Stack},
    gateway::{Effect, Hold, When},
};
use serde_json::Value;

use super::{Stage, in_place, one, properties, replacing, sound, template};

/// How many of the writes of an operation are tried as the moment of the cancellation.
const MOMENTS: [usize; 4] = [1, 3, 6, 9];

/// Delivers a request, holds it at a write, cancels, and delivers what the stack sends then: to its end before the
/// held one goes on, or beside it. Gives what became of the held one; `None` when it was over before that write.
async fn cancelled_at(stage: &Stage, request: Request, nth: usize, to_its_end: bool) -> Option<Delivered> {
    let (door, rule) = stage.hold(nth);
    let delivery = Delivery::default();
    let mut held = Box::pin(stage.engine.deliver(request, &delivery));
    let early = tokio::select! {
        delivered = &mut held => Some(delivered.unwrap()),
        () = door.reached() => None,
    };
    rule.remove();
    if let Some(delivered) = early {
        sound(&delivered);
        return None;
    }
    let requests = stage.begin(Stack::cancel);
    let then = stage.engine.settle(requests);
    let (held, then) = if to_its_end {
        let then = then.await.unwrap();
        door.release();
        (held.await.unwrap(), then)
    } else {
        door.release();
        let (held, then) = tokio::join!(held, then);
        (held.unwrap(), then.unwrap())
    };
    sound(&held);
    then.iter().for_each(sound);
    Some(held)
}

/// A Create is cancelled since something else in the stack failed: its Delete comes while it runs, with an id that it
/// never gave. Whichever ends first, nothing is left.
#[tokio::test]
async fn a_create_that_is_deleted_while_it_runs_leaves_nothing() {
    let stage = Stage::new().await;
    for to_its_end in [true, false] {
        for nth in MOMENTS {
            let create = one(stage.begin(|stack| stack.create(&template(&properties()))));
            let held = cancelled_at(&stage, create, nth, to_its_end).await.expect("a Create has more writes than that");
            assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
            assert!(!held.succeeded(), "the Create was overtaken");
            stage
                .before
                .assert_same(&stage.world().await, &format!("after a Create that was cancelled at write {nth}"));
            stage.run(Stack::delete).await;
        }
    }
    stage.ends_clean().await;
}

/// An Update is cancelled: the rollback's Update comes while it runs. Whichever ends first, what stood before stands.
async fn an_update_is_cancelled(new: Value) {
    let stage = Stage::new().await;
    stage.created(&properties()).await;
    let before = stage.world().await;
    for to_its_end in [true, false] {
        for nth in MOMENTS {
            let update = one(stage.begin(|stack| stack.update(&template(&new))));
            if cancelled_at(&stage, update, nth, to_its_end).await.is_none() {
                // It has no more writes than that; back to where it began.
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
    stage.ends_clean().await;
}

#[tokio::test]
async fn an_update_in_place_that_is_rolled_back_while_it_runs_changes_nothing() {
    Box::pin(an_update_is_cancelled(in_place())).await;
}

#[tokio::test]
async fn a_replacement_that_is_rolled_back_while_it_runs_leaves_nothing() {
    Box::pin(an_update_is_cancelled(replacing())).await;
}

/// A Create is cancelled, its Delete comes and goes, and then the process dies over a last write: the redelivery of
/// the Create, which nobody wants any more, takes that one back.
#[tokio::test]
async fn what_was_made_behind_the_delete_goes_with_the_redelivery() {
    let stage = Stage::new().await;
    let create = one(stage.begin(|stack| stack.create(&template(&properties()))));
    let (before_all, first) = stage.hold(1);
    let delivery = Delivery::default();
    let mut dies = Box::pin(stage.engine.deliver(create.clone(), &delivery));
    tokio::select! {
        _ = &mut dies => panic!("a Create writes"),
        () = before_all.reached() => first.remove(),
    }
    stage.run(Stack::cancel).await;
    assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
    // The writes that were held are carried out, and the first of those that follow them kills the process.
    let attached = Hold::new();
    let rules = stage.scenario.cloud.gateway().rules();
    let rule = rules.add(When::call("iam", "AttachRolePolicy").once(), Effect::HoldAfter(attached.clone()));
    before_all.release();
    tokio::select! {
        _ = &mut dies => panic!("a Create attaches policies"),
        () = attached.reached() => drop(dies),
    }
    assert!(stage.scenario.cloud.gateway().journal().settled(Duration::from_secs(20)).await);
    rule.remove();
    assert!(stage.world().await.get("role/KarpenterNodeRole-demo").is_some(), "there is something to take back");

    let again = stage.engine.deliver(create, &delivery).await.unwrap();
    sound(&again);
    assert!(again.reason().contains("The new objects were deleted"), "{}", again.reason());
    stage.before.assert_same(&stage.world().await, "after the redelivery");
    stage.run(Stack::delete).await;
    stage.ends_clean().await;
}
