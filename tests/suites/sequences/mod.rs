//! Any sequence of what happens to stacks ends with an answer to each event and a clean account.
//!
//! Two resources on one cluster, in one stack or in two, are created, updated, replaced, cancelled, rolled back and
//! deleted; their events come twice, late, side by side, through faults and power cuts; other people edit aws-auth and
//! tags in between. What `karpenter-prereqs plan` tells of an event is what comes of it, in operations whose events come
//! one at a time. After each step the world is judged; at the end all is deleted, and the world is what others have.
//!
//! `SEQUENCES_EVENTS` is how many events are delivered, `SEQUENCES_SEED` the first seed, `SEQUENCES_SHARDS` how many
//! clouds work side by side. A failure is shrunk, and names its seed and how to see it again; with `SEQUENCES_LOG` set,
//! its story has the function's log in it.

mod bench;
mod foreign;
mod in_force;
mod judge;
mod map;
mod op;
mod run;
mod wanted;

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
use bench::Bench;
use judge::{Broken, Kind};
use run::{Run, Tally};

/// As many failures as are shrunk and told.
const FAILURES_MOST: usize = 3;

/// How often a long run says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

#[test]
fn every_event_is_answered_and_what_stands_is_what_the_stacks_count_on() {
    let wanted = number("SEQUENCES_EVENTS", 400);
    let first = number("SEQUENCES_SEED", 1);
    let begun = Instant::now();
    let totals = Mutex::new(Totals::new(first));
    thread::scope(|scope| {
        for _ in 0..number("SEQUENCES_SHARDS", 2) {
            scope.spawn(|| shard(&totals, wanted));
        }
    });
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (seed, broken) in &totals.failures {
        println!("\nSEQUENCES_SEED={seed} SEQUENCES_EVENTS=1 SEQUENCES_SHARDS=1 shows it again:\n{broken}");
    }
    let count = |kind| totals.failures.iter().filter(|(_, broken)| broken.kind == kind).count();
    println!(
        "sequences: {} events, {} foretold by a plan, {} unanswered, {} wrong, {} leaks ({} sequences from seed {first}, \
         {:.0} s)",
        totals.tally.events,
        totals.tally.foretold,
        count(Kind::Unanswered),
        count(Kind::Wrong),
        count(Kind::Leak),
        totals.sequences,
        begun.elapsed().as_secs_f64()
    );
    assert!(totals.failures.is_empty(), "{} sequences failed", totals.failures.len());
    assert!(wanted <= totals.tally.events, "a shard ended early");
    // What is refused at once proves little.
    let (events, successes) = (totals.tally.events, totals.tally.successes);
    assert!(events <= 2 * successes, "only {successes} of {events} events came to a success");
    let foretold = totals.tally.foretold;
    assert!(events <= 10 * foretold, "only {foretold} of {events} events were planned beforehand");
}

/// What all shards came to.
struct Totals {
    next_seed: u64,
    sequences: u64,
    tally: Tally,
    failures: Vec<(u64, Broken)>,
    begun: Instant,
    told: Instant,
}

impl Totals {
    fn new(first: u64) -> Self {
        let begun = Instant::now();
        Self { next_seed: first, sequences: 0, tally: Tally::default(), failures: Vec::new(), begun, told: begun }
    }

    /// The next seed, as long as there is something to prove.
    fn next(&mut self, wanted: u64) -> Option<u64> {
        let goes_on = self.tally.events < wanted && self.failures.len() < FAILURES_MOST;
        goes_on.then(|| {
            self.next_seed += 1;
            self.next_seed - 1
        })
    }

    fn add(&mut self, tally: Tally) {
        self.sequences += 1;
        self.tally.events += tally.events;
        self.tally.successes += tally.successes;
        self.tally.rollbacks += tally.rollbacks;
        self.tally.foretold += tally.foretold;
        if PROGRESS < self.told.elapsed() {
            self.told = Instant::now();
            let Tally { events, successes, rollbacks, foretold } = self.tally;
            println!(
                "{:4.0} s: {} sequences, {events} events, {successes} successes, {rollbacks} rollbacks, \
                 {foretold} foretold, {} failures",
                self.begun.elapsed().as_secs_f64(),
                self.sequences,
                self.failures.len()
            );
        }
    }
}

/// Plays sequences on a cloud of its own, as long as there is something to prove.
fn shard(totals: &Mutex<Totals>, wanted: u64) {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let bench = runtime.block_on(Bench::start()).unwrap();
    let locked = || totals.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(seed) = { locked().next(wanted) } {
        let tally = Cell::new(None);
        let kind = Cell::new(Kind::Wrong);
        let outcome = TestRunner::new(seeded::config(seed)).run(&op::sequences(), |sequence| {
            let (came_to, broken) = runtime.block_on(Box::pin(play(&bench, &sequence)));
            // Those of shrinking are not counted.
            let is_first = tally.get().is_none();
            tally.set(tally.get().or(Some(came_to)));
            broken.map_or(Ok(()), |(broken, story)| {
                kind.set(broken.kind);
                let text = format!("{story}\n{broken}");
                if is_first {
                    println!("seed {seed} fails, and is shrunk; so far:\n{text}");
                }
                Err(TestCaseError::fail(text))
            })
        });
        let mut totals = locked();
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(reason, sequence)) => {
                let text = format!("{}\n{reason}", op::Settings(&sequence));
                totals.failures.push((seed, Broken { kind: kind.get(), text }));
            }
            Err(error) => totals.failures.push((seed, Broken::wrong(error.to_string()))),
        }
        totals.add(tally.get().unwrap_or_default());
    }
}

/// Plays one sequence: what it came to, and what was broken, with the story up to there.
async fn play(bench: &Bench, sequence: &op::Sequence) -> (Tally, Option<(Broken, String)>) {
    let mut run = match Run::begin(bench, sequence).await {
        Ok(run) => run,
        Err(error) => return (Tally::default(), Some((error.into(), String::new()))),
    };
    let broken = run.play().await.err();
    (run.tally, broken.map(|broken| (broken, run.story())))
}
