//! What the sweep has found, and is mended.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use local_cloud::{
    gateway::{Effect, When},
    sweep::{SweepRunner, Operation, InjectedFaults},
};

use super::case;

/// A connection to the API server that broke, and an API server that broke once, made a Create fail that had only to
/// ask again.
#[tokio::test(flavor = "multi_thread")]
async fn the_kubernetes_api_is_asked_again() {
    let mut runner = SweepRunner::start().await.unwrap();
    let calls = [
        ("get(resource=configmaps,name=aws-auth)#1", &["cut-before", "cut-after", "reset", "error-500-once"][..]),
        ("create(resource=selfsubjectaccessreviews)#1", &["cut-before", "cut-after", "reset", "error-500-once"]),
        ("update(resource=configmaps,name=aws-auth)#1", &["cut-before", "cut-after", "reset", "error-500-once"]),
    ];
    for (call, faults) in calls {
        for fault in faults {
            let case = case(&mut runner, Operation::Create, &format!("kubernetes.{call}/{fault}")).await;
            let verdict = runner.run(&case).await.unwrap();
            assert!(verdict.is_good(), "{}: {verdict:#?}", case.id());
        }
    }
}

/// A replacement that failed asked CloudFormation for so long that no time was left to take it back; the answer did not
/// say that it still stood.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_tells_what_there_was_no_time_to_take_back() {
    let mut runner = SweepRunner::start().await.unwrap();
    let case =
        case(&mut runner, Operation::Replace, "kubernetes.update(resource=configmaps,name=aws-auth)#1/hung").await;
    // The first question is answered. The second comes when the time for work is over, 4.9 s after the first: it is
    // refused for as long as it is asked again, and the last time there is no answer at all.
    let begun = Arc::new(OnceLock::new());
    let asked = |from, until| {
        let begun = Arc::clone(&begun);
        let at = move |_: &_| (from..until).contains(&begun.get_or_init(Instant::now).elapsed());
        When::call("cloudformation", "DescribeStacks").passing(at)
    };
    let (second, last) = (Duration::from_secs(3), Duration::from_millis(6150));
    let effects = vec![(asked(second, last), Effect::Throttle), (asked(last, Duration::MAX), Effect::Hang)];
    runner.inject(InjectedFaults { effects, ..InjectedFaults::default() });
    let verdict = runner.run(&case).await.unwrap();
    assert!(verdict.is_good(), "{verdict:#?}");
}
