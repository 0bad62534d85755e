//! Work that hangs: the answer leaves in time, and says what was going on.

use std::time::Duration;

use local_cloud::{
    gateway::{Effect, When},
    lambda::{CfnResponse, Event},
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};

/// How long Lambda, or CloudFormation, gives it.
const SHORT: Duration = Duration::from_secs(18);

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// The answer, which must leave within the limit although the gateway hangs.
async fn answered_in_time(scenario: &mut Scenario, event: &Event, limit: Duration) -> CfnResponse {
    let url = scenario.responses.expect(event.ids());
    let invocation = scenario.function.invoke(&event.with_response_url(&url), limit).await.unwrap();
    assert!(invocation.returned(), "{:?}\n{}", invocation.outcome, invocation.log_text());
    assert!(invocation.duration < SHORT, "{:?}", invocation.duration);
    let response = scenario.responses.take(&url, Duration::from_millis(100)).await.unwrap();
    response.assert_sound();
    response
}

/// A call that hangs past the deadline, Lambda's or CloudFormation's: FAILED leaves in time and says what was going
/// on. The id is the one of the success that follows, so that a Delete in between would find what was made.
#[tokio::test]
async fn work_that_hangs_is_answered_in_time_with_what_was_going_on() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let minutes = Duration::from_mins(2);
    let patient = scenario.resource.clone();
    let impatient = patient.clone().service_timeout(u32::try_from(SHORT.as_secs()).unwrap());
    let cases = [
        ("eks", "DescribeCluster", SHORT, &patient, "the deadline passed while reading the cluster, IAM and EC2"),
        ("iam", "CreateRole", SHORT, &patient, "create role `KarpenterNodeRole-demo`"),
        ("kubernetes", "update", minutes, &impatient, "to mapRoles of kube-system/aws-auth"),
    ];
    let mut ids = Vec::new();
    for (service, operation, limit, resource, words) in cases {
        let hang = scenario.cloud.gateway().rules().add(When::call(service, operation), Effect::Hang);
        let create = resource.create(&properties());
        let response = answered_in_time(&mut scenario, &create, limit).await;
        assert!(0 < hang.hits(), "{operation}");
        let reason = response.reason.clone().unwrap();
        assert!(reason.contains("the deadline passed while ") && reason.contains(words), "{operation}: {reason}");
        assert!(reason.contains("ServiceTimeout"), "the cure is told: {reason}");
        hang.remove();
        ids.push(response.physical_resource_id);
    }
    let created = scenario.send(&patient.create(&properties())).await.unwrap();
    ids.push(created.succeeded().physical_resource_id.clone());
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    scenario.send(&patient.delete(&ids[0], &properties())).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// An Update and a Delete that hang are answered in time too, with the event's id.
#[tokio::test]
async fn an_update_and_a_delete_that_hang_keep_their_id() {
    let mut scenario = Scenario::start().await.unwrap();
    let resource = scenario.resource.clone();
    let created = scenario.send(&resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let tagged = json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}});
    let replaced = json!({"ClusterName": CLUSTER, "ControllerRoleName": "another"});
    let update = |new| resource.update(&id, new, &properties());
    for (event, service, operation) in [
        (update(&tagged), "iam", "TagRole"),
        (update(&replaced), "iam", "CreateRole"),
        (resource.delete(&id, &properties()), "iam", "DeleteInstanceProfile"),
    ] {
        let hang = scenario.cloud.gateway().rules().add(When::call(service, operation), Effect::Hang);
        let response = answered_in_time(&mut scenario, &event, SHORT).await;
        assert!(0 < hang.hits(), "{operation}");
        assert!(response.reason.unwrap().contains("the deadline passed while "));
        assert_eq!(response.physical_resource_id, id);
        hang.remove();
    }
}
