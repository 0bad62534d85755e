//! A replacement that fails: the answer has the old id, and the new generation is taken back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use local_cloud::{
    gateway::When,
    scenario::{Delivered, Scenario},
};
use serde_json::{Value, json};

use super::{create, delete, properties, refusal};

/// More writes than any Update here makes: a loop that gets so far does not end.
const MANY: usize = 200;

/// Whichever write of a replacement AWS or Kubernetes refuses, the Update fails under the old id, says why, and the
/// account is as before it; the rollback that follows finds nothing to do.
#[tokio::test]
async fn a_replacement_that_fails_at_any_write_leaves_the_world_as_before() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({}));
    for new in news() {
        let id = create(&mut scenario, &old).await;
        let before = scenario.world().await.unwrap();
        let mut failures = 0;
        let new_id = loop {
            let rule = scenario.cloud.gateway().rules().add(When::write().nth(failures + 1), refusal());
            let update = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
            let hits = rule.hits();
            rule.remove();
            if hits == 0 {
                break update.succeeded().physical_resource_id.clone();
            }
            failures += 1;
            assert!(failures < MANY);
            assert_failed(&update, &id);
            before
                .assert_same(&scenario.world().await.unwrap(), &format!("after write {failures} of {new} was refused"));
            let back = scenario.send(&scenario.resource.update(&id, &old, &new)).await.unwrap();
            assert_eq!(back.wrote_nothing().succeeded().physical_resource_id, id);
        };
        assert!(5 < failures, "only {failures} writes were refused");
        delete(&mut scenario, &new_id, &new).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the replacement went alone");
        delete(&mut scenario, &id, &old).await;
    }
}

/// When AWS refuses everything from some write on, the function cannot take back what it made either: the Update
/// still fails under the old id and says so, and the rollback's Update, under the old id, clears it away.
#[tokio::test]
async fn what_a_failed_replacement_could_not_take_back_goes_with_the_rollback() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = properties(&json!({}));
    for mut new in news() {
        // What changes in place on shared objects goes back with the rollback too.
        new["Namespace"] = json!("kube-system");
        new["Tags"] = json!({"team": "platform"});
        let id = create(&mut scenario, &old).await;
        let before = scenario.world().await.unwrap();
        let mut left_behind = 0;
        for from in 1..MANY {
            let seen = Arc::new(AtomicUsize::new(0));
            let late = move |_: &_| from <= 1 + seen.fetch_add(1, Ordering::Relaxed);
            let rule = scenario.cloud.gateway().rules().add(When::write().passing(late), refusal());
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
            before
                .assert_same(&scenario.world().await.unwrap(), &format!("after the rollback of a cut at write {from}"));
        }
        assert!(5 < left_behind, "only {left_behind} runs left anything behind");
        delete(&mut scenario, &id, &old).await;
    }
}

/// One that shares the controller role with the old generation, and one that shares the node role.
fn news() -> [Value; 2] {
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
