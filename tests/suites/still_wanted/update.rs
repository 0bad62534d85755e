//! An Update whose stack has rolled back since.

use std::time::SystemTime;

use local_cloud::{
    CloudOptions, ClusterOptions,
    gateway::{Effect, When},
    lambda::FunctionOptions,
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};

use super::{Shown, deliver, properties, seconds, status_queries};

/// Statuses of the stack that cancel an Update, if they are newer than the event.
const CANCELLED: [&str; 4] =
    ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"];

/// Returns the properties of an Update in place, and of a replacement.
fn changes() -> [Value; 2] {
    [
        json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}, "Namespace": "kube-system"}),
        json!({"ClusterName": CLUSTER, "ControllerRoleName": "another", "InstanceProfileName": "another"}),
    ]
}

fn in_progress() -> Shown {
    Shown::new("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
}

/// Starts a scenario and creates its resource. Returns both, the resource as its id.
async fn start_with_resource() -> (Scenario, String) {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    (scenario, id)
}

/// An Update whose stack rolled back before it starts changes nothing.
#[tokio::test]
async fn update_rolled_back_before_start_changes_nothing() {
    let (mut scenario, id) = start_with_resource().await;
    let before = scenario.world().await.unwrap();
    for stack in CANCELLED {
        for change in changes() {
            let issued = SystemTime::now();
            Shown::new("UPDATE_IN_PROGRESS", stack).since(issued + seconds(6)).show(&scenario, |when| when);
            let update = scenario.resource.update(&id, &change, &properties());
            let delivered = deliver(&mut scenario, &update, issued).await;
            let reason = delivered.wrote_nothing().failed();
            assert!(reason.contains("nothing was changed") && reason.contains(stack), "{reason}");
            assert_eq!(delivered.response.physical_resource_id, id);
        }
    }
    before.assert_same(&scenario.world().await.unwrap(), "after cancelled Updates");
}

/// An Update whose stack rolls back while it runs restores the old properties, under the old id.
#[tokio::test]
async fn update_rolled_back_while_running_restores_properties() {
    let (mut scenario, id) = start_with_resource().await;
    let before = scenario.world().await.unwrap();
    for stack in CANCELLED {
        for change in changes() {
            let issued = SystemTime::now();
            in_progress().show_then(&scenario, &Shown::new("UPDATE_IN_PROGRESS", stack).since(issued + seconds(6)));
            let update = scenario.resource.update(&id, &change, &properties());
            let delivered = deliver(&mut scenario, &update, issued).await;
            let reason = delivered.failed();
            assert!(reason.contains("The old properties were restored") && reason.contains(stack), "{reason}");
            assert_eq!(delivered.response.physical_resource_id, id);
            assert!(!delivered.writes().is_empty());
            assert_eq!(status_queries(&delivered), 2);
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {change} and {stack}"));
        }
    }
}

/// A rollback's Update returns to a generation that still exists. If that Update is cancelled itself, it removes neither
/// generation.
#[tokio::test]
async fn cancelled_rollback_keeps_both_generations() {
    let (mut scenario, id) = start_with_resource().await;
    let replaced = json!({"ClusterName": CLUSTER, "ControllerRoleName": "another-controller"});
    let event = scenario.resource.update(&id, &replaced, &properties());
    let new_id = scenario.send(&event).await.unwrap().succeeded().physical_resource_id.clone();
    let both = scenario.world().await.unwrap();
    // Drift, so that the rollback's Update has something to write.
    let policy = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy";
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    iam.detach_role_policy().role_name("KarpenterNodeRole-demo").policy_arn(policy).send().await.unwrap();

    let issued = SystemTime::now();
    let later = Shown::new("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE").since(issued + seconds(6));
    in_progress().show_then(&scenario, &later);
    let back = scenario.resource.update(&new_id, &properties(), &replaced);
    let delivered = deliver(&mut scenario, &back, issued).await;
    assert!(delivered.failed().contains("UPDATE_ROLLBACK_COMPLETE"), "{}", delivered.failed());
    both.assert_same(&scenario.world().await.unwrap(), "after a cancelled rollback");
}

/// The rollback's own Update continues, because the rollback started before CloudFormation sent it, or within the five seconds
/// after it. An Update continues too if the stack does not roll back.
#[tokio::test]
async fn update_with_near_miss_status_continues() {
    let (mut scenario, id) = start_with_resource().await;
    let before = scenario.world().await.unwrap();
    let [change, _] = changes();
    let issued = SystemTime::now();
    // The event's date has whole seconds. Five seconds after that date can be six seconds after the event was sent.
    let whole = SystemTime::UNIX_EPOCH + seconds(issued.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    let near_misses = [
        Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS").since(whole + seconds(5)),
        Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS").since(whole - seconds(60)),
        Shown::new("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE").since(whole - seconds(600)),
        Shown::new("DELETE_IN_PROGRESS", "UPDATE_IN_PROGRESS").since(whole + seconds(60)),
        Shown::new("UPDATE_FAILED", "UPDATE_IN_PROGRESS").since(whole + seconds(60)),
        Shown::new("UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS").since(whole + seconds(60)),
        Shown::new("CREATE_COMPLETE", "ROLLBACK_IN_PROGRESS").since(whole + seconds(60)),
    ];
    for shown in near_misses {
        shown.show(&scenario, |when| when);
        let update = scenario.resource.update(&id, &change, &properties());
        let delivered = deliver(&mut scenario, &update, issued).await;
        assert_eq!(delivered.succeeded().physical_resource_id, id);
        assert_eq!(status_queries(&delivered), 2, "{shown:?}");
        let back = scenario.resource.update(&id, &properties(), &change);
        scenario.send(&back).await.unwrap().succeeded();
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {shown:?} and back"));
    }
}

/// If the function cannot read the events of a stack that rolls back, it does not know when the rollback started. The Update
/// continues.
#[tokio::test]
async fn update_without_stack_events_continues() {
    let (mut scenario, id) = start_with_resource().await;
    let [change, _] = changes();
    let issued = SystemTime::now();
    let denied = Effect::refuse(403, "AccessDenied", "not authorized to perform: cloudformation:DescribeStackEvents");
    scenario.cloud.gateway().rules().add(When::call("cloudformation", "DescribeStackEvents"), denied);
    Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS")
        .since(issued + seconds(60))
        .show(&scenario, |when| when);
    let update = scenario.resource.update(&id, &change, &properties());
    let delivered = deliver(&mut scenario, &update, issued).await;
    delivered.succeeded();
    assert!(
        delivered.invocation.log_text().contains("the stack status could not be read"),
        "{}",
        delivered.invocation.log_text()
    );
}

/// Creates a resource with an interruption queue, and then restarts the function with bounds that do not allow that queue.
/// Returns the scenario and the resource's id.
async fn start_with_narrowed_bounds() -> (Scenario, String) {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&with_queue())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let role_arn = scenario.cluster.creator_role_arn.clone();
    let bounds = r#"{"InterruptionQueueArns":["arn:aws:sqs:us-east-1:111122223333:Karpenter*"]}"#;
    let narrow = |options: &mut FunctionOptions| options.environment.push(("BOUNDS".to_owned(), bounds.to_owned()));
    scenario.restart(&role_arn, narrow).await.unwrap();
    (scenario, id)
}

fn with_queue() -> Value {
    json!({"ClusterName": CLUSTER, "InterruptionQueueArn": "arn:aws:sqs:us-east-1:111122223333:payments"})
}

/// Returns the text of the controller's inline policy.
async fn permissions(scenario: &Scenario) -> String {
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let policy =
        iam.get_role_policy().role_name("KarpenterControllerRole-demo").policy_name("KarpenterControllerPolicy-demo");
    policy.send().await.unwrap().policy_document().to_owned()
}

/// A rollback to a queue outside of the bounds succeeds. It grants nothing new, and keeps what is still granted. The same Update
/// fails if a user asks for it, even if it is cancelled at once, or if the stack is at rest after an earlier rollback.
#[tokio::test]
async fn rollback_outside_bounds_succeeds_without_queue() {
    let (mut scenario, id) = start_with_narrowed_bounds().await;
    let before = scenario.world().await.unwrap();
    let back = scenario.resource.update(&id, &with_queue(), &properties());
    let issued = SystemTime::now();
    let rolling_back = || Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    rolling_back().since(issued - seconds(2)).show(&scenario, |when| when);
    deliver(&mut scenario, &back, issued).await.wrote_nothing().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after a rollback of an Update that wrote nothing");

    scenario.send(&scenario.resource.update(&id, &properties(), &with_queue())).await.unwrap().succeeded();
    let requested_by_user = [
        in_progress(),
        rolling_back().since(issued + seconds(2)),
        Shown::new("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE").since(issued - seconds(600)),
    ];
    for shown in requested_by_user {
        shown.show(&scenario, |when| when);
        let reason = deliver(&mut scenario, &back, issued).await.wrote_nothing().failed().to_owned();
        assert!(reason.contains("InterruptionQueueArns"), "{shown:?}: {reason}");
    }
    rolling_back().since(issued - seconds(2)).show(&scenario, |when| when);
    let delivered = deliver(&mut scenario, &back, issued).await;
    assert!(!delivered.wrote_nothing().succeeded().data["HelmValues"].contains("payments"));
    assert!(
        delivered.invocation.log_text().contains("the queue is left out: it is outside the bounds of the function")
    );
}

/// An Update that is rolled back while it runs restores the old properties without the queue, which is outside of the bounds. It
/// leaves nothing of a replacement.
#[tokio::test]
async fn cancelled_update_outside_bounds_restores_without_queue() {
    let [in_place, replacing] = changes();
    for (change, keeps_queue) in [(in_place, false), (replacing, true)] {
        let (mut scenario, id) = start_with_narrowed_bounds().await;
        let before = scenario.world().await.unwrap();
        let issued = SystemTime::now();
        let shown = Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
        in_progress().show_then(&scenario, &shown.since(issued + seconds(6)));
        let update = scenario.resource.update(&id, &change, &with_queue());
        let delivered = deliver(&mut scenario, &update, issued).await;
        assert!(delivered.failed().contains("The old properties were restored"), "{}", delivered.failed());
        // The replacement has a controller role of its own, so the role with the queue's permissions was not changed.
        assert_eq!(permissions(&scenario).await.contains("payments"), keeps_queue);
        if keeps_queue {
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {change}"));
        }
    }
}

/// An Update to Pod Identity deletes the OIDC provider, which the resource created and whose old properties only require it.
/// The rollback creates the provider again. So does the Update itself if it is cancelled.
#[tokio::test]
async fn oidc_provider_deleted_by_update_is_restored() {
    let without_provider = ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), without_provider).await.unwrap();
    let initial = scenario.world().await.unwrap();
    let creating = json!({"ClusterName": CLUSTER, "OidcProvider": "Create"});
    let without = json!({"ClusterName": CLUSTER, "ControllerIdentity": ["PodIdentity"]});
    let created = scenario.send(&scenario.resource.create(&creating)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    scenario.send(&scenario.resource.update(&id, &properties(), &creating)).await.unwrap().succeeded();
    let before = scenario.world().await.unwrap();

    let update = scenario.resource.update(&id, &without, &properties());
    let issued = SystemTime::now();
    let shown = Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    in_progress().show_then(&scenario, &shown.clone().since(issued + seconds(6)));
    let reason = deliver(&mut scenario, &update, issued).await.failed().to_owned();
    assert!(reason.contains("The old properties were restored"), "{reason}");
    before.assert_same(&scenario.world().await.unwrap(), "after an Update that was cancelled");

    scenario.send(&update).await.unwrap().succeeded();
    let back = scenario.resource.update(&id, &properties(), &without);
    in_progress().show(&scenario, |when| when);
    let reason = deliver(&mut scenario, &back, issued).await.wrote_nothing().failed().to_owned();
    assert!(reason.contains("Set OidcProvider to Create"), "{reason}");
    shown.since(issued - seconds(2)).show(&scenario, |when| when);
    deliver(&mut scenario, &back, issued).await.succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the rollback");

    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    initial.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
