//! An Update whose stack has gone back since.

use std::time::SystemTime;

use local_cloud::{
    CloudOptions, ClusterOptions,
    gateway::{Effect, When},
    lambda::FunctionOptions,
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};

use super::{Shown, deliver, properties, questions, seconds};

const NOES: [&str; 4] =
    ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"];

/// An Update in place, and one that replaces.
fn changes() -> [Value; 2] {
    [
        json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}, "Namespace": "kube-system"}),
        json!({"ClusterName": CLUSTER, "ControllerRoleName": "another", "InstanceProfileName": "another"}),
    ]
}

fn in_progress() -> Shown {
    Shown::new("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
}

/// A scenario with the resource made, and its id.
async fn made() -> (Scenario, String) {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    (scenario, id)
}

/// An Update whose stack went back before it began changes nothing.
#[tokio::test]
async fn an_update_that_is_rolled_back_before_it_begins_changes_nothing() {
    let (mut scenario, id) = made().await;
    let before = scenario.world().await.unwrap();
    for stack in NOES {
        for change in changes() {
            let issued = SystemTime::now();
            Shown::new("UPDATE_IN_PROGRESS", stack).since(issued + seconds(6)).tell(&scenario, |when| when);
            let update = scenario.resource.update(&id, &change, &properties());
            let delivered = deliver(&mut scenario, &update, issued).await;
            let reason = delivered.wrote_nothing().failed();
            assert!(reason.contains("nothing was changed") && reason.contains(stack), "{reason}");
            assert_eq!(delivered.response.physical_resource_id, id);
        }
    }
    before.assert_same(&scenario.world().await.unwrap(), "after Updates that nobody wants");
}

/// An Update whose stack goes back while it works puts the old properties back, under the old id.
#[tokio::test]
async fn an_update_that_is_rolled_back_while_it_works_goes_back() {
    let (mut scenario, id) = made().await;
    let before = scenario.world().await.unwrap();
    for stack in NOES {
        for change in changes() {
            let issued = SystemTime::now();
            in_progress().tell_then(&scenario, &Shown::new("UPDATE_IN_PROGRESS", stack).since(issued + seconds(6)));
            let update = scenario.resource.update(&id, &change, &properties());
            let delivered = deliver(&mut scenario, &update, issued).await;
            let reason = delivered.failed();
            assert!(reason.contains("The old properties were restored") && reason.contains(stack), "{reason}");
            assert_eq!(delivered.response.physical_resource_id, id);
            assert!(!delivered.writes().is_empty());
            assert_eq!(questions(&delivered), 2);
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {change} and {stack}"));
        }
    }
}

/// A rollback's Update goes back to a generation that stands; overtaken in its turn, it leaves that one standing.
#[tokio::test]
async fn an_overtaken_rollback_leaves_what_stood_before_it() {
    let (mut scenario, id) = made().await;
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
    in_progress().tell_then(&scenario, &later);
    let back = scenario.resource.update(&new_id, &properties(), &replaced);
    let delivered = deliver(&mut scenario, &back, issued).await;
    assert!(delivered.failed().contains("UPDATE_ROLLBACK_COMPLETE"), "{}", delivered.failed());
    both.assert_same(&scenario.world().await.unwrap(), "after a rollback's Update that was overtaken");
}

/// The rollback's own Update goes on: the stack is going back since before it was sent, or in the seconds in which it
/// was. So does an Update in a stack that goes on.
#[tokio::test]
async fn an_update_goes_on_at_every_near_miss() {
    let (mut scenario, id) = made().await;
    let before = scenario.world().await.unwrap();
    let [change, _] = changes();
    let issued = SystemTime::now();
    // The event's date has whole seconds, so five seconds after it may be up to six after its sending.
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
        shown.tell(&scenario, |when| when);
        let update = scenario.resource.update(&id, &change, &properties());
        let delivered = deliver(&mut scenario, &update, issued).await;
        assert_eq!(delivered.succeeded().physical_resource_id, id);
        assert_eq!(questions(&delivered), 2, "{shown:?}");
        let back = scenario.resource.update(&id, &properties(), &change);
        scenario.send(&back).await.unwrap().succeeded();
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {shown:?} and back"));
    }
}

/// When the stack goes back and its events cannot be read, nobody knows since when: the Update goes on.
#[tokio::test]
async fn an_update_goes_on_when_the_stacks_events_cannot_be_read() {
    let (mut scenario, id) = made().await;
    let [change, _] = changes();
    let issued = SystemTime::now();
    let denied = Effect::refuse(403, "AccessDenied", "not authorized to perform: cloudformation:DescribeStackEvents");
    scenario.cloud.gateway().rules().add(When::call("cloudformation", "DescribeStackEvents"), denied);
    Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS")
        .since(issued + seconds(60))
        .tell(&scenario, |when| when);
    let update = scenario.resource.update(&id, &change, &properties());
    let delivered = deliver(&mut scenario, &update, issued).await;
    delivered.succeeded();
    assert!(delivered.invocation.log_text().contains("cannot be asked"), "{}", delivered.invocation.log_text());
}

/// The bounds of the function are narrower than they were when the resource was created with this queue.
async fn narrowed() -> (Scenario, String) {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&queued())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let role_arn = scenario.cluster.creator_role_arn.clone();
    let bounds = r#"{"InterruptionQueueArns":["arn:aws:sqs:us-east-1:111122223333:Karpenter*"]}"#;
    let narrow = |options: &mut FunctionOptions| options.environment.push(("BOUNDS".to_owned(), bounds.to_owned()));
    scenario.restart(&role_arn, narrow).await.unwrap();
    (scenario, id)
}

fn queued() -> Value {
    json!({"ClusterName": CLUSTER, "InterruptionQueueArn": "arn:aws:sqs:us-east-1:111122223333:payments"})
}

/// The text of the controller's permissions.
async fn permissions(scenario: &Scenario) -> String {
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    let policy =
        iam.get_role_policy().role_name("KarpenterControllerRole-demo").policy_name("KarpenterControllerPolicy-demo");
    policy.send().await.unwrap().policy_document().to_owned()
}

/// A rollback succeeds though its queue is out of bounds by now, and grants nothing: it keeps what is granted still. An Update that
/// somebody asks for fails: also when it is cancelled right away, and while CloudFormation still shows the rest after an earlier
/// rollback.
#[tokio::test]
async fn rollback_to_what_is_out_of_bounds_by_now_succeeds() {
    let (mut scenario, id) = narrowed().await;
    let before = scenario.world().await.unwrap();
    let back = scenario.resource.update(&id, &queued(), &properties());
    let issued = SystemTime::now();
    let rolled_back = || Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    rolled_back().since(issued - seconds(2)).tell(&scenario, |when| when);
    deliver(&mut scenario, &back, issued).await.wrote_nothing().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after a rollback of an Update that wrote nothing");

    scenario.send(&scenario.resource.update(&id, &properties(), &queued())).await.unwrap().succeeded();
    let asked = [
        in_progress(),
        rolled_back().since(issued + seconds(2)),
        Shown::new("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE").since(issued - seconds(600)),
    ];
    for shown in asked {
        shown.tell(&scenario, |when| when);
        let reason = deliver(&mut scenario, &back, issued).await.wrote_nothing().failed().to_owned();
        assert!(reason.contains("InterruptionQueueArns"), "{shown:?}: {reason}");
    }
    rolled_back().since(issued - seconds(2)).tell(&scenario, |when| when);
    let went = deliver(&mut scenario, &back, issued).await;
    assert!(!went.wrote_nothing().succeeded().data["HelmValues"].contains("payments"));
    assert!(went.invocation.log_text().contains("left out: it is out of the function's bounds"));
}

/// An Update that is rolled back while it works puts back what it may, and leaves nothing of a replacement.
#[tokio::test]
async fn old_properties_out_of_bounds_are_put_back_without_the_queue() {
    let [in_place, replacing] = changes();
    for (change, keeps_queue) in [(in_place, false), (replacing, true)] {
        let (mut scenario, id) = narrowed().await;
        let before = scenario.world().await.unwrap();
        let issued = SystemTime::now();
        let shown = Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
        in_progress().tell_then(&scenario, &shown.since(issued + seconds(6)));
        let update = scenario.resource.update(&id, &change, &queued());
        let delivered = deliver(&mut scenario, &update, issued).await;
        assert!(delivered.failed().contains("The old properties were restored"), "{}", delivered.failed());
        // The replacement has a controller role of its own: that of before was not touched.
        assert_eq!(permissions(&scenario).await.contains("payments"), keeps_queue);
        if keeps_queue {
            before.assert_same(&scenario.world().await.unwrap(), &format!("after {change}"));
        }
    }
}

/// An Update to Pod Identity deletes the OIDC provider that the resource created and requires by now: its rollback, and the
/// Update itself when it is cancelled, create the provider again.
#[tokio::test]
async fn provider_that_the_update_deleted_is_put_back() {
    let without_provider = ClusterOptions { oidc_audiences: Vec::new(), ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), without_provider).await.unwrap();
    let empty = scenario.world().await.unwrap();
    let creating = json!({"ClusterName": CLUSTER, "OidcProvider": "Create"});
    let without = json!({"ClusterName": CLUSTER, "ControllerIdentity": ["PodIdentity"]});
    let created = scenario.send(&scenario.resource.create(&creating)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    scenario.send(&scenario.resource.update(&id, &properties(), &creating)).await.unwrap().succeeded();
    let before = scenario.world().await.unwrap();

    let update = scenario.resource.update(&id, &without, &properties());
    let issued = SystemTime::now();
    let shown = Shown::new("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS");
    in_progress().tell_then(&scenario, &shown.clone().since(issued + seconds(6)));
    let reason = deliver(&mut scenario, &update, issued).await.failed().to_owned();
    assert!(reason.contains("The old properties were restored"), "{reason}");
    before.assert_same(&scenario.world().await.unwrap(), "after an Update that was cancelled");

    scenario.send(&update).await.unwrap().succeeded();
    let back = scenario.resource.update(&id, &properties(), &without);
    in_progress().tell(&scenario, |when| when);
    let reason = deliver(&mut scenario, &back, issued).await.wrote_nothing().failed().to_owned();
    assert!(reason.contains("set OidcProvider to Create"), "{reason}");
    shown.since(issued - seconds(2)).tell(&scenario, |when| when);
    deliver(&mut scenario, &back, issued).await.succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the rollback");

    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    empty.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
