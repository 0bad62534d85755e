//! InterruptionQueueArn: where the queue must be, and which queues the function's own bounds let a stack name.

use aws_sdk_eks::types::AuthenticationMode;
use local_cloud::{execution_role::environment_within, scenario::Scenario};
use serde_json::{Value, json};

use super::{created, deleted, scenario, with};

const INSIDE: &str = "arn:aws:sqs:us-east-1:111122223333:Karpenter-demo";
const OUTSIDE: &str = "arn:aws:sqs:us-east-1:111122223333:payments";

fn queued(arn: &str) -> Value {
    with(json!({"InterruptionQueueArn": arn}))
}

/// The function of `function.yaml`, with its default bounds.
async fn bounded(bounds: &str) -> Scenario {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    bound(&mut scenario, bounds).await;
    scenario
}

async fn bound(scenario: &mut Scenario, bounds: &str) {
    let role_arn = scenario.cluster.creator_role_arn.clone();
    let change = |options: &mut local_cloud::lambda::FunctionOptions| {
        options.environment.push(("BOUNDS".to_owned(), bounds.to_owned()));
    };
    scenario.restart(&role_arn, change).await.unwrap();
}

/// What the template makes of its parameter.
fn bounds_of(arns: &str) -> String {
    let values = [("InterruptionQueueArns", arns), ("NamePrefix", "Karpenter")];
    environment_within(&values, ("111122223333", "us-east-1")).unwrap().remove("BOUNDS").unwrap()
}

/// Karpenter looks the queue up by its name, in its own account and Region.
#[tokio::test]
async fn queue_of_another_region_or_account_changes_nothing() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    for elsewhere in ["arn:aws:sqs:eu-west-1:111122223333:demo", "arn:aws:sqs:us-east-1:444455556666:demo"] {
        let made = scenario.send(&scenario.resource.create(&queued(elsewhere))).await.unwrap();
        let reason = made.wrote_nothing().failed();
        for part in ["nothing was changed", "account and Region", "arn:aws:sqs:us-east-1:111122223333:", elsewhere] {
            assert!(reason.contains(part), "`{part}` is not in: {reason}");
        }
        // The Delete of the failed Create.
        let id = made.response.physical_resource_id.clone();
        deleted(&mut scenario, &id, &queued(elsewhere)).await;
    }
}

#[tokio::test]
async fn queue_outside_the_bounds_changes_nothing() {
    let mut scenario = bounded(&bounds_of("")).await;
    let before = scenario.world().await.unwrap();
    let refused = |reason: &str| {
        for part in ["nothing was changed", OUTSIDE, ":Karpenter*", "InterruptionQueueArns"] {
            assert!(reason.contains(part), "`{part}` is not in: {reason}");
        }
    };
    let made = scenario.send(&scenario.resource.create(&queued(OUTSIDE))).await.unwrap();
    refused(made.wrote_nothing().failed());
    let (_, id) = created(&mut scenario, &queued(INSIDE)).await;
    let updated = scenario.send(&scenario.resource.update(&id, &queued(OUTSIDE), &queued(INSIDE))).await.unwrap();
    refused(updated.wrote_nothing().failed());
    // What was refused as an Update's new properties are a rollback's old ones.
    let back = scenario.send(&scenario.resource.update(&id, &queued(INSIDE), &queued(OUTSIDE))).await.unwrap();
    back.wrote_nothing().succeeded();
    deleted(&mut scenario, &id, &queued(INSIDE)).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the first Delete");

    // The parameter takes one, or several.
    for arns in [OUTSIDE.to_owned(), format!("{INSIDE},{}", OUTSIDE.replace("payments", "pay*"))] {
        bound(&mut scenario, &bounds_of(&arns)).await;
        let (_, id) = created(&mut scenario, &queued(OUTSIDE)).await;
        deleted(&mut scenario, &id, &queued(OUTSIDE)).await;
    }
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

#[tokio::test]
async fn bounds_that_cannot_be_read_change_nothing() {
    let mut scenario = bounded("{").await;
    let made = scenario.send(&scenario.resource.create(&with(json!({})))).await.unwrap();
    let reason = made.wrote_nothing().failed();
    assert!(reason.contains("BOUNDS") && reason.contains("deploy the function's stack again"), "{reason}");
}
