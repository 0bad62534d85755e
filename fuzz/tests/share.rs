//! The share of the cases that `make test` runs: the same ones every time, in bounded time.

use karpenter_prereqs_fuzz::aws_auth::AWS_AUTH;
use karpenter_prereqs_fuzz::event::EVENT;
use karpenter_prereqs_fuzz::run::{Plan, Tally, run};
use karpenter_prereqs_fuzz::spec::SPEC;
use karpenter_prereqs_fuzz::target::Target;

/// What is too rare for a share.
const RARE: [&str; 1] = ["more than 1,000 entries"];

fn share(target: &'static Target, cases: u64) -> Tally {
    let tally = run(target, Plan { seed: 1, first: 0, cases, threads: 2 }, |_| {}).unwrap_or_else(|failure| {
        panic!("{} number {}: {}\nshrunk: {}", target.name, failure.number, failure.drawn, failure.shrunk)
    });
    assert_eq!(tally.fates.values().sum::<u64>(), cases);
    let unseen: Vec<_> = tally.constructs.iter().filter(|(name, count)| *count == 0 && !RARE.contains(name)).collect();
    assert!(unseen.is_empty(), "{}: {unseen:?}", target.name);
    tally
}

#[test]
fn edits_of_map_roles_keep_every_foreign_byte() {
    let tally = share(&AWS_AUTH, 20_000);
    assert!(tally.fates["edited"] > 10_000, "{tally:?}");
}

#[test]
fn every_event_is_read_as_it_is_and_every_answer_is_lawful() {
    let tally = share(&EVENT, 6_000);
    assert!(tally.fates["read, a request"] > 2_000, "{tally:?}");
}

#[test]
fn every_map_of_properties_is_taken_or_refused_by_name() {
    let tally = share(&SPEC, 10_000);
    assert!(tally.fates["taken"] > 3_000, "{tally:?}");
}
