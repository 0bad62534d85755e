//! The cases that `make test` runs. They are the same ones every time, and take a bounded time.

use karpenter_prereqs_fuzz::aws_auth::{AUTHENTICATOR, AWS_AUTH};
use karpenter_prereqs_fuzz::event::EVENT;
use karpenter_prereqs_fuzz::run::{RunConfig, Summary, run};
use karpenter_prereqs_fuzz::spec::SPEC;
use karpenter_prereqs_fuzz::target::Target;

/// Constructs that are too rare for this number of cases.
const RARE: [&str; 1] = ["more than 1,000 entries"];

/// Runs the first cases of a target. Fails on a violation, and if a construct does not occur.
fn run_first(target: &'static Target, cases: u64) -> Summary {
    let config = RunConfig { seed: 1, first: 0, cases, threads: 2 };
    let summary = run(target, config, |_| {}).unwrap_or_else(|failure| {
        panic!("{} number {}: {}\nshrunk: {}", target.name, failure.number, failure.original, failure.shrunk)
    });
    assert_eq!(summary.outcomes.values().sum::<u64>(), cases);
    let unseen: Vec<_> =
        summary.constructs.iter().filter(|(name, count)| *count == 0 && !RARE.contains(name)).collect();
    assert!(unseen.is_empty(), "{}: {unseen:?}", target.name);
    summary
}

#[test]
fn edits_of_map_roles_keep_every_foreign_byte() {
    let summary = run_first(&AWS_AUTH, 20_000);
    assert!(summary.outcomes["edited"] > 10_000, "{summary:?}");
}

/// The authenticator's own parser judges these texts.
#[test]
fn texts_are_read_as_the_authenticator_reads_them() {
    let summary = run_first(&AUTHENTICATOR, 20_000);
    assert!(summary.outcomes["edited"] > 10_000, "{summary:?}");
}

#[test]
fn events_are_read_exactly_and_responses_are_valid() {
    let summary = run_first(&EVENT, 6_000);
    assert!(summary.outcomes["read, a request"] > 2_000, "{summary:?}");
}

#[test]
fn properties_are_accepted_or_rejected_by_name() {
    let summary = run_first(&SPEC, 10_000);
    assert!(summary.outcomes["accepted"] > 3_000, "{summary:?}");
}
