//! Rollbacks of a stack, in each mode that was observed in CloudFormation.

use local_cloud::{
    cloudformation::{Delivered, Delivery, Kind, Rollback, Stack},
    scenario::CLUSTER,
};
use serde_json::{Value, json};

use super::{
    Stage, assert_sound, in_place, properties, replacing, sibling, single, split_requests, template, with_sibling,
};

/// Properties of a second resource that fails its preflight checks.
fn bad_sibling() -> Value {
    json!({"ClusterName": CLUSTER, "NodeRoleName": "sibling-nodes", "ControllerRoleName": "no such*name"})
}

/// Completes an Update of the resource to `new`. Then its sibling fails, and the stack rolls back. Returns the deliveries of
/// the sibling's event and of the rollback.
async fn update_and_roll_back(stage: &Stage, new: &Value) -> Vec<Delivered> {
    let requests = stage.begin(|stack| stack.update(&with_sibling(new, &bad_sibling())));
    let (ours, sibling) = split_requests(requests);
    assert!(single(stage.engine.deliver_all(ours).await.unwrap()).succeeded());
    let ended = stage.engine.deliver_all(sibling).await.unwrap();
    ended.iter().for_each(assert_sound);
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
        assert_sound(&failed);
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
