//! A replacement that fails. The response has the old id, and the function removes the new generation.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use local_cloud::{
    gateway::When,
    scenario::{Delivered, Scenario},
};
use serde_json::{Value, json};

use super::{client_error, create, delete, properties};

/// More writes than any Update in these tests has. A loop that reaches this number would not end.
const MAX_WRITES: usize = 200;

/// One write of a replacement fails, for each write in turn. The Update fails under the old id and reports the error, and the
/// account is as before. The rollback's Update has nothing to do.
#[tokio::test]
async fn replacement_failing_at_any_write_restores_account() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({}));
    for new in replacements() {
        let id = create(&mut scenario, &old).await;
        let before = scenario.world().await.unwrap();
        let mut failures = 0;
        let new_id = loop {
            let rule = scenario.cloud.gateway().rules().add(When::write().nth(failures + 1), client_error());
            let update = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
            let hits = rule.hits();
            rule.remove();
            if hits == 0 {
                break update.succeeded().physical_resource_id.clone();
            }
            failures += 1;
            assert!(failures < MAX_WRITES);
            assert_failed(&update, &id);
            before.assert_same(&scenario.world().await.unwrap(), &format!("after write {failures} of {new} failed"));
            let back = scenario.send(&scenario.resource.update(&id, &old, &new)).await.unwrap();
            assert_eq!(back.wrote_nothing().succeeded().physical_resource_id, id);
        };
        assert!(5 < failures, "only {failures} writes failed");
        delete(&mut scenario, &new_id, &new).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete of the new generation");
        delete(&mut scenario, &id, &old).await;
    }
}

/// All writes of a replacement fail from the n-th one on, for each n in turn. Then the function cannot remove the new objects
/// either. The Update fails under the old id and reports that, and the rollback's Update removes the objects.
#[tokio::test]
async fn rollback_removes_leftovers_of_failed_replacement() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({}));
    for mut new in replacements() {
        // The rollback must also undo changes in place on shared objects.
        new["Namespace"] = json!("kube-system");
        new["Tags"] = json!({"team": "platform"});
        let id = create(&mut scenario, &old).await;
        let before = scenario.world().await.unwrap();
        let mut left_behind = 0;
        for from in 1..MAX_WRITES {
            let seen = Arc::new(AtomicUsize::new(0));
            let late = move |_: &_| from <= 1 + seen.fetch_add(1, Ordering::Relaxed);
            let rule = scenario.cloud.gateway().rules().add(When::write().passing(late), client_error());
            let update = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
            let hits = rule.hits();
            rule.remove();
            if hits == 0 {
                let new_id = update.succeeded().physical_resource_id.clone();
                delete(&mut scenario, &new_id, &new).await;
                break;
            }
            assert_failed(&update, &id);
            if scenario.world().await.unwrap() != before {
                left_behind += 1;
                let reason = update.failed();
                assert!(reason.contains("Not all objects of the failed replacement could be deleted"), "{reason}");
            }
            let back = scenario.send(&scenario.resource.update(&id, &old, &new)).await.unwrap();
            assert_eq!(back.succeeded().physical_resource_id, id);
            before.assert_same(
                &scenario.world().await.unwrap(),
                &format!("after a rollback from a failure at write {from}"),
            );
        }
        assert!(5 < left_behind, "only {left_behind} runs left objects behind");
        delete(&mut scenario, &id, &old).await;
    }
}

/// Returns the properties of a replacement that shares the controller role with the old generation, and of one that shares
/// the node role.
fn replacements() -> [Value; 2] {
    let shared_controller = json!({"NodeRoleName": "workers"});
    let shared_nodes = json!({"ControllerRoleName": "controllers", "InstanceProfileName": "workers"});
    [properties(&shared_controller), properties(&shared_nodes)]
}

#[track_caller]
fn assert_failed(update: &Delivered, id: &str) {
    let reason = update.failed();
    assert!(reason.contains("refused by the test"), "{reason}");
    assert_eq!(update.response.physical_resource_id, id);
}
