//! KarpenterVersion and InterruptionQueueArn: one release follows another in place, and what is needed is there before what is
//! not goes. What the documents let and refuse is proved by `policies`, with an IAM simulator.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::scenario::Scenario;
use serde_json::{Value, json};

use super::{assert_order, created, deleted, scenario, updated, with};

const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:demo-interruptions";

async fn sids(scenario: &Scenario) -> Vec<String> {
    let role = scenario.world().await.unwrap().json("role/KarpenterControllerRole-demo");
    let statements = role["inline"]["KarpenterControllerPolicy-demo"]["Statement"].as_array().unwrap().clone();
    statements.iter().map(|statement| statement["Sid"].as_str().unwrap_or_default().to_owned()).collect()
}

/// From the baseline by a list of both to a release, and on: in place; the nodes' policies are attached before others are
/// detached; and what the user should know stands in Warnings.
#[tokio::test]
async fn releases_follow_each_other_in_place() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let before = scenario.world().await.unwrap();
    let wants = |releases: Value| with(json!({"KarpenterVersion": releases, "Namespace": "kube-system"}));
    let (none, both, one) =
        (with(json!({"Namespace": "kube-system"})), wants(json!(["baseline", "1.14.1"])), wants(json!("1.14.1")));
    let (made, id) = created(&mut scenario, &none).await;
    assert!(made.succeeded().data["Warnings"].contains("set KarpenterVersion to the release that you run"));
    let made_sids = sids(&scenario).await;
    let baseline = ["Karpenter", "ConditionalEC2Termination", "PassNodeIAMRole"].map(str::to_owned);
    assert!(baseline.iter().all(|sid| made_sids.contains(sid)), "{made_sids:?}");

    let moved = updated(&mut scenario, &id, &both, &none).await;
    assert_eq!(moved.succeeded().data["Warnings"], "");
    let union = sids(&scenario).await;
    assert!(baseline.iter().all(|sid| union.contains(sid)) && baseline.len() < union.len(), "{union:?}");
    let moved = updated(&mut scenario, &id, &one, &both).await;
    assert!(moved.succeeded().data["Warnings"].contains("may no longer end nodes"));
    assert!(sids(&scenario).await.iter().all(|sid| !baseline.contains(sid)));

    let straight = updated(&mut scenario, &id, &none, &one).await;
    assert_order(&straight, "AttachRolePolicy", "DetachRolePolicy");
    assert_eq!(sids(&scenario).await, made_sids);
    deleted(&mut scenario, &id, &none).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// The queue is the controller's to read, and Helm's to name; without it neither.
#[tokio::test]
async fn the_interruption_queue_is_let_and_named() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let without = with(json!({"KarpenterVersion": "1.14.1"}));
    let queued = with(json!({"KarpenterVersion": "1.14.1", "InterruptionQueueArn": QUEUE}));
    let (made, id) = created(&mut scenario, &queued).await;
    assert!(made.succeeded().data["HelmValues"].contains("interruptionQueue: \"demo-interruptions\""));
    let policy =
        |world: local_cloud::world::World| world.json("role/KarpenterControllerRole-demo")["inline"].to_string();
    assert!(policy(scenario.world().await.unwrap()).contains(QUEUE));
    let gone = updated(&mut scenario, &id, &without, &queued).await;
    assert!(!gone.succeeded().data["HelmValues"].contains("interruptionQueue"));
    assert!(!policy(scenario.world().await.unwrap()).contains("sqs:"));
}

/// Nonsense, and what YAML makes of an unquoted 1.10, is told before any change.
#[tokio::test]
async fn what_is_no_release_is_told() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    for version in ["1.1", "latest", "0.38"] {
        let create = scenario.resource.create(&with(json!({"KarpenterVersion": version})));
        let refused = scenario.send(&create).await.unwrap();
        for word in ["`KarpenterVersion` must be a Karpenter version", version, "needs quotes"] {
            assert!(refused.failed().contains(word), "`{word}` is not in: {}", refused.failed());
        }
        refused.wrote_nothing();
    }
}
