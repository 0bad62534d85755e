//! Negative tests of the sweep's judge. Services lie to the function, so that it behaves like a faulty one, and the judge must
//! report that.

use hyper::{HeaderMap, StatusCode};
use local_cloud::{
    gateway::{Effect, ServiceResponse, When},
    lambda::Behaviour,
};
use sweep::{InjectedFaults, Operation, SweepRunner, Verdict};

use super::harmless;

/// More PUTs than the function has time for.
const MANY: usize = 1000;

/// The judge detects a SUCCESS that does not match the account, a failure at a transient error, and a write without a need.
#[tokio::test(flavor = "multi_thread")]
async fn false_responses_are_detected() {
    let mut runner = SweepRunner::start().await.unwrap();
    // IAM only pretends to delete a role. The response is SUCCESS, but the role is left.
    let lie = When::call("iam", "DeleteRole").with("RoleName", "KarpenterNodeRole-demo");
    let verdict =
        run_with_lie(&mut SweepRunner::start().await.unwrap(), Operation::Delete, lie, pretend_success()).await;
    assert!(verdict.leaks.contains(&"role/KarpenterNodeRole-demo remains".to_owned()), "{verdict:#?}");
    assert!(reports(&verdict, "the account contradicts the SUCCESS"), "{verdict:#?}");

    // IAM only pretends to attach a policy. The response is SUCCESS, but the policy is missing. Nothing is left at the end.
    let lie = || When::call("iam", "AttachRolePolicy");
    let verdict = run_with_lie(&mut runner, Operation::Create, lie(), pretend_success()).await;
    assert!(reports(&verdict, "the account contradicts the SUCCESS"), "{verdict:#?}");
    assert!(verdict.leaks.is_empty(), "{verdict:#?}");

    // The case has a transient fault at one call, but the operation fails because another call is denied.
    let verdict = run_with_lie(&mut runner, Operation::UpdateInPlace, lie(), Effect::Deny).await;
    assert!(reports(&verdict, "the operation failed because of a transient fault"), "{verdict:#?}");
    assert!(verdict.reason.contains("AccessDenied"), "{verdict:#?}");

    // IAM does not list attached policies, so the function attaches them again.
    let unlisted = Effect::rewrite(|_, response| {
        let empty = "<AttachedPolicies></AttachedPolicies>";
        let text = response.text().into_owned();
        let (head, rest) = text.split_once("<AttachedPolicies>").unwrap();
        let (_, tail) = rest.split_once("</AttachedPolicies>").unwrap();
        response.body = format!("{head}{empty}{tail}").into();
    });
    let verdict =
        run_with_lie(&mut runner, Operation::NoOp, When::call("iam", "ListAttachedRolePolicies"), unlisted).await;
    assert!(reports(&verdict, "an Update without changes made writes"), "{verdict:#?}");
}

/// The judge detects that an event got no response.
#[tokio::test(flavor = "multi_thread")]
async fn missing_response_is_detected() {
    let mut runner = SweepRunner::start().await.unwrap();
    // The denied status query does not affect the operation, but such a case has a short deadline.
    let case = harmless(&mut runner, Operation::NoOp, "denied").await;
    runner.inject(InjectedFaults { script: vec![Behaviour::Status(503); MANY], ..InjectedFaults::default() });
    let verdict = runner.run(&case).await.unwrap();
    assert_eq!(verdict.no_response, ["the event got no response"], "{verdict:#?}");
    runner.inject(InjectedFaults::default());
    let verdict = runner.run(&case).await.unwrap();
    assert!(verdict.is_good(), "{verdict:#?}");
}

/// Runs a case whose fault has no effect, while `lie` applies to calls that match `when`. The lie applies to the tested event,
/// but not to those that follow.
async fn run_with_lie(runner: &mut SweepRunner, operation: Operation, when: When, lie: Effect) -> Verdict {
    let case = harmless(runner, operation, "error-500-once").await;
    runner.inject(InjectedFaults { effects: vec![(when, lie)], ..InjectedFaults::default() });
    runner.run(&case).await.unwrap()
}

/// Returns IAM's response to a successful write, without the write.
fn pretend_success() -> Effect {
    let body = "<Response><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></Response>";
    let response = ServiceResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() };
    Effect::respond_with(move |_| response.clone())
}

fn reports(verdict: &Verdict, words: &str) -> bool {
    verdict.violations.iter().any(|text| text.contains(words))
}
