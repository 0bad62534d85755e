//! Random sequences of stack operations. Each event gets a response, and the account is clean at the end.
//!
//! - Two resources on one cluster, in one stack or in two, are created, updated, replaced, cancelled, rolled back and deleted.
//! - Their events are delivered twice, late or at the same time. Calls fail, and processes are killed.
//! - Others edit aws-auth and tags in between.
//! - If an event of an operation is delivered alone, it does what `karpenter-prereqs plan` showed before.
//! - The account is judged after each step. At the end all stacks are deleted, and only the objects of others are left.
//!
//! Environment variables: `SEQUENCES_EVENTS` is the number of delivered events, `SEQUENCES_SEED` the first seed, and
//! `SEQUENCES_SHARDS` the number of clouds that work at the same time. A failure is shrunk, and names the variables that
//! repeat it. With `SEQUENCES_LOG`, its trace includes the function's log.

mod aws_auth_model;
mod environment;
mod judge;
mod op;
mod properties;
mod run;
mod scoped_rules;
mod third_party;

use std::{
    cell::Cell,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use proptest::{
    prelude::TestCaseError,
    test_runner::{TestError, TestRunner},
};
use tokio::runtime::Runtime;

use crate::seeded::{self, number};
use environment::Environment;
use judge::{Violation, ViolationKind};
use run::{Run, Tally};

/// The number of failures that are shrunk and reported before the run stops.
const MAX_FAILURES: usize = 3;

/// The interval at which a long run prints its progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// Plays sequences until `SEQUENCES_EVENTS` events are delivered. At least half of the events must succeed, and at least a
/// tenth must be compared with a plan, because other events test less. This does not hold for fewer than ten sequences.
#[test]
fn every_event_gets_response_and_account_matches_stacks() {
    let target = number("SEQUENCES_EVENTS", 400);
    let first = number("SEQUENCES_SEED", 1);
    let started = Instant::now();
    let totals = Mutex::new(Totals::new(first));
    thread::scope(|scope| {
        for _ in 0..number("SEQUENCES_SHARDS", 2) {
            scope.spawn(|| shard(&totals, target));
        }
    });
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (seed, violation) in &totals.failures {
        println!("\nreproduce with make sequences SEED={seed} N=1 SEQUENCES_SHARDS=1:\n{violation}");
    }
    let count = |kind| totals.failures.iter().filter(|(_, violation)| violation.kind == kind).count();
    println!(
        "sequences: {} events, {} compared with a plan, {} without a response, {} wrong, {} leaks ({} sequences from \
         seed {first}, {:.0} s)",
        totals.tally.events,
        totals.tally.planned,
        count(ViolationKind::NoResponse),
        count(ViolationKind::Wrong),
        count(ViolationKind::Leak),
        totals.sequences,
        started.elapsed().as_secs_f64()
    );
    assert!(totals.failures.is_empty(), "{} sequences failed", totals.failures.len());
    assert!(target <= totals.tally.events, "a shard ended early");
    // The shares below are those of many sequences.
    if totals.sequences < 10 {
        return;
    }
    let (events, successes) = (totals.tally.events, totals.tally.successes);
    assert!(events <= 2 * successes, "only {successes} of {events} events succeeded");
    let planned = totals.tally.planned;
    assert!(events <= 10 * planned, "only {planned} of {events} events were planned before");
}

/// The results of all shards so far.
struct Totals {
    next_seed: u64,
    sequences: u64,
    tally: Tally,
    /// The failed seeds, with their violations.
    failures: Vec<(u64, Violation)>,
    started: Instant,
    /// When the progress was printed last.
    printed: Instant,
}

impl Totals {
    fn new(first: u64) -> Self {
        let started = Instant::now();
        Self {
            next_seed: first,
            sequences: 0,
            tally: Tally::default(),
            failures: Vec::new(),
            started,
            printed: started,
        }
    }

    /// Returns the next seed, or `None` if `target` events are delivered or [`MAX_FAILURES`] sequences have failed.
    fn next(&mut self, target: u64) -> Option<u64> {
        let continues = self.tally.events < target && self.failures.len() < MAX_FAILURES;
        continues.then(|| {
            self.next_seed += 1;
            self.next_seed - 1
        })
    }

    fn add(&mut self, tally: Tally) {
        self.sequences += 1;
        self.tally.events += tally.events;
        self.tally.successes += tally.successes;
        self.tally.rollbacks += tally.rollbacks;
        self.tally.planned += tally.planned;
        if PROGRESS < self.printed.elapsed() {
            self.printed = Instant::now();
            let Tally { events, successes, rollbacks, planned } = self.tally;
            println!(
                "{:4.0} s: {} sequences, {events} events, {successes} successes, {rollbacks} rollbacks, \
                 {planned} planned, {} failures",
                self.started.elapsed().as_secs_f64(),
                self.sequences,
                self.failures.len()
            );
        }
    }
}

/// Plays sequences on a cloud of its own, until [`Totals::next`] returns no seed.
fn shard(totals: &Mutex<Totals>, target: u64) {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let environment = runtime.block_on(Environment::start()).unwrap();
    let locked = || totals.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(seed) = { locked().next(target) } {
        let tally = Cell::new(None);
        let kind = Cell::new(ViolationKind::Wrong);
        let outcome = TestRunner::new(seeded::config(seed)).run(&op::sequences(), |sequence| {
            let (run_tally, violation) = runtime.block_on(Box::pin(play(&environment, &sequence)));
            // Only the first run counts, not those for shrinking.
            let is_first = tally.get().is_none();
            tally.set(tally.get().or(Some(run_tally)));
            violation.map_or(Ok(()), |(violation, trace)| {
                kind.set(violation.kind);
                let text = format!("{trace}\n{violation}");
                if is_first {
                    println!("seed {seed} fails and is shrunk. Its trace:\n{text}");
                }
                Err(TestCaseError::fail(text))
            })
        });
        let mut totals = locked();
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, sequence)) => {
                let text = format!("{}\n{reason}", op::Settings(&sequence));
                totals.failures.push((seed, Violation { kind: kind.get(), text }));
            }
            Err(error) => totals.failures.push((seed, Violation::wrong(error.to_string()))),
        }
        totals.add(tally.get().unwrap_or_default());
    }
}

/// Plays one sequence. Returns its tally and, if it failed, the violation with the trace up to it.
async fn play(environment: &Environment, sequence: &op::Sequence) -> (Tally, Option<(Violation, String)>) {
    let mut run = match Run::begin(environment, sequence).await {
        Ok(run) => run,
        Err(error) => return (Tally::default(), Some((error.into(), String::new()))),
    };
    let violation = run.play().await.err();
    (run.tally, violation.map(|violation| (violation, run.trace())))
}
