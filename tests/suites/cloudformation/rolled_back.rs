//! A stack goes back, in each of the ways that were seen.

use std::{collections::BTreeSet, time::Duration};

use local_cloud::{
    cloudformation::{Delivered, Delivery, Kind, Request, Rollback, Stack, Template},
    gateway::{Effect, Hold, When},
    scenario::CLUSTER,
};
use serde_json::{Value, json};

use super::{Stage, in_place, one, properties, replacing, template};

/// A template in which a second resource asks for what cannot be.
fn with_a_sibling(properties: &Value, sibling: &Value) -> Template {
    let mut template = template(properties);
    template.insert("Sibling".to_owned(), sibling.clone());
    template
}

/// A good sibling of the same stack on the same cluster.
fn sibling() -> Value {
    json!({"ClusterName": CLUSTER, "NodeRoleName": "sibling-nodes", "ControllerRoleName": "sibling-controller"})
}

/// A sibling that is refused.
fn bad_sibling() -> Value {
    json!({"ClusterName": CLUSTER, "NodeRoleName": "sibling-nodes", "ControllerRoleName": "no such*name"})
}

fn ours_and_the_siblings(requests: Vec<Request>) -> (Vec<Request>, Vec<Request>) {
    requests.into_iter().partition(|request| request.logical_resource_id() == super::PREREQS)
}

/// Our resource is updated, to its end; then its sibling fails. Gives the sibling's event, and those of the rollback.
async fn updated_and_rolled_back(stage: &Stage, new: &Value) -> Vec<Delivered> {
    let requests = stage.begin(|stack| stack.update(&with_a_sibling(new, &bad_sibling())));
    let (ours, sibling) = ours_and_the_siblings(requests);
    assert!(one(stage.engine.settle(ours).await.unwrap()).succeeded());
    let ended = stage.engine.settle(sibling).await.unwrap();
    ended.iter().for_each(super::sound);
    assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE");
    ended
}

/// An update fails elsewhere in the stack when ours is done: in both ways of going back, what stood before it stands,
/// and nothing else.
#[tokio::test]
async fn an_update_whose_sibling_fails_goes_back_in_both_ways() {
    for rollback in [Rollback::UpdateBack, Rollback::DeleteNew] {
        let stage = Stage::with(|stack| stack.rolled_back_by(rollback)).await;
        stage.run(|stack| stack.create(&with_a_sibling(&properties(), &sibling()))).await;
        assert_eq!(stage.status(), "CREATE_COMPLETE");
        let before = stage.world().await;
        for new in [in_place(), replacing()] {
            let ended = updated_and_rolled_back(&stage, &new).await;
            let deletes = ended.iter().filter(|delivered| delivered.request.kind == Kind::Delete).count();
            assert_eq!(deletes, usize::from(new == replacing()), "the new id is deleted");
            before.assert_same(&stage.world().await, &format!("after {new} and {rollback:?}"));
        }
        stage.ends_clean().await;
    }
}

/// What only an undone generation asked for on a role that another has too stays, until an Update names it, though that
/// one is rolled back.
#[tokio::test]
async fn what_was_undone_without_an_update_goes_when_an_update_names_it() {
    let stage = Stage::with(|stack| stack.rolled_back_by(Rollback::DeleteNew)).await;
    stage.run(|stack| stack.create(&with_a_sibling(&properties(), &sibling()))).await;
    let before = stage.world().await;
    let team = async || {
        let tags = stage.world().await.json("role/KarpenterControllerRole-demo")["tags"].take();
        tags["team"].as_str().map(str::to_owned)
    };
    let mut shares_the_controller = in_place();
    shares_the_controller["NodeRoleName"] = json!("others");
    updated_and_rolled_back(&stage, &shares_the_controller).await;
    assert_eq!(team().await.as_deref(), Some("platform"), "its Delete cannot tell who else asks for it");
    let again = json!({"ClusterName": CLUSTER, "Revision": "2"});
    stage.run(|stack| stack.update(&with_a_sibling(&again, &sibling()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    assert_eq!(team().await.as_deref(), Some("platform"), "neither its new nor its old properties name it");
    updated_and_rolled_back(&stage, &in_place()).await;
    before.assert_same(&stage.world().await, "after an Update that names it went back");
    stage.ends_clean().await;
}

/// Two want another value of one tag at the same moment, and each has seen none: the one that wrote last has written
/// over the other, which CloudFormation was told has succeeded. It gives the tag back, and fails.
#[tokio::test]
async fn of_two_that_take_a_discovery_tag_at_once_the_last_gives_it_back() {
    let stage = Stage::new().await;
    let mut rival = sibling();
    rival["DiscoveryTagValue"] = json!("rival");
    let requests = stage.begin(|stack| stack.create(&with_a_sibling(&properties(), &rival)));
    let (ours, theirs) = ours_and_the_siblings(requests);
    let door = Hold::new();
    let rules = stage.scenario.cloud.gateway().rules();
    let rule = rules.add(When::call("ec2", "CreateTags"), Effect::HoldBefore(door.clone()));
    let delivery = Delivery::default();
    let mut held = Box::pin(stage.engine.deliver(one(theirs), &delivery));
    tokio::select! {
        _ = &mut held => panic!("it tags"),
        () = door.reached() => rule.remove(),
    }
    assert!(one(stage.engine.settle(ours).await.unwrap()).succeeded());
    door.release();
    let lost = held.await.unwrap();
    super::sound(&lost);
    assert!(lost.reason().contains("got another value of the tag"), "{}", lost.reason());
    let world = stage.world().await;
    for id in &stage.scenario.cluster.subnet_ids {
        assert_eq!(world.json(id)["karpenter.sh/discovery"], "demo", "{id}");
    }
    stage.engine.settle(lost.next).await.unwrap().iter().for_each(super::sound);
    assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
    stage.ends_clean().await;
}

/// Two want another value of one tag, and write it at the same moment: each finds the other's marker, and both remove their tag.
/// Both try again, and one has it, however slow EC2 is. The other leaves the subnets out if `TagConflict` is `Skip`, and fails if
/// it is `Fail`.
#[tokio::test]
async fn of_two_that_write_a_discovery_tag_at_once_one_has_it() {
    for (conflict, slow) in [("Skip", None), ("Fail", None), ("Skip", Some(Duration::from_secs(1)))] {
        let stage = Stage::new().await;
        let (mut ours, mut rival) = (properties(), sibling());
        rival["DiscoveryTagValue"] = json!("rival");
        ours["TagConflict"] = json!(conflict);
        rival["TagConflict"] = json!(conflict);
        let requests = stage.begin(|stack| stack.create(&with_a_sibling(&ours, &rival)));
        let doors = [Hold::new(), Hold::new()];
        let rules = stage.scenario.cloud.gateway().rules();
        for (nth, door) in doors.iter().enumerate() {
            let when = When::call("ec2", "CreateTags").nth(nth + 1);
            rules.add(when, Effect::HoldBefore(door.clone()));
        }
        if let Some(slow) = slow {
            rules.add(When::service("ec2"), Effect::Delay(slow));
        }
        let delivery = Delivery::default();
        let both = requests.into_iter().map(|request| stage.engine.deliver(request, &delivery));
        let release = async {
            for door in &doors {
                door.reached().await;
            }
            doors.iter().for_each(Hold::release);
        };
        let (both, ()) = futures::join!(futures::future::try_join_all(both), release);
        let both = both.unwrap();
        both.iter().for_each(super::sound);
        let succeeded = both.iter().filter(|delivered| delivered.succeeded()).count();
        let told: Vec<_> = both.iter().map(|delivered| delivered.reason().to_owned()).collect();
        assert_eq!(succeeded, if conflict == "Skip" { 2 } else { 1 }, "{told:?}");
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
        stage.engine.settle(next).await.unwrap().iter().for_each(super::sound);
        stage.ends_clean().await;
    }
}

/// A replacement fails halfway: CloudFormation never deletes its new id, and nothing of it is left, even before the
/// rollback's Update.
#[tokio::test]
async fn a_replacement_that_fails_leaves_nothing() {
    let stage = Stage::new().await;
    let id = stage.created(&properties()).await;
    let before = stage.world().await;
    for (service, operation) in
        [("iam", "AddRoleToInstanceProfile"), ("iam", "PutRolePolicy"), ("ec2", "CreateTags"), ("kubernetes", "update")]
    {
        let denied = stage.deny(service, operation);
        let update = one(stage.begin(|stack| stack.update(&template(&replacing()))));
        let failed = stage.engine.deliver(update, &Delivery::default()).await.unwrap();
        super::sound(&failed);
        assert!(!failed.succeeded() && 0 < denied.hits(), "{operation}: {}", failed.log_text());
        assert_eq!(failed.response.as_ref().unwrap().physical_resource_id, id);
        before.assert_same(&stage.world().await, &format!("after a replacement without {service}:{operation}"));
        denied.remove();
        let back = one(failed.next);
        assert!(one(stage.engine.settle(vec![back]).await.unwrap()).succeeded());
        assert_eq!((stage.status(), stage.id()), ("UPDATE_ROLLBACK_COMPLETE", id.clone()));
        before.assert_same(&stage.world().await, "after the rollback");
    }
    stage.ends_clean().await;
}

/// A Create fails, is deleted under the id of its answer, and the stack is created again: with the very `RequestId`s
/// of the first time, which says nothing.
#[tokio::test]
async fn a_deployment_is_tried_again_with_the_same_request_ids() {
    let stage = Stage::with(Stack::reusing_request_ids).await;
    let denied = stage.deny("iam", "PutRolePolicy");
    let ended = stage.run(|stack| stack.create(&template(&properties()))).await;
    assert_eq!(stage.status(), "ROLLBACK_COMPLETE");
    assert!(ended[0].reason().contains("PutRolePolicy"), "{}", ended[0].reason());
    stage.before.assert_same(&stage.world().await, "after the rollback");
    denied.remove();
    stage.run(Stack::delete).await;
    let again = one(stage.run(|stack| stack.create(&template(&properties()))).await);
    assert_eq!(again.request.id(), ended[0].request.id());
    assert_eq!(stage.status(), "CREATE_COMPLETE");
    stage.ends_clean().await;
}

/// Resources come and go with the template, and an addition that fails takes nothing of the others with it.
#[tokio::test]
async fn a_resource_comes_and_goes_beside_another() {
    let stage = Stage::new().await;
    stage.created(&properties()).await;
    let alone = stage.world().await;
    stage.run(|stack| stack.update(&with_a_sibling(&properties(), &sibling()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    stage.run(|stack| stack.update(&template(&properties()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    alone.assert_same(&stage.world().await, "after the sibling");
    // The same names as ours: shared, and still ours when the sibling goes.
    stage.run(|stack| stack.update(&with_a_sibling(&properties(), &properties()))).await;
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    stage.run(|stack| stack.update(&template(&properties()))).await;
    alone.assert_same(&stage.world().await, "after a sibling that shared all");
    // What cannot be is refused, and takes nothing of ours with it.
    stage.run(|stack| stack.update(&with_a_sibling(&properties(), &bad_sibling()))).await;
    assert_eq!(stage.status(), "UPDATE_ROLLBACK_COMPLETE");
    alone.assert_same(&stage.world().await, "after a sibling that was refused");
    stage.ends_clean().await;
}
