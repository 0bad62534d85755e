//! Calls that hang: the response is sent in time, and reports the current step.

use std::time::Duration;

use local_cloud::{
    gateway::{Effect, When},
    lambda::{CfnResponse, Event},
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};

/// The time that Lambda or CloudFormation gives the event.
const SHORT: Duration = Duration::from_secs(18);

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// Sends an event whose call hangs in the gateway. Asserts that the function responds within [`SHORT`]. `limit` is Lambda's
/// timeout.
async fn respond_in_time(scenario: &mut Scenario, event: &Event, limit: Duration) -> CfnResponse {
    let url = scenario.responses.expect(event.ids());
    let invocation = scenario.function.invoke(&event.with_response_url(&url), limit).await.unwrap();
    assert!(invocation.returned(), "{:?}\n{}", invocation.outcome, invocation.log_text());
    assert!(invocation.duration < SHORT, "{:?}", invocation.duration);
    let response = scenario.responses.take(&url, Duration::from_millis(100)).await.unwrap();
    response.assert_sound();
    response
}

/// A call hangs past Lambda's or CloudFormation's deadline. The function responds FAILED in time, with the current step and the
/// remedy. The id is that of the later success, so that a Delete in between would find the created objects.
#[tokio::test]
async fn hanging_create_fails_in_time_with_current_step() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let minutes = Duration::from_mins(2);
    let with_long_timeout = scenario.resource.clone();
    let with_short_timeout = with_long_timeout.clone().service_timeout(u32::try_from(SHORT.as_secs()).unwrap());
    let cases = [
        (
            "eks",
            "DescribeCluster",
            SHORT,
            &with_long_timeout,
            "the deadline passed while reading the cluster, IAM and EC2",
        ),
        ("iam", "CreateRole", SHORT, &with_long_timeout, "create role `KarpenterNodeRole-demo`"),
        ("kubernetes", "update", minutes, &with_short_timeout, "to mapRoles of kube-system/aws-auth"),
    ];
    let mut ids = Vec::new();
    for (service, operation, limit, resource, words) in cases {
        let hang = scenario.cloud.gateway().rules().add(When::call(service, operation), Effect::Hang);
        let create = resource.create(&properties());
        let response = respond_in_time(&mut scenario, &create, limit).await;
        assert!(0 < hang.hits(), "{operation}");
        let reason = response.reason.clone().unwrap();
        assert!(reason.contains("the deadline passed while ") && reason.contains(words), "{operation}: {reason}");
        assert!(reason.contains("ServiceTimeout"), "the remedy is missing: {reason}");
        hang.remove();
        ids.push(response.physical_resource_id);
    }
    let created = scenario.send(&with_long_timeout.create(&properties())).await.unwrap();
    ids.push(created.succeeded().physical_resource_id.clone());
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    scenario.send(&with_long_timeout.delete(&ids[0], &properties())).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// An Update or a Delete whose call hangs gets a response in time too, with the id of the event.
#[tokio::test]
async fn hanging_update_and_delete_keep_their_id() {
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
        let response = respond_in_time(&mut scenario, &event, SHORT).await;
        assert!(0 < hang.hits(), "{operation}");
        assert!(response.reason.unwrap().contains("the deadline passed while "));
        assert_eq!(response.physical_resource_id, id);
        hang.remove();
    }
}
