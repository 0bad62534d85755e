//! A replacement that succeeded, and a stack that goes back all the same: every order in which CloudFormation may
//! send what follows.

use local_cloud::{
    gateway::When,
    lambda::Event,
    scenario::{CrashPoint, Scenario},
};
use serde_json::json;

use super::{create, delete, properties, refusal};

/// When another resource of the stack fails after this one was replaced, the stack rolls back: with an Update to the
/// old properties under the new id, under the old one, or none, and with a Delete of the new id before, after, or
/// never. The account ends as it was before the Update.
#[tokio::test]
async fn every_rollback_ends_where_the_update_began() {
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
            // What changed in place on shared objects, only the old properties can tell.
            if model == "Delete alone" && new.get("Tags").is_some() {
                continue;
            }
            let updated = scenario.send(&resource.update(&id, &new, &old)).await.unwrap();
            let new_id = updated.succeeded().physical_resource_id.clone();
            let gone = resource.delete(&new_id, &new);
            let events: Vec<Event> = match model {
                "back, then Delete" => vec![back_from(&new_id), gone],
                "Delete alone" => vec![gone],
                // CloudFormation took the Update for failed, and never learned the new id.
                "back alone" => vec![back_from(&id)],
                _ => vec![gone, back_from(&id)],
            };
            for event in events {
                let response = scenario.send(&event).await.unwrap();
                let answered = &response.succeeded().physical_resource_id;
                assert!([&id, &new_id].contains(&answered), "{answered}");
            }
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {model}, from {new}"));
            let settled = scenario.send(&resource.update(&id, &old, &old)).await.unwrap();
            assert_eq!(settled.wrote_nothing().succeeded().physical_resource_id, id);
        }
        delete(&mut scenario, &id, &old).await;
    }
}

/// A rollback whose own Update fails takes nothing from the generation that it goes back to, nor from
/// the one that it comes from; once it is tried again, all is as before.
#[tokio::test]
async fn a_rollback_that_fails_takes_nothing_away() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({"Tags": {"team": "platform"}, "Namespace": "karpenter"}));
    let new = properties(&json!({"NodeRoleName": "workers", "Namespace": "kube-system"}));
    let id = create(&mut scenario, &old).await;
    let before = scenario.world().await.unwrap();
    let updated = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
    let new_id = updated.succeeded().physical_resource_id.clone();
    let names: Vec<String> = scenario.world().await.unwrap().names().map(str::to_owned).collect();
    let back = scenario.resource.update(&new_id, &old, &new);
    let rule = scenario.cloud.gateway().rules().add(When::call("iam", "UpdateAssumeRolePolicy"), refusal());
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

/// A replacement whose process dies at some write: CloudFormation hears nothing and rolls back under the old id.
/// Whatever the run had come to, the rollback's Update clears it away.
#[tokio::test]
async fn the_rollback_of_a_replacement_that_was_cut_off_clears_it_away() {
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
        before.assert_same(&scenario.world().await.unwrap(), &format!("after a cut {cut:?} write {cuts}"));
    }
    assert!(10 < cuts, "only {cuts} writes");
}

/// Forth and back in quick succession, the clean-ups of both replacements late and in either order: the generation
/// that CloudFormation shows as the current one stays whole.
#[tokio::test]
async fn late_clean_ups_after_forth_and_back_leave_the_survivor_whole() {
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
        world.assert_same(&scenario.world().await.unwrap(), "after the late clean-ups");
        shown.into_iter().for_each(local_cloud::gateway::Installed::remove);
        delete(&mut scenario, &id, &one).await;
    }
}

/// Three generations one after the other, the clean-ups of the first two late and in either order.
#[tokio::test]
async fn late_clean_ups_of_two_generations_leave_the_third_whole() {
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
        for former in order {
            delete(&mut scenario, &ids[former], &all[former]).await;
        }
        third.assert_same(&scenario.world().await.unwrap(), &format!("after clean-ups in the order {order:?}"));
        delete(&mut scenario, &ids[2], &all[2]).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the end");
    }
}
