//! Runs a target on many cases, on several threads.
//!
//! A case is a function of the seed and its number alone: a run gives the same on any number of threads, and a case
//! can be run again by itself.

mod panics;
pub mod report;
mod shrink;
mod worker;

use crate::target::{Constructs, Fate, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use worker::Worker;
pub use worker::drawn;

/// Which cases are run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What the cases are drawn from.
    pub seed: u64,
    /// The number of the first one.
    pub first: u64,
    /// How many.
    pub cases: u64,
    /// On how many threads.
    pub threads: usize,
}

/// What came of cases that were all judged well.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many they are.
    pub cases: u64,
    /// How many had each fate.
    pub fates: BTreeMap<Fate, u64>,
    /// How many of one case in [`SAMPLED`] had each construct.
    pub constructs: Constructs,
    /// The case that took longest: how long, and its number.
    pub slowest: (Duration, u64),
}

/// A case that was judged ill.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its number.
    pub number: u64,
    /// What is wrong, with the case as it was drawn.
    pub drawn: String,
    /// The same of the smallest case found that is wrong too.
    pub shrunk: String,
}

/// One case in so many is looked at for its constructs.
pub const SAMPLED: u64 = 4;

/// How long a case may take. The slowest texts, of 5,000 entries, take below a second; a machine that is busy with
/// other things takes some times as long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the cases, and tells `progress` every five seconds what has come of them so far.
///
/// # Errors
/// The first failure that a thread met; a case that does not end counts as one, and its thread is left to itself.
pub fn run(target: &'static Target, plan: Plan, mut progress: impl FnMut(&Tally)) -> Result<Tally, Box<Failure>> {
    panics::keep_quiet();
    let worker = Arc::new(Worker::new(target, plan));
    let (sender, batches) = mpsc::channel();
    for thread in 0..worker.threads() {
        let (worker, sender) = (Arc::clone(&worker), sender.clone());
        std::thread::spawn(move || worker.work(thread, &sender));
    }
    drop(sender);
    let mut tally = Tally::default();
    let (mut said, mut looked) = (Instant::now(), Instant::now());
    loop {
        match batches.recv_timeout(Duration::from_secs(1)) {
            Ok(batch) => tally.add(&batch?),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(tally),
        }
        if looked.elapsed() > PATIENCE {
            looked = Instant::now();
            if let Some(number) = worker.stuck() {
                return Err(Box::new(worker.never_ended(number)));
            }
        }
        if said.elapsed() > Duration::from_secs(5) {
            said = Instant::now();
            progress(&tally);
        }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        for (fate, count) in &other.fates {
            *self.fates.entry(fate).or_default() += count;
        }
        self.constructs.add(&other.constructs);
        self.slowest = self.slowest.max(other.slowest);
    }
}
