//! Rollbacks of a stack, in each mode that was observed in CloudFormation, and two resources that write one discovery tag.

use std::{collections::BTreeSet, time::Duration};

use local_cloud::{
    cloudformation::{Delivered, Delivery, Kind, Request, Rollback, Stack, Template},
    gateway::{Effect, Hold, When},
    scenario::CLUSTER,
};
use serde_json::{Value, json};

use super::{Stage, in_place, properties, replacing, single, template};

/// Returns a template with the resource, and with a second resource that has the properties `sibling`.
fn with_sibling(properties: &Value, sibling: &Value) -> Template {
    let mut template = template(properties);
    template.insert("Sibling".to_owned(), sibling.clone());
    template
}

/// Properties of a valid second resource in the same stack, on the same cluster.
fn sibling() -> Value {
    json!({"ClusterName": CLUSTER, "NodeRoleName": "sibling-nodes", "ControllerRoleName": "sibling-controller"})
}

/// Properties of a second resource that fails its preflight checks.
fn bad_sibling() -> Value {
    json!({"ClusterName": CLUSTER, "NodeRoleName": "sibling-nodes", "ControllerRoleName": "no such*name"})
}

/// Splits events into those of the resource and those of its sibling.
fn split_requests(requests: Vec<Request>) -> (Vec<Request>, Vec<Request>) {
    requests.into_iter().partition(|request| request.logical_resource_id() == super::PREREQS)
}

/// Completes an Update of the resource to `new`. Then its sibling fails, and the stack rolls back. Returns the deliveries of
/// the sibling's event and of the rollback.
async fn update_and_roll_back(stage: &Stage, new: &Value) -> Vec<Delivered> {
    let requests = stage.begin(|stack| stack.update(&with_sibling(new, &bad_sibling())));
    let (ours, sibling) = split_requests(requests);
    assert!(single(stage.engine.deliver_all(ours).await.unwrap()).succeeded());
    let ended = stage.engine.deliver_all(sibling).await.unwrap();
    ended.iter().for_each(super::assert_sound);
    assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE");
    ended
}

/// Another resource of the stack fails after the Update of this one succeeded. Both rollback modes restore the account.
#[tokio::test]
async fn update_with_failing_sibling_rolls_back_in_both_modes() {
    for rollback in [Rollback::UpdateBack, Rollback::DeleteNew] {
        let stage = Stage::with(|stack| stack.rolled_back_by(rollback)).await;
        stage.run(|stack| stack.create(&with_sibling(&properties(), &sibling()))).await;
        assert_eq!(stage.status(), "CREATE_COMPLETE");
        let before = stage.world().await;
        for new in [in_place(), replacing()] {
            let ended = update_and_roll_back(&stage, &new).await;
            let deletes = ended.iter().filter(|delivered| delivered.request.kind == Kind::Delete).count();
            assert_eq!(deletes, usize::from(new == replacing()), "the new id is deleted");
            before.assert_same(&stage.world().await, &format!("after {new} and {rollback:?}"));
        }
        stage.delete_and_compare().await;
    }
}

/// A tag that only an undone generation asked for stays on a shared role if CloudFormation sent no Update back. It stays
/// until an Update has the tag in its properties, even if that Update is rolled back too.
#[tokio::test]
async fn leftovers_of_undone_generation_are_removed_by_later_update() {
    let stage = Stage::with(|stack| stack.rolled_back_by(Rollback::DeleteNew)).await;
    stage.run(|stack| stack.create(&with_sibling(&properties(), &sibling()))).await;
    let before = stage.world().await;
    let team = async || {
        let tags = stage.world().await.json("role/KarpenterControllerRole-demo")["tags"].take();
        tags["team"].as_str().map(str::to_owned)
    };
    let mut shared_controller = in_place();
    shared_controller["NodeRoleName"] = json!("others");
    update_and_roll_back(&stage, &shared_controller).await;
    assert_eq!(team().await.as_deref(), Some("platform"), "a Delete does not know who else asks for the tag");
    let again = json!({"ClusterName": CLUSTER, "Revision": "2"});
    stage.run(|stack| stack.update(&with_sibling(&again, &sibling()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    assert_eq!(team().await.as_deref(), Some("platform"), "neither the new nor the old properties have the tag");
    update_and_roll_back(&stage, &in_place()).await;
    before.assert_same(&stage.world().await, "after the rollback of an Update with the tag");
    stage.delete_and_compare().await;
}

/// Two resources want different values of one discovery tag, and both read the subnets before either writes. The second
/// write replaces the value of the first resource, which has already succeeded. The second resource notices that, restores
/// the first value, and fails.
#[tokio::test]
async fn concurrent_tag_claims_last_writer_backs_off() {
    let stage = Stage::new().await;
    let mut rival = sibling();
    rival["DiscoveryTagValue"] = json!("rival");
    let requests = stage.begin(|stack| stack.create(&with_sibling(&properties(), &rival)));
    let (ours, siblings) = split_requests(requests);
    let barrier = Hold::new();
    let rules = stage.scenario.cloud.gateway().rules();
    let rule = rules.add(When::call("ec2", "CreateTags"), Effect::HoldBefore(barrier.clone()));
    let delivery = Delivery::default();
    let mut held = Box::pin(stage.engine.deliver(single(siblings), &delivery));
    tokio::select! {
        _ = &mut held => panic!("it tags"),
        () = barrier.reached() => rule.remove(),
    }
    assert!(single(stage.engine.deliver_all(ours).await.unwrap()).succeeded());
    barrier.release();
    let lost = held.await.unwrap();
    super::assert_sound(&lost);
    assert!(lost.reason().contains("got another value of the tag"), "{}", lost.reason());
    let world = stage.world().await;
    for id in &stage.scenario.cluster.subnet_ids {
        assert_eq!(world.json(id)["karpenter.sh/discovery"], "demo", "{id}");
    }
    stage.engine.deliver_all(lost.next).await.unwrap().iter().for_each(super::assert_sound);
    assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
    stage.delete_and_compare().await;
}

/// Two resources want different values of one discovery tag, and write it at the same time. Each finds the marker of the
/// other, and both remove their tag. Both retry, and one of them gets the tag, also if EC2 is slow. The other leaves the
/// subnets out with `TagConflict` `Skip`, and fails with `Fail`.
#[tokio::test]
async fn concurrent_tag_writes_leave_exactly_one_value() {
    for (conflict, slow) in [("Skip", None), ("Fail", None), ("Skip", Some(Duration::from_secs(1)))] {
        let stage = Stage::new().await;
        let (mut ours, mut rival) = (properties(), sibling());
        rival["DiscoveryTagValue"] = json!("rival");
        ours["TagConflict"] = json!(conflict);
        rival["TagConflict"] = json!(conflict);
        let requests = stage.begin(|stack| stack.create(&with_sibling(&ours, &rival)));
        let barriers = [Hold::new(), Hold::new()];
        let rules = stage.scenario.cloud.gateway().rules();
        for (nth, barrier) in barriers.iter().enumerate() {
            let when = When::call("ec2", "CreateTags").nth(nth + 1);
            rules.add(when, Effect::HoldBefore(barrier.clone()));
        }
        if let Some(slow) = slow {
            rules.add(When::service("ec2"), Effect::Delay(slow));
        }
        let delivery = Delivery::default();
        let both = requests.into_iter().map(|request| stage.engine.deliver(request, &delivery));
        let release = async {
            for barrier in &barriers {
                barrier.reached().await;
            }
            barriers.iter().for_each(Hold::release);
        };
        let (both, ()) = futures::join!(futures::future::try_join_all(both), release);
        let both = both.unwrap();
        both.iter().for_each(super::assert_sound);
        let succeeded = both.iter().filter(|delivered| delivered.succeeded()).count();
        let reasons: Vec<_> = both.iter().map(|delivered| delivered.reason().to_owned()).collect();
        assert_eq!(succeeded, if conflict == "Skip" { 2 } else { 1 }, "{reasons:?}");
        let world = stage.world().await;
        let tags: BTreeSet<_> = stage
            .scenario
            .cluster
            .subnet_ids
            .iter()
            .map(|id| world.json(id)["karpenter.sh/discovery"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert!(tags.len() == 1 && !tags.contains(""), "{tags:?}");
        let next = both.into_iter().flat_map(|delivered| delivered.next).collect();
        stage.engine.deliver_all(next).await.unwrap().iter().for_each(super::assert_sound);
        stage.delete_and_compare().await;
    }
}

/// A replacement fails at one of its calls. CloudFormation never deletes the new id, so the function removes the new objects
/// before it responds. The rollback's Update finds the account as before.
#[tokio::test]
async fn failed_replacement_leaves_nothing() {
    let stage = Stage::new().await;
    let id = stage.create(&properties()).await;
    let before = stage.world().await;
    for (service, operation) in
        [("iam", "AddRoleToInstanceProfile"), ("iam", "PutRolePolicy"), ("ec2", "CreateTags"), ("kubernetes", "update")]
    {
        let denied = stage.deny(service, operation);
        let update = single(stage.begin(|stack| stack.update(&template(&replacing()))));
        let failed = stage.engine.deliver(update, &Delivery::default()).await.unwrap();
        super::assert_sound(&failed);
        assert!(!failed.succeeded() && 0 < denied.hits(), "{operation}: {}", failed.log_text());
        assert_eq!(failed.response.as_ref().unwrap().physical_resource_id, id);
        before.assert_same(&stage.world().await, &format!("after a replacement without {service}:{operation}"));
        denied.remove();
        let back = single(failed.next);
        assert!(single(stage.engine.deliver_all(vec![back]).await.unwrap()).succeeded());
        assert_eq!((stage.status(), stage.id()), ("UPDATE_ROLLBACK_COMPLETE", id.clone()));
        before.assert_same(&stage.world().await, "after the rollback");
    }
    stage.delete_and_compare().await;
}

/// A Create fails, CloudFormation deletes the id of its response, and the stack is created again with the same
/// `RequestId`s. The function does not treat the second Create as a duplicate.
#[tokio::test]
async fn retried_deployment_with_same_request_ids_succeeds() {
    let stage = Stage::with(Stack::reusing_request_ids).await;
    let denied = stage.deny("iam", "PutRolePolicy");
    let ended = stage.run(|stack| stack.create(&template(&properties()))).await;
    assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
    assert!(ended[0].reason().contains("PutRolePolicy"), "{}", ended[0].reason());
    stage.before.assert_same(&stage.world().await, "after the rollback");
    denied.remove();
    stage.run(Stack::delete).await;
    let again = single(stage.run(|stack| stack.create(&template(&properties()))).await);
    assert_eq!(again.request.id(), ended[0].request.id());
    assert_eq!(stage.status(), "CREATE_COMPLETE");
    stage.delete_and_compare().await;
}

/// A sibling is added to the template and removed again, with other names and with the same names. A sibling that fails its
/// preflight checks is added too. The objects of the first resource stay the same.
#[tokio::test]
async fn sibling_added_and_removed_keeps_first_resource() {
    let stage = Stage::new().await;
    stage.create(&properties()).await;
    let alone = stage.world().await;
    stage.run(|stack| stack.update(&with_sibling(&properties(), &sibling()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    stage.run(|stack| stack.update(&template(&properties()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    alone.assert_same(&stage.world().await, "after the sibling");
    // A sibling with the same names shares all objects. They stay when the sibling is deleted.
    stage.run(|stack| stack.update(&with_sibling(&properties(), &properties()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    stage.run(|stack| stack.update(&template(&properties()))).await;
    alone.assert_same(&stage.world().await, "after a sibling that shared all");
    // A sibling that fails its preflight checks removes nothing of the first resource.
    stage.run(|stack| stack.update(&with_sibling(&properties(), &bad_sibling()))).await;
    assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE");
    alone.assert_same(&stage.world().await, "after a sibling that failed its preflight checks");
    stage.delete_and_compare().await;
}
