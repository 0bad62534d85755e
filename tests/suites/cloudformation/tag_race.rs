//! Two resources of one stack that want different values of one discovery tag at the same moment.

use std::{collections::BTreeSet, time::Duration};

use local_cloud::{
    cloudformation::Delivery,
    gateway::{Effect, Hold, When},
};
use serde_json::json;

use super::{Stage, assert_sound, properties, sibling, single, split_requests, with_sibling};

/// Two resources want different values of one discovery tag, and both read the subnets before either writes. The second
/// write replaces the value of the first resource, which has already succeeded. The second resource notices that, restores
/// the first value, and fails.
#[tokio::test]
async fn concurrent_tag_claims_last_writer_withdraws() {
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
    assert_sound(&lost);
    assert!(lost.reason().contains("got another value of the tag"), "{}", lost.reason());
    let world = stage.world().await;
    for id in &stage.scenario.cluster.subnet_ids {
        assert_eq!(world.json(id)["karpenter.sh/discovery"], "demo", "{id}");
    }
    stage.engine.deliver_all(lost.next).await.unwrap().iter().for_each(assert_sound);
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
        both.iter().for_each(assert_sound);
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
        stage.engine.deliver_all(next).await.unwrap().iter().for_each(assert_sound);
        stage.delete_and_compare().await;
    }
}
