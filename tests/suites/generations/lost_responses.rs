//! Lost responses of AWS, eventual consistency, and errors that no retry can solve.

use std::time::Duration;

use local_cloud::{
    gateway::{Consistency, Effect, Strictness, When},
    scenario::{Delivered, Scenario},
};
use serde_json::{Value, json};

use super::{create, delete, properties, world_of};

/// AWS carries out a call, but its response is lost. The function retries, finds its own object and continues. The result is
/// the same as without the loss.
#[tokio::test]
async fn lost_response_does_not_change_result() {
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
        // For CreateRole, the first response of each of the two roles is lost. A second call for a role is the retry.
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
        expected.assert_same(&scenario.world().await.unwrap(), &format!("after a lost response of {operation}"));
        delete(&mut scenario, &id, &properties).await;
    }
}

/// IAM is eventually consistent: the next calls do not find a new role or instance profile. The function retries them.
#[tokio::test]
async fn unpropagated_objects_are_waited_for() {
    let mut scenario = Scenario::start().await.unwrap();
    let properties = properties(&json!({}));
    let expected = world_of(&mut scenario, &properties).await;
    let consistency = Consistency { calls: 4, within: Duration::from_mins(1) };
    scenario.cloud.gateway().set_strictness(Strictness { consistency: Some(consistency), ..Strictness::default() });
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let not_found =
        created.calls.iter().filter(|call| call.error_code.as_deref() == Some("NoSuchEntity") && call.is_write());
    assert!(8 <= not_found.count(), "the new objects were found at once");
    expected.assert_same(&scenario.world().await.unwrap(), "after eventual consistency");
    delete(&mut scenario, &id, &properties).await;
}

/// A client error is final at the first attempt, so that the user reads it within seconds.
#[tokio::test]
async fn client_errors_are_not_retried() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let base = properties(&json!({}));
    let errors = [
        ("iam", "CreateRole", "MalformedPolicyDocument"),
        ("iam", "CreateInstanceProfile", "LimitExceeded"),
        ("iam", "PutRolePolicy", "LimitExceeded"),
        ("iam", "CreateRole", "AccessDenied"),
        ("ec2", "CreateTags", "UnauthorizedOperation"),
        ("kubernetes", "update", "Invalid"),
    ];
    for (service, operation, code) in errors {
        let status = if service == "kubernetes" { 422 } else { 400 };
        let rule = scenario
            .cloud
            .gateway()
            .rules()
            .add(When::call(service, operation), Effect::refuse(status, code, "refused by the test"));
        let failed = fail_and_delete(&mut scenario, &base).await;
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

/// Sends a Create, which must fail, and the Delete of CloudFormation's rollback. Returns the delivery of the Create.
async fn fail_and_delete(scenario: &mut Scenario, properties: &Value) -> Delivered {
    let failed = scenario.send(&scenario.resource.create(properties)).await.unwrap();
    failed.failed();
    let id = failed.response.physical_resource_id.clone();
    delete(scenario, &id, properties).await;
    failed
}
