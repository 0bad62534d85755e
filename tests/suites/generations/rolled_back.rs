//! Rollbacks after a replacement that succeeded, with every order in which CloudFormation may send the events.

use local_cloud::{
    gateway::When,
    lambda::Event,
    scenario::{CrashPoint, Scenario},
};
use serde_json::json;

use super::{client_error, create, delete, properties};

/// Another resource of the stack fails after this one was replaced, so the stack rolls back. CloudFormation sends an Update to
/// the old properties under the new id, under the old id, or no Update. It sends a Delete of the new id before that Update,
/// after it, or never. In each order, the account ends as before the replacement.
#[tokio::test]
async fn every_rollback_order_restores_account() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({}));
    let news = [
        json!({"NodeRoleName": "workers"}),
        json!({"ControllerRoleName": "controllers", "Tags": {"team": "platform"}}),
        json!({"InstanceProfileName": "workers", "DiscoveryTagKey": "team/discovery"}),
    ];
    for new in news.map(|new| properties(&new)) {
        let id = create(&mut scenario, &old).await;
        let before = scenario.world().await.unwrap();
        let resource = scenario.resource.clone();
        let back_from = |id: &str| resource.update(id, &old, &new);
        for model in ["back, then Delete", "Delete alone", "back alone", "Delete, then back"] {
            // Without an Update back, changes in place on shared objects cannot be undone.
            if model == "Delete alone" && new.get("Tags").is_some() {
                continue;
            }
            let updated = scenario.send(&resource.update(&id, &new, &old)).await.unwrap();
            let new_id = updated.succeeded().physical_resource_id.clone();
            let delete_new = resource.delete(&new_id, &new);
            let events: Vec<Event> = match model {
                "back, then Delete" => vec![back_from(&new_id), delete_new],
                "Delete alone" => vec![delete_new],
                // For CloudFormation the Update has failed, so it does not know the new id.
                "back alone" => vec![back_from(&id)],
                _ => vec![delete_new, back_from(&id)],
            };
            for event in events {
                let delivered = scenario.send(&event).await.unwrap();
                let returned_id = &delivered.succeeded().physical_resource_id;
                assert!([&id, &new_id].contains(&returned_id), "{returned_id}");
            }
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {model}, from {new}"));
            let again = scenario.send(&resource.update(&id, &old, &old)).await.unwrap();
            assert_eq!(again.wrote_nothing().succeeded().physical_resource_id, id);
        }
        delete(&mut scenario, &id, &old).await;
    }
}

/// A rollback's Update that fails removes nothing of the old or of the new generation. A retry of it restores the account.
#[tokio::test]
async fn failed_rollback_removes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({"Tags": {"team": "platform"}, "Namespace": "karpenter"}));
    let new = properties(&json!({"NodeRoleName": "workers", "Namespace": "kube-system"}));
    let id = create(&mut scenario, &old).await;
    let before = scenario.world().await.unwrap();
    let updated = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
    let new_id = updated.succeeded().physical_resource_id.clone();
    let names: Vec<String> = scenario.world().await.unwrap().names().map(str::to_owned).collect();
    let back = scenario.resource.update(&new_id, &old, &new);
    let rule = scenario.cloud.gateway().rules().add(When::call("iam", "UpdateAssumeRolePolicy"), client_error());
    let failed = scenario.send(&back).await.unwrap();
    failed.failed();
    assert_eq!(rule.hits(), 1);
    rule.remove();
    assert_eq!(failed.response.physical_resource_id, new_id);
    let world = scenario.world().await.unwrap();
    assert_eq!(world.names().collect::<Vec<_>>(), names, "after the rollback failed");
    assert!(world.get("aws-auth/mapRoles").unwrap().contains("role/KarpenterNodeRole-demo"));
    assert_eq!(scenario.send(&back).await.unwrap().succeeded().physical_resource_id, id);
    delete(&mut scenario, &new_id, &new).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the rollback");
}

/// The process of a replacement is killed at one of its writes, for each write in turn. CloudFormation gets no response, and
/// sends the rollback's Update under the old id. That Update removes what the killed run had created.
#[tokio::test]
async fn rollback_of_interrupted_replacement_restores_account() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({}));
    let new = properties(&json!({"NodeRoleName": "workers", "ControllerRoleName": "controllers"}));
    let id = create(&mut scenario, &old).await;
    let before = scenario.world().await.unwrap();
    let mut cuts = 0;
    loop {
        let cut = if cuts % 2 == 0 { CrashPoint::Before } else { CrashPoint::After };
        let update = scenario.resource.update(&id, &new, &old);
        if !scenario.send_and_crash(&update, When::write().nth(cuts + 1), cut).await.unwrap() {
            break;
        }
        cuts += 1;
        let back = scenario.send(&scenario.resource.update(&id, &old, &new)).await.unwrap();
        assert_eq!(back.succeeded().physical_resource_id, id);
        before.assert_same(&scenario.world().await.unwrap(), &format!("after a kill {cut:?} write {cuts}"));
    }
    assert!(10 < cuts, "only {cuts} writes");
}

/// A replacement is followed by a replacement back to the old names. The cleanup Deletes of both arrive late, in either order.
/// The generation that CloudFormation shows as the current one stays complete.
#[tokio::test]
async fn late_cleanups_after_update_and_back_keep_current_generation() {
    let mut scenario = Scenario::start().await.unwrap();
    let (one, two) =
        (properties(&json!({})), properties(&json!({"NodeRoleName": "workers", "ControllerRoleName": "controllers"})));
    for newest_first in [false, true] {
        let id = create(&mut scenario, &one).await;
        let world = scenario.world().await.unwrap();
        let resource = scenario.resource.clone();
        let forth = scenario.send(&resource.update(&id, &two, &one)).await.unwrap();
        let other_id = forth.succeeded().physical_resource_id.clone();
        let back = scenario.send(&resource.update(&other_id, &one, &two)).await.unwrap();
        assert_eq!(back.succeeded().physical_resource_id, id);

        let shown = scenario.stub_stack_status(&id, "UPDATE_COMPLETE", "UPDATE_COMPLETE");
        let mut late = [resource.delete(&id, &one), resource.delete(&other_id, &two)];
        if newest_first {
            late.reverse();
        }
        for event in &late {
            scenario.send(event).await.unwrap().response.assert_sound();
        }
        world.assert_same(&scenario.world().await.unwrap(), "after the late cleanups");
        shown.into_iter().for_each(local_cloud::gateway::Installed::remove);
        delete(&mut scenario, &id, &one).await;
    }
}

/// A resource has three generations, one after the other. The cleanup Deletes of the first two arrive late, in either order.
/// The third generation stays complete.
#[tokio::test]
async fn late_cleanups_of_two_generations_keep_the_third() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let all =
        [json!({}), json!({"NodeRoleName": "workers"}), json!({"NodeRoleName": "nodes"})].map(|each| properties(&each));
    let third = super::world_of(&mut scenario, &all[2]).await;
    for order in [[0, 1], [1, 0]] {
        let mut ids = vec![create(&mut scenario, &all[0]).await];
        for step in [1, 2] {
            let update = scenario.resource.update(&ids[step - 1], &all[step], &all[step - 1]);
            ids.push(scenario.send(&update).await.unwrap().succeeded().physical_resource_id.clone());
        }
        for previous in order {
            delete(&mut scenario, &ids[previous], &all[previous]).await;
        }
        third.assert_same(&scenario.world().await.unwrap(), &format!("after cleanups in the order {order:?}"));
        delete(&mut scenario, &ids[2], &all[2]).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the last Delete");
    }
}
