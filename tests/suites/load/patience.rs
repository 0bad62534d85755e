//! How long a call is made again: what throttles heals, and is waited out for as long as there is time; what breaks is
//! given a while; any other refusal is final at once. In each case the answer leaves in time and says what stood in the
//! way.

use std::time::{Duration, Instant};

use local_cloud::{
    gateway::{Effect, When},
    scenario::{CLUSTER, Scenario},
};
use serde_json::{Value, json};

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// A scenario whose resource has this many seconds.
async fn scenario(seconds: u32) -> Scenario {
    let mut scenario = Scenario::start().await.unwrap();
    scenario.resource = scenario.resource.clone().service_timeout(seconds);
    scenario
}

/// The reason of a Create that fails while the rule is in force, which it must within that time; how often the rule
/// struck; and then a Delete that leaves the world as it was.
async fn failure(scenario: &mut Scenario, when: When, effect: Effect, within: Duration) -> (String, usize) {
    let before = scenario.world().await.unwrap();
    let rule = scenario.cloud.gateway().rules().add(when, effect);
    let begun = Instant::now();
    let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let (took, hits) = (begun.elapsed(), rule.hits());
    let reason = failed.failed().to_owned();
    assert!(took < within, "{took:?}: {reason}");
    rule.remove();
    let id = failed.response.physical_resource_id.clone();
    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), &format!("after: {reason}"));
    (reason, hits)
}

/// A throttle without end: the call is made again until there is no more time for it, and then the service's own words
/// are told, with what to do.
#[tokio::test]
async fn a_throttle_without_end_is_told_in_time_in_the_services_words() {
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
        assert!(reason.contains("deploy again when less goes on in the account"), "{reason}");
        assert!(8 < hits, "{operation} was tried {hits} times");
    }
}

/// Throttles that end are waited out, however many they were and however many the same process has met before: the
/// SDK would give up a call after some tries, and all calls after some hundred retries.
#[tokio::test]
async fn throttles_that_end_are_waited_out_time_after_time() {
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

/// A service that breaks is given a part of the time; one that refuses, none.
#[tokio::test]
async fn what_breaks_is_given_a_while_and_what_refuses_none() {
    let mut scenario = scenario(60).await;
    // Long before the deadline, also where the machine is busy.
    let limit = Duration::from_secs(40);
    let (reason, hits) = failure(&mut scenario, When::call("iam", "CreateRole"), Effect::Error500, limit).await;
    assert!(reason.contains("ServiceFailure"), "{reason}");
    assert!(8 < hits, "it was tried {hits} times");

    let refuse = Effect::refuse(400, "InvalidInput", "no");
    let (reason, hits) = failure(&mut scenario, When::call("iam", "PutRolePolicy"), refuse, limit).await;
    assert!(reason.contains("InvalidInput: no"), "{reason}");
    assert_eq!(hits, 1);
}

/// An API server that is too busy for a while is waited for, also where it says so only to the write; one that stays so
/// is told in time.
#[tokio::test]
async fn a_busy_api_server_is_waited_for() {
    let mut scenario = scenario(30).await;
    let busy = [
        (429, "TooManyRequests", "the server has received too many requests"),
        (503, "ServiceUnavailable", "the server is currently unable to handle the request"),
        (504, "Timeout", "request did not complete within the allotted timeout"),
    ];
    for (status, code, message) in busy {
        let before = scenario.world().await.unwrap();
        let refuse = Effect::refuse(status, code, message);
        succeeds_although(&mut scenario, &refuse).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {status}"));
    }
    let (status, code, message) = busy[1];
    for verb in ["get", "update"] {
        let refuse = Effect::refuse(status, code, message);
        let limit = Duration::from_secs(30);
        let (reason, hits) = failure(&mut scenario, When::call("kubernetes", verb), refuse, limit).await;
        assert!(reason.contains(&format!("{verb} the ConfigMap kube-system/aws-auth")), "{reason}");
        assert!(reason.contains("deploy again when it is well") && reason.contains(message), "{reason}");
        assert!(4 < hits, "{verb} was tried {hits} times");
    }
}

/// A connection that ends before it is answered is made again: one that was kept while AWS was waited for may have
/// ended.
#[tokio::test]
async fn a_lost_connection_to_the_api_server_is_made_again() {
    let mut scenario = scenario(60).await;
    let before = scenario.world().await.unwrap();
    succeeds_although(&mut scenario, &Effect::Reset).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A token that was taken is taken again: a cluster whose authenticator is throttled by STS, or waits for it in vain,
/// says 401 for a while, also to the first call. One that it does not know for good is told so soon.
#[tokio::test]
async fn a_token_that_is_refused_for_a_while_is_shown_again() {
    let mut scenario = scenario(60).await;
    let before = scenario.world().await.unwrap();
    let refuse = Effect::refuse(401, "Unauthorized", "Unauthorized");
    succeeds_although(&mut scenario, &refuse).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    let limit = Duration::from_secs(40);
    let (reason, hits) = failure(&mut scenario, When::call("kubernetes", "get"), refuse, limit).await;
    assert!(reason.contains("does not know the function's role (401 Unauthorized)"), "{reason}");
    assert!(2 < hits, "it was tried {hits} times");
}

/// CloudFormation's word is waited for longer where it throttles than where it says nothing: in a crowd, too, a
/// Create that it has withdrawn makes nothing.
#[tokio::test]
async fn a_throttled_question_to_cloudformation_is_asked_again() {
    let mut scenario = scenario(60).await;
    let begun = Instant::now();
    let throttling = move |_: &_| begun.elapsed() < Duration::from_secs(8);
    let rules = scenario.cloud.gateway().rules().clone();
    rules.add(When::service("cloudformation").passing(throttling), Effect::Throttle);
    let _shown = scenario.stub_stack_status("", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS");
    let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let reason = failed.wrote_nothing().failed();
    assert!(reason.contains("nothing was changed"), "{reason}");
}

/// A Create and a Delete that succeed although this strikes the first two calls of each verb to the API server.
async fn succeeds_although(scenario: &mut Scenario, effect: &Effect) {
    let rules = scenario.cloud.gateway().rules().clone();
    let strike =
        || ["get", "create", "update"].map(|verb| rules.add(When::call("kubernetes", verb).first(2), effect.clone()));
    let struck = strike();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    assert_eq!(struck.map(|rule| rule.hits()), [2, 2, 2]);
    let struck = strike();
    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    assert_eq!(struck.map(|rule| rule.hits()), [2, 2, 2]);
    rules.clear();
}
