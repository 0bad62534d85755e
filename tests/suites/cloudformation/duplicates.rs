//! Lambda delivers an event once at least, not once at most.

use local_cloud::{
    cloudformation::{Delivered, Delivery, Kind, Request, Stack, Template},
    gateway::{Effect, When},
};

use super::{PREREQS, Stage, in_place, one, properties, replacing, sound, template};

/// Delivers a request several times at once, and what comes of it once.
async fn in_copies(stage: &Stage, request: Request, copies: usize) {
    let delivery = Delivery { copies, ..Delivery::default() };
    let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
    sound(&delivered);
    assert!(delivered.succeeded(), "{}\n{}", delivered.reason(), delivered.log_text());
    stage.engine.settle(delivered.next).await.unwrap().iter().for_each(sound);
}

/// Two and three deliveries side by side come to what one comes to, and their answers are the same.
#[tokio::test]
async fn deliveries_side_by_side_come_to_what_one_comes_to() {
    let stage = Stage::new().await;
    for copies in [2, 3] {
        stage.created(&properties()).await;
        let created = stage.world().await;
        for new in [in_place(), replacing()] {
            stage.run(|stack| stack.update(&template(&new))).await;
            let updated = stage.world().await;
            stage.run(|stack| stack.update(&template(&properties()))).await;
            let request = one(stage.begin(|stack| stack.update(&template(&new))));
            in_copies(&stage, request, copies).await;
            updated.assert_same(&stage.world().await, &format!("after {copies} Updates to {new} at once"));
            stage.run(|stack| stack.update(&template(&properties()))).await;
        }
        let request = one(stage.begin(Stack::delete));
        in_copies(&stage, request, copies).await;
        stage.before.assert_same(&stage.world().await, &format!("after {copies} Deletes at once"));
        let request = one(stage.begin(|stack| stack.create(&template(&properties()))));
        in_copies(&stage, request, copies).await;
        created.assert_same(&stage.world().await, &format!("after {copies} Creates at once"));
        stage.run(Stack::delete).await;
    }
    stage.ends_clean().await;
}

/// A duplicate that comes when the stack has long gone on changes nothing: a Create after Updates, an Update after
/// another, a Delete of A after A → B → A, and all of them after the end.
#[tokio::test]
async fn late_duplicates_change_nothing() {
    let stage = Stage::new().await;
    let mut ended: Vec<Delivered> = Vec::new();
    for new in [properties(), in_place(), replacing(), properties(), in_place()] {
        let standing = stage.engine.stack(&stage.stack, |stack| stack.existing().count());
        ended.extend(if standing == 0 {
            stage.run(|stack| stack.create(&template(&new))).await
        } else {
            stage.run(|stack| stack.update(&template(&new))).await
        });
        late(&stage, &ended).await;
    }
    let kinds = |kind| ended.iter().filter(|delivered| delivered.request.kind == kind).count();
    // The way over the replacement and back deleted two ids, and one of them is the current one again.
    assert_eq!((kinds(Kind::Create), kinds(Kind::Update), kinds(Kind::Delete)), (1, 4, 2));
    ended.extend(stage.run(Stack::delete).await);
    late(&stage, &ended).await;
    stage.ends_clean().await;
}

/// Two late duplicates of a Create come at once, and CloudFormation answers only one: it says that it is a late duplicate. The
/// other goes by the event's date, and finds everything as it should be. Neither changes anything.
#[tokio::test]
async fn late_duplicates_of_which_one_is_without_an_answer_change_nothing() {
    let stage = Stage::new().await;
    let created = stage.run(|stack| stack.create(&template(&properties()))).await.remove(0);
    let before = stage.world().await;
    let rules = stage.scenario.cloud.gateway().rules();
    // The second call is the other delivery's, and the third is the retry.
    for nth in [1, 3] {
        rules.add(When::call("cloudformation", "DescribeStackEvents").nth(nth), Effect::Hang);
    }
    let delivery = Delivery { copies: 2, ..Delivery::default() };
    let delivered = stage.engine.deliver_late(&created, &delivery).await.unwrap();
    sound(&delivered);
    let puts = delivered.response.iter().flat_map(|response| &response.puts);
    let mut bodies: Vec<_> = puts.map(|put| String::from_utf8_lossy(&put.body).contains("a late duplicate")).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [false, true], "{}", delivered.log_text());
    before.assert_same(&stage.world().await, "after the duplicates");
    stage.ends_clean().await;
}

/// A Create is cancelled, and its Delete has an id that CloudFormation made up. That Delete comes once more when the
/// same resource was made after all, and leaves it alone.
#[tokio::test]
async fn a_late_delete_under_an_id_made_up_leaves_what_was_made_after_it() {
    let stage = Stage::new().await;
    stage.created(&properties()).await;
    let both = Template::from([(PREREQS.to_owned(), properties()), ("Another".to_owned(), replacing())]);
    // Given up before Lambda had delivered it.
    stage.begin(|stack| stack.update(&both));
    let delete = one(stage.run(Stack::cancel).await);
    stage.run(|stack| stack.update(&both)).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    late(&stage, &[delete]).await;
    stage.ends_clean().await;
}

/// A rollback's own Update is delivered twice, and one of the two goes on when the other has brought the stack to rest:
/// the rollback's end does not speak against it.
#[tokio::test]
async fn a_rollbacks_update_that_its_duplicate_overtakes_puts_nothing_forward_again() {
    let stage = Stage::new().await;
    stage.created(&properties()).await;
    let before = stage.world().await;
    stage.updates_before_others(&in_place()).await;
    let back = one(stage.begin(Stack::cancel));
    overtaken(&stage, back, async || assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE")).await;
    before.assert_same(&stage.world().await, "after an Update whose rollback was delivered twice");
    stage.ends_clean().await;
}

/// A Delete is delivered twice. One delivery continues with its old snapshot when the other has deleted everything: it writes
/// departing markers again, EC2 shows them late, and it deletes them all the same.
#[tokio::test]
async fn delete_that_its_duplicate_overtakes_deletes_its_departing_markers() {
    let stage = Stage::new().await;
    stage.created(&properties()).await;
    let delete = one(stage.begin(Stack::delete));
    let delivered = overtaken(&stage, delete, async || {
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
    stage.ends_clean().await;
}

/// A rollback's own Update comes once more when the stack was deleted: not the rollback, which it is of, but the
/// deletion speaks against it. So with the events of a resource that the template no longer has, which CloudFormation
/// does not show at all: its stack rests.
#[tokio::test]
async fn late_duplicates_of_what_was_undone_change_nothing() {
    let stage = Stage::new().await;
    stage.created(&properties()).await;
    let mut with_another = template(&properties());
    with_another.insert("Another".to_owned(), replacing());
    let made = one(stage.run(|stack| stack.update(&with_another)).await);
    assert_eq!((stage.status(), made.request.kind), ("UPDATE_COMPLETE", Kind::Create));
    stage.run(|stack| stack.update(&template(&properties()))).await;
    stage.run(|stack| stack.update(&template(&in_place()))).await;
    late(&stage, std::slice::from_ref(&made)).await;

    stage.updates_before_others(&properties()).await;
    let back = one(stage.run(Stack::cancel).await);
    assert_eq!((stage.status(), back.request.kind), ("UPDATE_ROLLBACK_COMPLETE", Kind::Update));
    stage.run(Stack::delete).await;
    late(&stage, &[made, back]).await;
    stage.ends_clean().await;
}

/// Delivers all of them once more: nothing changes.
async fn late(stage: &Stage, ended: &[Delivered]) {
    let before = stage.world().await;
    for earlier in ended {
        let again = stage.engine.deliver_late(earlier, &Delivery::default()).await.unwrap();
        sound(&again);
        let what = format!("after a late {:?} of {:?}", earlier.request.kind, earlier.request.physical_resource_id);
        before.assert_same(&stage.world().await, &what);
    }
}

/// Delivers a request twice. One delivery is held up at its first write, until the other has brought the stack to rest and
/// `meanwhile` is done.
async fn overtaken(stage: &Stage, request: Request, meanwhile: impl AsyncFnOnce()) -> Delivered {
    let (door, rule) = stage.hold(1);
    let delivery = Delivery::default();
    let mut held = Box::pin(stage.engine.deliver(request.clone(), &delivery));
    tokio::select! {
        _ = &mut held => panic!("it writes"),
        () = door.reached() => rule.remove(),
    }
    stage.run(|_| vec![request]).await;
    meanwhile().await;
    door.release();
    let delivered = held.await.unwrap();
    sound(&delivered);
    delivered
}
