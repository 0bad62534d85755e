//! Calls that go astray: answers that are lost, objects that are not everywhere yet, errors that no retry heals.

use std::time::Duration;

use local_cloud::{
    gateway::{Consistency, Effect, Strictness, When},
    scenario::{Delivered, Scenario},
};
use serde_json::{Value, json};

use super::{create, delete, properties, world_of};

/// AWS did what it was asked and the answer was lost: the function finds its own object and goes on, and what stands
/// then is what always stands.
#[tokio::test]
async fn a_lost_answer_costs_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let properties = properties(&json!({}));
    let expected = world_of(&mut scenario, &properties).await;
    let lost = [
        ("iam", "CreateRole", 2),
        ("iam", "CreateInstanceProfile", 1),
        ("iam", "AddRoleToInstanceProfile", 1),
        ("iam", "PutRolePolicy", 1),
        ("ec2", "CreateTags", 1),
        ("kubernetes", "update", 1),
    ];
    for (service, operation, times) in lost {
        // Each role's own first answer: the same call a second time is the retry.
        let rules: Vec<_> = (0..times)
            .map(|index| {
                let name = ["KarpenterNodeRole-demo", "KarpenterControllerRole-demo"][index];
                let when = if operation == "CreateRole" {
                    When::call(service, operation).with("RoleName", name)
                } else {
                    When::call(service, operation)
                };
                scenario.cloud.gateway().rules().add(when.once(), Effect::CutAfter)
            })
            .collect();
        let id = create(&mut scenario, &properties).await;
        for rule in rules {
            assert_eq!(rule.hits(), 1, "{operation}");
            rule.remove();
        }
        expected.assert_same(&scenario.world().await.unwrap(), &format!("after an answer to {operation} was lost"));
        delete(&mut scenario, &id, &properties).await;
    }
}

/// IAM's copies agree after a while: new roles and profiles that the next calls do not find yet are waited for.
#[tokio::test]
async fn new_objects_that_are_not_everywhere_yet_are_waited_for() {
    let mut scenario = Scenario::start().await.unwrap();
    let properties = properties(&json!({}));
    let expected = world_of(&mut scenario, &properties).await;
    let consistency = Consistency { calls: 4, within: Duration::from_mins(1) };
    scenario.cloud.gateway().set_strictness(Strictness { consistency: Some(consistency), ..Strictness::default() });
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let unknown =
        created.calls.iter().filter(|call| call.error_code.as_deref() == Some("NoSuchEntity") && call.is_write());
    assert!(8 <= unknown.count(), "the new objects were not unknown at first");
    expected.assert_same(&scenario.world().await.unwrap(), "after eventual consistency");
    delete(&mut scenario, &id, &properties).await;
}

/// What AWS refuses for a reason that is the caller's is asked once: the user reads of it in seconds.
#[tokio::test]
async fn an_error_of_the_callers_is_not_retried() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let base = properties(&json!({}));
    let refusals = [
        ("iam", "CreateRole", "MalformedPolicyDocument"),
        ("iam", "CreateInstanceProfile", "LimitExceeded"),
        ("iam", "PutRolePolicy", "LimitExceeded"),
        ("iam", "CreateRole", "AccessDenied"),
        ("ec2", "CreateTags", "UnauthorizedOperation"),
        ("kubernetes", "update", "Invalid"),
    ];
    for (service, operation, code) in refusals {
        let status = if service == "kubernetes" { 422 } else { 400 };
        let rule = scenario
            .cloud
            .gateway()
            .rules()
            .add(When::call(service, operation), Effect::refuse(status, code, "refused by the test"));
        let failed = fails(&mut scenario, &base).await;
        rule.remove();
        let reason = failed.failed();
        assert!(reason.contains("refused by the test"), "{reason}");
        for call in failed.calls.iter().filter(|call| call.is(service, operation)) {
            let same = failed.calls.iter().filter(|other| other.params == call.params && other.is(service, operation));
            assert_eq!(same.count(), 1, "{call}");
        }
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {code} of {operation}"));
    }
}

/// A Create that fails, and the Delete by which CloudFormation rolls it back.
async fn fails(scenario: &mut Scenario, properties: &Value) -> Delivered {
    let failed = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    failed.failed();
    let id = failed.response.physical_resource_id.clone();
    delete(scenario, &id, properties).await;
    failed
}
