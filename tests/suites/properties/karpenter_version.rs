//! `KarpenterVersion` and `InterruptionQueueArn`: a change of the version is an Update in place, which adds new permissions
//! before it removes old ones. The crate `tests/policies` checks with an IAM simulator what the policies allow.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::scenario::Scenario;
use serde_json::{Value, json};

use super::{assert_order, create_resource, delete_resource, scenario, update_twice, with};

const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:demo-interruptions";

async fn sids(scenario: &Scenario) -> Vec<String> {
    let role = scenario.world().await.unwrap().json("role/KarpenterControllerRole-demo");
    let statements = role["inline"]["KarpenterControllerPolicy-demo"]["Statement"].as_array().unwrap().clone();
    statements.iter().map(|statement| statement["Sid"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Updates in place from the baseline to a list of baseline and version, then to the version alone, and back to the baseline.
/// Managed policies are attached before others are detached. Warnings has what the user should know.
#[tokio::test]
async fn version_change_attaches_before_it_detaches() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let before = scenario.world().await.unwrap();
    let versions = |versions: Value| with(json!({"KarpenterVersion": versions, "Namespace": "kube-system"}));
    let (none, both, one) =
        (with(json!({"Namespace": "kube-system"})), versions(json!(["baseline", "1.14.1"])), versions(json!("1.14.1")));
    let (created, id) = create_resource(&mut scenario, &none).await;
    assert!(created.succeeded().data["Warnings"].contains("Set KarpenterVersion to the version that you run"));
    let baseline_sids = sids(&scenario).await;
    let baseline = ["Karpenter", "ConditionalEC2Termination", "PassNodeIAMRole"].map(str::to_owned);
    assert!(baseline.iter().all(|sid| baseline_sids.contains(sid)), "{baseline_sids:?}");

    let moved = update_twice(&mut scenario, &id, &both, &none).await;
    assert_eq!(moved.succeeded().data["Warnings"], "");
    let union = sids(&scenario).await;
    assert!(baseline.iter().all(|sid| union.contains(sid)) && baseline.len() < union.len(), "{union:?}");
    let moved = update_twice(&mut scenario, &id, &one, &both).await;
    assert!(moved.succeeded().data["Warnings"].contains("may no longer terminate nodes"));
    assert!(sids(&scenario).await.iter().all(|sid| !baseline.contains(sid)));

    let straight = update_twice(&mut scenario, &id, &none, &one).await;
    assert_order(&straight, "AttachRolePolicy", "DetachRolePolicy");
    assert_eq!(sids(&scenario).await, baseline_sids);
    delete_resource(&mut scenario, &id, &none).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// With a queue, the controller may read it, and HelmValues has its name. Without a queue, neither is the case.
#[tokio::test]
async fn interruption_queue_is_granted_and_in_helm_values() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let without = with(json!({"KarpenterVersion": "1.14.1"}));
    let with_queue = with(json!({"KarpenterVersion": "1.14.1", "InterruptionQueueArn": QUEUE}));
    let (created, id) = create_resource(&mut scenario, &with_queue).await;
    assert!(created.succeeded().data["HelmValues"].contains("interruptionQueue: \"demo-interruptions\""));
    let policy =
        |world: local_cloud::world::World| world.json("role/KarpenterControllerRole-demo")["inline"].to_string();
    assert!(policy(scenario.world().await.unwrap()).contains(QUEUE));
    let removed = update_twice(&mut scenario, &id, &without, &with_queue).await;
    assert!(!removed.succeeded().data["HelmValues"].contains("interruptionQueue"));
    assert!(!policy(scenario.world().await.unwrap()).contains("sqs:"));
}

/// Invalid versions are reported before any change. One of them is 1.1, which YAML reads from an unquoted 1.10.
#[tokio::test]
async fn invalid_version_is_reported() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    for version in ["1.1", "latest", "0.38"] {
        let create = scenario.resource.create(&with(json!({"KarpenterVersion": version})));
        let rejected = scenario.send(&create).await.unwrap();
        for word in ["`KarpenterVersion` must be a Karpenter version", version, "needs quotes"] {
            assert!(rejected.failed().contains(word), "`{word}` is not in: {}", rejected.failed());
        }
        rejected.wrote_nothing();
    }
}
