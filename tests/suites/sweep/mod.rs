//! Whatever happens to whichever call: CloudFormation is answered in time, told what is so, and nothing is left in the
//! end. `make sweep` runs all cases; here is a share of them, and the judges are shown to see what they are for.

mod found;
mod leaks;
mod red;

use std::time::{SystemTime, UNIX_EPOCH};

use local_cloud::sweep::{SweepRunner, Case, Operation, Summary, shuffled, shards};

use crate::seeded::number;

/// How many cases of all are run here.
const SHARE: usize = 60;

/// How many clouds work side by side.
const SHARDS: usize = 3;

/// A share of the sweep, another each time. `SWEEP_SEED` is what chooses it, to see a failure again.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_sweep_is_answered_told_and_cleaned_up() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("SWEEP_SEED", now);
    let mut runner = SweepRunner::start().await.unwrap();
    let cases = shuffled(all_cases(&mut runner).await, seed).into_iter().take(SHARE);
    let mut summary = Summary::default();
    let tell = |case: &Case, verdict: &_| {
        summary.add(&case.id(), verdict);
        Ok(())
    };
    Box::pin(shards::run(runner, SHARDS, cases, tell)).await.unwrap();
    println!("SWEEP_SEED={seed}: {summary}");
    assert!(summary.is_good(), "SWEEP_SEED={seed} shows it again:\n{}", summary.failures().join("\n"));
    assert_eq!(summary.cases, SHARE);
}

async fn all_cases(runner: &mut SweepRunner) -> Vec<Case> {
    let mut cases = Vec::new();
    for operation in Operation::ALL {
        cases.extend(Box::pin(runner.cases(operation)).await.unwrap());
    }
    cases
}

/// A case of this fault that makes no difference to the operation: CloudFormation is asked once more, or not heard.
async fn harmless(runner: &mut SweepRunner, operation: Operation, fault: &str) -> Case {
    case(runner, operation, &format!("cloudformation.DescribeStacks()#1/{fault}")).await
}

/// The case of an operation whose id goes on so.
async fn case(runner: &mut SweepRunner, operation: Operation, rest: &str) -> Case {
    let id = format!("{}/{rest}", operation.name());
    let cases = runner.cases(operation).await.unwrap();
    cases.into_iter().find(|case| case.id() == id).unwrap_or_else(|| panic!("there is no case {id}"))
}
