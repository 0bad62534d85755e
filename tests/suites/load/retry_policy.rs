//! How long the function retries a call:
//!
//! - A throttled call is retried until the deadline.
//! - A server error is retried for a part of the time.
//! - A client error is final at the first attempt.
//!
//! In each case the response is sent in time, and reports the error.

use std::time::{Duration, Instant};

use local_cloud::{
    gateway::{Effect, When},
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// Starts a scenario whose resource has this `ServiceTimeout`, in seconds.
async fn scenario(seconds: u32) -> Scenario {
    let mut scenario = Scenario::start().await.unwrap();
    scenario.resource = scenario.resource.clone().service_timeout(seconds);
    scenario
}

/// Sends a Create while a rule applies, and then a Delete without the rule. Asserts that the Create fails within the time
/// `within`, and that the Delete restores the account.
///
/// Returns the Create's Reason, and the number of calls that the rule applied to.
async fn failure(scenario: &mut Scenario, when: When, effect: Effect, within: Duration) -> (String, usize) {
    let before = scenario.world().await.unwrap();
    let rule = scenario.cloud.gateway().rules().add(when, effect);
    let started = Instant::now();
    let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let (took, hits) = (started.elapsed(), rule.hits());
    let reason = failed.failed().to_owned();
    assert!(took < within, "{took:?}: {reason}");
    rule.remove();
    let id = failed.response.physical_resource_id.clone();
    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), &format!("after: {reason}"));
    (reason, hits)
}

/// A call that is throttled without end is retried until the deadline. Then the Reason has the service's error message and a
/// remedy.
#[tokio::test]
async fn endless_throttling_fails_in_time_with_service_error() {
    let mut scenario = scenario(18).await;
    for (service, operation, words) in [
        ("eks", "DescribeCluster", "describe cluster `demo`: ThrottlingException: Rate exceeded"),
        ("iam", "GetRole", "get role `Karpenter"),
        ("iam", "AttachRolePolicy", "Throttling: Rate exceeded"),
        ("ec2", "CreateTags", "RequestLimitExceeded: Request limit exceeded."),
    ] {
        let limit = Duration::from_secs(18);
        let (reason, hits) = failure(&mut scenario, When::call(service, operation), Effect::Throttle, limit).await;
        assert!(reason.contains(words), "{reason}");
        assert!(reason.contains("AWS throttled this call until the deadline"), "{reason}");
        assert!(8 < hits, "{hits} attempts of {operation}");
    }
}

/// Throttling that ends is retried until the call succeeds, also in a process that has retried many calls before. With its
/// defaults the SDK would fail a call after three attempts, and all calls after some hundred retries (its retry quota).
#[tokio::test]
async fn temporary_throttling_is_retried_without_limit() {
    let mut scenario = scenario(30).await;
    let before = scenario.world().await.unwrap();
    for round in 0..2 {
        let rules = scenario.cloud.gateway().rules().clone();
        let create = rules.add(When::service("iam").first(110), Effect::Throttle);
        let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
        let id = created.succeeded().physical_resource_id.clone();
        let delete = rules.add(When::call("ec2", "DeleteTags").first(12), Effect::Throttle);
        scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
        assert_eq!((create.hits(), delete.hits()), (110, 12));
        rules.clear();
        before.assert_same(&scenario.world().await.unwrap(), &format!("after round {round}"));
    }
}

/// A server error (5xx) is retried for a part of the time. A client error (4xx) is not retried.
#[tokio::test]
async fn server_errors_are_retried_and_client_errors_are_not() {
    let mut scenario = scenario(60).await;
    // Well before the deadline of 60 seconds, also on a busy machine.
    let limit = Duration::from_secs(40);
    let (reason, hits) = failure(&mut scenario, When::call("iam", "CreateRole"), Effect::Error500, limit).await;
    assert!(reason.contains("ServiceFailure"), "{reason}");
    assert!(8 < hits, "{hits} attempts");

    let client_error = Effect::refuse(400, "InvalidInput", "no");
    let (reason, hits) = failure(&mut scenario, When::call("iam", "PutRolePolicy"), client_error, limit).await;
    assert!(reason.contains("InvalidInput: no"), "{reason}");
    assert_eq!(hits, 1);
}

/// Calls to a Kubernetes API server that is too busy (429, 503 or 504) are retried, reads and writes. If the server stays
/// busy, the Create fails in time and reports that.
#[tokio::test]
async fn busy_api_server_is_retried_until_deadline() {
    let mut scenario = scenario(30).await;
    let busy = [
        (429, "TooManyRequests", "the server has received too many requests"),
        (503, "ServiceUnavailable", "the server is currently unable to handle the request"),
        (504, "Timeout", "request did not complete within the allotted timeout"),
    ];
    for (status, code, message) in busy {
        let before = scenario.world().await.unwrap();
        let error = Effect::refuse(status, code, message);
        create_and_delete_despite(&mut scenario, &error).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {status}"));
    }
    let (status, code, message) = busy[1];
    for verb in ["get", "update"] {
        let error = Effect::refuse(status, code, message);
        let limit = Duration::from_secs(30);
        let (reason, hits) = failure(&mut scenario, When::call("kubernetes", verb), error, limit).await;
        assert!(reason.contains(&format!("{verb} the ConfigMap kube-system/aws-auth")), "{reason}");
        assert!(reason.contains("Retry when the API server is healthy") && reason.contains(message), "{reason}");
        assert!(4 < hits, "{hits} attempts of {verb}");
    }
}

/// A call whose connection ends before the response is retried on a new connection. An idle connection may have ended while
/// the function waited for AWS.
#[tokio::test]
async fn lost_api_server_connection_is_reopened() {
    let mut scenario = scenario(60).await;
    let before = scenario.world().await.unwrap();
    create_and_delete_despite(&mut scenario, &Effect::Reset).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A 401 is retried for a while, also at the first call, because the cluster's authenticator returns 401 if STS throttles it
/// or does not respond. If the 401 persists, the Create fails soon.
#[tokio::test]
async fn rejected_token_is_retried_for_a_while() {
    let mut scenario = scenario(60).await;
    let before = scenario.world().await.unwrap();
    let unauthorized = Effect::refuse(401, "Unauthorized", "Unauthorized");
    create_and_delete_despite(&mut scenario, &unauthorized).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    let limit = Duration::from_secs(40);
    let (reason, hits) = failure(&mut scenario, When::call("kubernetes", "get"), unauthorized, limit).await;
    assert!(reason.contains("does not know the function's role (401 Unauthorized)"), "{reason}");
    assert!(2 < hits, "{hits} attempts");
}

/// The function waits longer for the stack's status if CloudFormation throttles than if it does not respond. So a cancelled
/// Create changes nothing, also if many resources run at once.
#[tokio::test]
async fn throttled_cloudformation_status_is_retried() {
    let mut scenario = scenario(60).await;
    let started = Instant::now();
    let throttling = move |_: &_| started.elapsed() < Duration::from_secs(8);
    let rules = scenario.cloud.gateway().rules().clone();
    rules.add(When::service("cloudformation").passing(throttling), Effect::Throttle);
    let _shown = scenario.stub_stack_status("", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS");
    let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let reason = failed.wrote_nothing().failed();
    assert!(reason.contains("nothing was changed"), "{reason}");
}

/// Sends a Create and a Delete, which must succeed although `effect` applies to the first two calls of each Kubernetes verb.
async fn create_and_delete_despite(scenario: &mut Scenario, effect: &Effect) {
    let rules = scenario.cloud.gateway().rules().clone();
    let inject = || {
        ["get", "dry-run-update", "update"]
            .map(|verb| rules.add(When::call("kubernetes", verb).first(2), effect.clone()))
    };
    let injected = inject();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    assert_eq!(injected.map(|rule| rule.hits()), [2, 2, 2]);
    let injected = inject();
    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    assert_eq!(injected.map(|rule| rule.hits()), [2, 2, 2]);
    rules.clear();
}
