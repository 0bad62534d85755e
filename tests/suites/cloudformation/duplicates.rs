//! Duplicate deliveries. Lambda delivers an event at least once, not at most once.

use local_cloud::{
    cloudformation::{Delivered, Delivery, Kind, Request, Stack, Template},
    gateway::{Effect, When},
};

use super::{PREREQS, Stage, assert_sound, in_place, properties, replacing, single, template};

/// Delivers a request several times at once, and the events that follow once. All must succeed.
async fn deliver_copies(stage: &Stage, request: Request, copies: usize) {
    let delivery = Delivery { copies, ..Delivery::default() };
    let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
    assert_sound(&delivered);
    assert!(delivered.succeeded(), "{}\n{}", delivered.reason(), delivered.log_text());
    stage.engine.deliver_all(delivered.next).await.unwrap().iter().for_each(assert_sound);
}

/// Two or three deliveries of one event at the same time have the same result as one, and equal responses.
#[tokio::test]
async fn concurrent_deliveries_have_same_result_as_one() {
    let stage = Stage::new().await;
    for copies in [2, 3] {
        stage.create(&properties()).await;
        let created = stage.world().await;
        for new in [in_place(), replacing()] {
            stage.run(|stack| stack.update(&template(&new))).await;
            let updated = stage.world().await;
            stage.run(|stack| stack.update(&template(&properties()))).await;
            let request = single(stage.begin(|stack| stack.update(&template(&new))));
            deliver_copies(&stage, request, copies).await;
            updated.assert_same(&stage.world().await, &format!("after {copies} Updates to {new} at once"));
            stage.run(|stack| stack.update(&template(&properties()))).await;
        }
        let request = single(stage.begin(Stack::delete));
        deliver_copies(&stage, request, copies).await;
        stage.before.assert_same(&stage.world().await, &format!("after {copies} Deletes at once"));
        let request = single(stage.begin(|stack| stack.create(&template(&properties()))));
        deliver_copies(&stage, request, copies).await;
        created.assert_same(&stage.world().await, &format!("after {copies} Creates at once"));
        stage.run(Stack::delete).await;
    }
    stage.delete_and_compare().await;
}

/// A duplicate that Lambda delivers after later operations changes nothing. Examples are a Create after Updates, an Update
/// after another, a Delete of A after A → B → A, and each of them after the stack was deleted.
#[tokio::test]
async fn late_duplicates_change_nothing() {
    let stage = Stage::new().await;
    let mut ended: Vec<Delivered> = Vec::new();
    for new in [properties(), in_place(), replacing(), properties(), in_place()] {
        let existing = stage.engine.stack(&stage.stack, |stack| stack.existing().count());
        ended.extend(if existing == 0 {
            stage.run(|stack| stack.create(&template(&new))).await
        } else {
            stage.run(|stack| stack.update(&template(&new))).await
        });
        deliver_late(&stage, &ended).await;
    }
    let kinds = |kind| ended.iter().filter(|delivered| delivered.request.kind == kind).count();
    // The replacement and the way back deleted two ids. One of them is the current id again.
    assert_eq!((kinds(Kind::Create), kinds(Kind::Update), kinds(Kind::Delete)), (1, 4, 2));
    ended.extend(stage.run(Stack::delete).await);
    deliver_late(&stage, &ended).await;
    stage.delete_and_compare().await;
}

/// Two late duplicates of a Create run at the same time, and only one gets the stack's status from CloudFormation. That one
/// reports a late duplicate. The other uses the event's date, and finds the account in line. Neither changes anything.
#[tokio::test]
async fn late_duplicates_without_stack_status_change_nothing() {
    let stage = Stage::new().await;
    let created = stage.run(|stack| stack.create(&template(&properties()))).await.remove(0);
    let before = stage.world().await;
    let rules = stage.scenario.cloud.gateway().rules();
    // Calls 1 and 3 are one delivery and its retry. Call 2 is the other delivery.
    for nth in [1, 3] {
        rules.add(When::call("cloudformation", "DescribeStackEvents").nth(nth), Effect::Hang);
    }
    let delivery = Delivery { copies: 2, ..Delivery::default() };
    let delivered = stage.engine.deliver_late(&created, &delivery).await.unwrap();
    assert_sound(&delivered);
    let puts = delivered.response.iter().flat_map(|response| &response.puts);
    let mut bodies: Vec<_> = puts.map(|put| String::from_utf8_lossy(&put.body).contains("a late duplicate")).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [false, true], "{}", delivered.log_text());
    before.assert_same(&stage.world().await, "after the duplicates");
    stage.delete_and_compare().await;
}

/// A Create is cancelled, and its Delete has an id that CloudFormation generated. A late duplicate of that Delete arrives
/// after the same resource was created again, and does not change it.
#[tokio::test]
async fn late_delete_of_generated_id_keeps_new_resource() {
    let stage = Stage::new().await;
    stage.create(&properties()).await;
    let both = Template::from([(PREREQS.to_owned(), properties()), ("Another".to_owned(), replacing())]);
    // The Create's event is dropped: the operation is cancelled before Lambda delivers it.
    stage.begin(|stack| stack.update(&both));
    let delete = single(stage.run(Stack::cancel).await);
    stage.run(|stack| stack.update(&both)).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    deliver_late(&stage, &[delete]).await;
    stage.delete_and_compare().await;
}

/// A rollback's own Update is delivered twice. One delivery continues after the other has completed the rollback. It does not
/// take the status of its own rollback for a cancellation, so it does not apply the new properties again.
#[tokio::test]
async fn superseded_rollback_update_changes_nothing() {
    let stage = Stage::new().await;
    stage.create(&properties()).await;
    let before = stage.world().await;
    stage.update_before_others(&in_place()).await;
    let back = single(stage.begin(Stack::cancel));
    deliver_superseded(&stage, back, async || assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE")).await;
    before.assert_same(&stage.world().await, "after an Update whose rollback was delivered twice");
    stage.delete_and_compare().await;
}

/// A Delete is delivered twice. One delivery continues with its old snapshot when the other has deleted everything: it writes
/// departing markers again, EC2 shows them late, and it deletes them all the same.
#[tokio::test]
async fn superseded_delete_removes_its_departing_markers() {
    let stage = Stage::new().await;
    stage.create(&properties()).await;
    let delete = single(stage.begin(Stack::delete));
    let delivered = deliver_superseded(&stage, delete, async || {
        stage.before.assert_same(&stage.world().await, "after the second delivery");
        for operation in ["DescribeSubnets", "DescribeSecurityGroups"] {
            let untagged = Effect::rewrite(|_, response| {
                let text = response.text().replace("karpenter-prereqs/", "not-shown-yet/");
                response.body = text.into();
            });
            stage.scenario.cloud.gateway().rules().add(When::call("ec2", operation).once(), untagged);
        }
    })
    .await;
    assert!(delivered.log_text().contains("announce on"), "it writes departing markers: {}", delivered.log_text());
    stage.delete_and_compare().await;
}

/// Late duplicates of events whose effect was undone later:
///
/// - The Create of a resource that the template no longer has. CloudFormation does not show that resource, but its stack is
///   at rest.
/// - A rollback's own Update after the stack was deleted. The rollback's status does not count against it, because the event
///   belongs to that rollback. The deletion counts.
#[tokio::test]
async fn late_duplicates_after_rollback_or_removal_change_nothing() {
    let stage = Stage::new().await;
    stage.create(&properties()).await;
    let mut with_another = template(&properties());
    with_another.insert("Another".to_owned(), replacing());
    let created = single(stage.run(|stack| stack.update(&with_another)).await);
    assert_eq!((stage.status(), created.request.kind), ("UPDATE_COMPLETE", Kind::Create));
    stage.run(|stack| stack.update(&template(&properties()))).await;
    stage.run(|stack| stack.update(&template(&in_place()))).await;
    deliver_late(&stage, std::slice::from_ref(&created)).await;

    stage.update_before_others(&properties()).await;
    let back = single(stage.run(Stack::cancel).await);
    assert_eq!((stage.status(), back.request.kind), ("UPDATE_ROLLBACK_COMPLETE", Kind::Update));
    stage.run(Stack::delete).await;
    deliver_late(&stage, &[created, back]).await;
    stage.delete_and_compare().await;
}

/// Delivers each of these events once more. Asserts that nothing changes.
async fn deliver_late(stage: &Stage, ended: &[Delivered]) {
    let before = stage.world().await;
    for earlier in ended {
        let again = stage.engine.deliver_late(earlier, &Delivery::default()).await.unwrap();
        assert_sound(&again);
        let what = format!("after a late {:?} of {:?}", earlier.request.kind, earlier.request.physical_resource_id);
        before.assert_same(&stage.world().await, &what);
    }
}

/// Delivers a request twice. One delivery is held at its first write, until the stack is at rest after the other delivery
/// and `meanwhile` is complete. Returns the delivery that was held.
async fn deliver_superseded(stage: &Stage, request: Request, meanwhile: impl AsyncFnOnce()) -> Delivered {
    let (barrier, rule) = stage.hold(1);
    let delivery = Delivery::default();
    let mut held = Box::pin(stage.engine.deliver(request.clone(), &delivery));
    tokio::select! {
        _ = &mut held => panic!("it writes"),
        () = barrier.reached() => rule.remove(),
    }
    stage.run(|_| vec![request]).await;
    meanwhile().await;
    barrier.release();
    let delivered = held.await.unwrap();
    assert_sound(&delivered);
    delivered
}
