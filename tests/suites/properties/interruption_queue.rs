//! `InterruptionQueueArn`: the account and Region of the queue, and the function's bounds for queues.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{execution_role::environment_within, scenario::Scenario};
use serde_json::{Value, json};

use super::{create_resource, delete_resource, scenario, with};

const INSIDE: &str = "arn:aws:sqs:us-east-1:111122223333:Karpenter-demo";
const OUTSIDE: &str = "arn:aws:sqs:us-east-1:111122223333:payments";

fn with_queue(arn: &str) -> Value {
    with(json!({"InterruptionQueueArn": arn}))
}

/// Starts a scenario whose function has these bounds, as `function.yaml` sets them.
async fn bounded(bounds: &str) -> Scenario {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    set_bounds(&mut scenario, bounds).await;
    scenario
}

/// Restarts the function with these bounds.
async fn set_bounds(scenario: &mut Scenario, bounds: &str) {
    let role_arn = scenario.cluster.creator_role_arn.clone();
    let change = |options: &mut local_cloud::lambda::FunctionOptions| {
        options.environment.push(("BOUNDS".to_owned(), bounds.to_owned()));
    };
    scenario.restart(&role_arn, change).await.unwrap();
}

/// Returns the value of `BOUNDS` that `function.yaml` generates from its parameter `InterruptionQueueArns`.
fn bounds_of(arns: &str) -> String {
    let values = [("InterruptionQueueArns", arns), ("NamePrefix", "Karpenter")];
    environment_within(&values, ("111122223333", "us-east-1")).unwrap().remove("BOUNDS").unwrap()
}

/// Karpenter finds the queue by its name, in its own account and Region. A queue elsewhere fails before any change.
#[tokio::test]
async fn queue_of_another_region_or_account_changes_nothing() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    for elsewhere in ["arn:aws:sqs:eu-west-1:111122223333:demo", "arn:aws:sqs:us-east-1:444455556666:demo"] {
        let created = scenario.send(&scenario.resource.create(&with_queue(elsewhere))).await.unwrap();
        let reason = created.wrote_nothing().failed();
        for part in ["nothing was changed", "account and Region", "arn:aws:sqs:us-east-1:111122223333:", elsewhere] {
            assert!(reason.contains(part), "`{part}` is not in: {reason}");
        }
        // The Delete of the failed Create.
        let id = created.response.physical_resource_id.clone();
        delete_resource(&mut scenario, &id, &with_queue(elsewhere)).await;
    }
}

/// A Create or an Update with a queue outside of the bounds fails before any change. With the queue in the bounds it succeeds.
#[tokio::test]
async fn queue_outside_bounds_changes_nothing() {
    let mut scenario = bounded(&bounds_of("")).await;
    let before = scenario.world().await.unwrap();
    let assert_outside = |reason: &str| {
        for part in ["nothing was changed", OUTSIDE, ":Karpenter*", "InterruptionQueueArns"] {
            assert!(reason.contains(part), "`{part}` is not in: {reason}");
        }
    };
    let created = scenario.send(&scenario.resource.create(&with_queue(OUTSIDE))).await.unwrap();
    assert_outside(created.wrote_nothing().failed());
    let (_, id) = create_resource(&mut scenario, &with_queue(INSIDE)).await;
    let updated =
        scenario.send(&scenario.resource.update(&id, &with_queue(OUTSIDE), &with_queue(INSIDE))).await.unwrap();
    assert_outside(updated.wrote_nothing().failed());
    // The rollback's Update has the queue outside of the bounds in its old properties.
    let back = scenario.send(&scenario.resource.update(&id, &with_queue(INSIDE), &with_queue(OUTSIDE))).await.unwrap();
    back.wrote_nothing().succeeded();
    delete_resource(&mut scenario, &id, &with_queue(INSIDE)).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the first Delete");

    // The parameter accepts one ARN, or several with wildcards.
    for arns in [OUTSIDE.to_owned(), format!("{INSIDE},{}", OUTSIDE.replace("payments", "pay*"))] {
        set_bounds(&mut scenario, &bounds_of(&arns)).await;
        let (_, id) = create_resource(&mut scenario, &with_queue(OUTSIDE)).await;
        delete_resource(&mut scenario, &id, &with_queue(OUTSIDE)).await;
    }
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// If the function cannot parse its bounds, every event fails before any change.
#[tokio::test]
async fn unreadable_bounds_change_nothing() {
    let mut scenario = bounded("{").await;
    let created = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    let reason = created.wrote_nothing().failed();
    assert!(reason.contains("BOUNDS") && reason.contains("Deploy the function's stack again"), "{reason}");
}
