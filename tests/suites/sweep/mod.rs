//! A sample of the sweep, which makes every call of every operation fail in every way.
//!
//! In each case CloudFormation gets a true response in time, and nothing is left at the end. `make sweep` runs all cases. The
//! other modules test that the sweep's judge detects violations.

mod judge_selftest;
mod leak_detection;
mod regressions;

use std::time::{SystemTime, UNIX_EPOCH};

use sweep::{Case, Operation, Summary, SweepRunner, shards, shuffled};

use crate::seeded::number;

/// The number of cases in the sample.
const SAMPLE: usize = 60;

/// The number of clouds that work at the same time.
const SHARDS: usize = 3;

/// Runs a random sample of the sweep, another one each time. The environment variable `SWEEP_SEED` selects the sample, to
/// reproduce a failure.
#[tokio::test(flavor = "multi_thread")]
async fn sample_of_sweep_cases_passes() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("SWEEP_SEED", now);
    let mut runner = SweepRunner::start().await.unwrap();
    let cases = shuffled(all_cases(&mut runner).await, seed).into_iter().take(SAMPLE);
    let mut summary = Summary::default();
    let record = |case: &Case, verdict: &_| {
        summary.add(&case.id(), verdict);
        Ok(())
    };
    Box::pin(shards::run(runner, SHARDS, cases, record)).await.unwrap();
    println!("SWEEP_SEED={seed}: {summary}");
    assert!(summary.is_good(), "reproduce with SWEEP_SEED={seed}:\n{}", summary.failures().join("\n"));
    assert_eq!(summary.cases, SAMPLE);
}

async fn all_cases(runner: &mut SweepRunner) -> Vec<Case> {
    let mut cases = Vec::new();
    for operation in Operation::ALL {
        cases.extend(Box::pin(runner.cases(operation)).await.unwrap());
    }
    cases
}

/// Returns a case with this fault at a call that does not affect the operation: the query of the stack's status. The function
/// retries it, or continues without the status.
async fn harmless(runner: &mut SweepRunner, operation: Operation, fault: &str) -> Case {
    case(runner, operation, &format!("cloudformation.DescribeStacks()#1/{fault}")).await
}

/// Returns the case of an operation whose id ends with `rest`.
async fn case(runner: &mut SweepRunner, operation: Operation, rest: &str) -> Case {
    let id = format!("{}/{rest}", operation.name());
    let cases = runner.cases(operation).await.unwrap();
    cases.into_iter().find(|case| case.id() == id).unwrap_or_else(|| panic!("no case {id} exists"))
}
