//! The judges, shown red: by services that lie to the function, so that it does what a broken one would do.

use hyper::{HeaderMap, StatusCode};
use local_cloud::{
    gateway::{ServiceResponse, Effect, When},
    lambda::Behaviour,
    sweep::{SweepRunner, Operation, InjectedFaults, Verdict},
};

use super::harmless;

/// More PUTs than there is time for.
const MANY: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_and_is_not_so_is_told() {
    let mut runner = SweepRunner::start().await.unwrap();
    // A deletion that is none: the answer says SUCCESS, and a role is left.
    let lie = When::call("iam", "DeleteRole").with("RoleName", "KarpenterNodeRole-demo");
    let verdict = lied_to(&mut SweepRunner::start().await.unwrap(), Operation::Delete, lie, pretended()).await;
    assert!(verdict.leaks.contains(&"role/KarpenterNodeRole-demo remains".to_owned()), "{verdict:#?}");
    assert!(says(&verdict, "the account contradicts the SUCCESS"), "{verdict:#?}");

    // A policy that is not attached: nothing is left of it in the end, but the answer says SUCCESS.
    let lie = || When::call("iam", "AttachRolePolicy");
    let verdict = lied_to(&mut runner, Operation::Create, lie(), pretended()).await;
    assert!(says(&verdict, "the account contradicts the SUCCESS"), "{verdict:#?}");
    assert!(verdict.leaks.is_empty(), "{verdict:#?}");

    // A passing fault on one call, while another is refused for good.
    let verdict = lied_to(&mut runner, Operation::UpdateInPlace, lie(), Effect::Deny).await;
    assert!(says(&verdict, "the operation failed because of a transient fault"), "{verdict:#?}");
    assert!(verdict.reason.contains("AccessDenied"), "{verdict:#?}");

    // Policies that are attached and not listed: the function attaches them again.
    let unlisted = Effect::rewrite(|_, response| {
        let empty = "<AttachedPolicies></AttachedPolicies>";
        let text = response.text().into_owned();
        let (head, rest) = text.split_once("<AttachedPolicies>").unwrap();
        let (_, tail) = rest.split_once("</AttachedPolicies>").unwrap();
        response.body = format!("{head}{empty}{tail}").into();
    });
    let verdict = lied_to(&mut runner, Operation::NoOp, When::call("iam", "ListAttachedRolePolicies"), unlisted).await;
    assert!(says(&verdict, "an Update without changes made writes"), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_told() {
    let mut runner = SweepRunner::start().await.unwrap();
    // Nobody may ask CloudFormation, which matters to nobody, and makes for a short deadline.
    let case = harmless(&mut runner, Operation::NoOp, "denied").await;
    runner.inject(InjectedFaults { script: vec![Behaviour::Status(503); MANY], ..InjectedFaults::default() });
    let verdict = runner.run(&case).await.unwrap();
    assert_eq!(verdict.no_response, ["the event got no response"], "{verdict:#?}");
    runner.inject(InjectedFaults::default());
    let verdict = runner.run(&case).await.unwrap();
    assert!(verdict.is_good(), "{verdict:#?}");
}

/// A case whose fault does nothing, while a service lies to the swept event and to none that follows.
async fn lied_to(runner: &mut SweepRunner, operation: Operation, when: When, lie: Effect) -> Verdict {
    let case = harmless(runner, operation, "error-500-once").await;
    runner.inject(InjectedFaults { effects: vec![(when, lie)], ..InjectedFaults::default() });
    runner.run(&case).await.unwrap()
}

/// What IAM answers when it has done what was asked, without doing it.
fn pretended() -> Effect {
    let body = "<Response><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></Response>";
    Effect::Respond(ServiceResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() })
}

fn says(verdict: &Verdict, words: &str) -> bool {
    verdict.violations.iter().any(|text| text.contains(words))
}
