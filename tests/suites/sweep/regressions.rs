//! Cases in which the sweep found a fault that is fixed.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use local_cloud::gateway::{Effect, When};
use sweep::{InjectedFaults, Operation, SweepRunner};

use super::case;

/// A broken connection to the API server, or one error 500 of it, made a Create fail. A retry of the call was enough.
#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_api_faults_are_retried() {
    let mut runner = SweepRunner::start().await.unwrap();
    let calls = [
        ("get(resource=configmaps,name=aws-auth)#1", &["cut-before", "cut-after", "reset", "error-500-once"][..]),
        (
            "dry-run-update(resource=configmaps,name=aws-auth)#1",
            &["cut-before", "cut-after", "reset", "error-500-once"],
        ),
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

/// A failed replacement queried the stack's status for so long that it had no time to undo its changes. The response did not
/// report that the new objects still existed.
#[tokio::test(flavor = "multi_thread")]
async fn response_reports_objects_not_undone_in_time() {
    let mut runner = SweepRunner::start().await.unwrap();
    let case =
        case(&mut runner, Operation::Replace, "kubernetes.update(resource=configmaps,name=aws-auth)#1/hung").await;
    // The first status query succeeds. The second starts at the deadline of the work, 4.9 s after the first. It is throttled at
    // each retry, and its last attempt hangs.
    let first_query = Arc::new(OnceLock::new());
    let query_between = |from, until| {
        let first_query = Arc::clone(&first_query);
        let at = move |_: &_| (from..until).contains(&first_query.get_or_init(Instant::now).elapsed());
        When::call("cloudformation", "DescribeStacks").passing(at)
    };
    let (second, last) = (Duration::from_secs(3), Duration::from_millis(6150));
    let effects =
        vec![(query_between(second, last), Effect::Throttle), (query_between(last, Duration::MAX), Effect::Hang)];
    runner.inject(InjectedFaults { effects, ..InjectedFaults::default() });
    let verdict = runner.run(&case).await.unwrap();
    assert!(verdict.is_good(), "{verdict:#?}");
}
