//! The judges, shown red: by services that lie to the function, so that it does what a broken one would do.

use hyper::{HeaderMap, StatusCode};
use local_cloud::{
    gateway::{Answer, Effect, When},
    lambda::Behaviour,
    sweep::{Bench, Operation, Sabotage, Verdict},
};

use super::harmless;

/// More PUTs than there is time for.
const MANY: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_and_is_not_so_is_told() {
    let mut bench = Bench::start().await.unwrap();
    // A deletion that is none: the answer says SUCCESS, and a role is left.
    let lie = When::call("iam", "DeleteRole").with("RoleName", "KarpenterNodeRole-demo");
    let verdict = lied_to(&mut Bench::start().await.unwrap(), Operation::Delete, lie, pretended()).await;
    assert!(verdict.leaks.contains(&"role/KarpenterNodeRole-demo is left".to_owned()), "{verdict:#?}");
    assert!(says(&verdict, "the world is not what the SUCCESS says"), "{verdict:#?}");

    // A policy that is not attached: nothing is left of it in the end, but the answer says SUCCESS.
    let lie = || When::call("iam", "AttachRolePolicy");
    let verdict = lied_to(&mut bench, Operation::Create, lie(), pretended()).await;
    assert!(says(&verdict, "the world is not what the SUCCESS says"), "{verdict:#?}");
    assert!(verdict.leaks.is_empty(), "{verdict:#?}");

    // A passing fault on one call, while another is refused for good.
    let verdict = lied_to(&mut bench, Operation::UpdateInPlace, lie(), Effect::Deny).await;
    assert!(says(&verdict, "a fault that passes made it fail"), "{verdict:#?}");
    assert!(verdict.reason.contains("AccessDenied"), "{verdict:#?}");

    // Policies that are attached and not listed: the function attaches them again.
    let unlisted = Effect::rewrite(|_, answer| {
        let empty = "<AttachedPolicies></AttachedPolicies>";
        let text = answer.text().into_owned();
        let (head, rest) = text.split_once("<AttachedPolicies>").unwrap();
        let (_, tail) = rest.split_once("</AttachedPolicies>").unwrap();
        answer.body = format!("{head}{empty}{tail}").into();
    });
    let verdict = lied_to(&mut bench, Operation::NoOp, When::call("iam", "ListAttachedRolePolicies"), unlisted).await;
    assert!(says(&verdict, "there was nothing to do, and it wrote"), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_is_told() {
    let mut bench = Bench::start().await.unwrap();
    // Nobody may ask CloudFormation, which matters to nobody, and makes for a short deadline.
    let case = harmless(&mut bench, Operation::NoOp, "denied").await;
    bench.sabotage(Sabotage { script: vec![Behaviour::Status(503); MANY], ..Sabotage::default() });
    let verdict = bench.run(&case).await.unwrap();
    assert_eq!(verdict.unanswered, ["the event was not answered"], "{verdict:#?}");
    bench.sabotage(Sabotage::default());
    let verdict = bench.run(&case).await.unwrap();
    assert!(verdict.is_good(), "{verdict:#?}");
}

/// A case whose fault does nothing, while a service lies to the swept event and to none that follows.
async fn lied_to(bench: &mut Bench, operation: Operation, when: When, lie: Effect) -> Verdict {
    let case = harmless(bench, operation, "error-500-once").await;
    bench.sabotage(Sabotage { lies: vec![(when, lie)], ..Sabotage::default() });
    bench.run(&case).await.unwrap()
}

/// What IAM answers when it has done what was asked, without doing it.
fn pretended() -> Effect {
    let body = "<Response><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></Response>";
    Effect::Answer(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() })
}

fn says(verdict: &Verdict, words: &str) -> bool {
    verdict.wrong.iter().any(|wrong| wrong.contains(words))
}
