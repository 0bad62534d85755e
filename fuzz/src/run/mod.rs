//! Runs a target on many cases, on several threads.
//!
//! A case is a function of the seed and its number alone. So a run has the same cases on any number of threads, and each case can
//! be repeated by itself.

mod panics;
pub mod report;
mod shrink;
mod worker;

use crate::target::{CaseOutcome, Constructs, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use worker::Worker;
pub use worker::random_bytes;

/// Which cases are run, and how.
#[derive(Clone, Copy, Debug)]
pub struct RunConfig {
    /// The seed of the cases.
    pub seed: u64,
    /// The number of the first case.
    pub first: u64,
    /// The number of cases.
    pub cases: u64,
    /// The number of threads.
    pub threads: usize,
}

/// The statistics of cases without a violation.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The number of cases.
    pub cases: u64,
    /// The number of cases with each outcome.
    pub outcomes: BTreeMap<CaseOutcome, u64>,
    /// The number of cases with each construct. Only one case in [`SAMPLE_INTERVAL`] is counted.
    pub constructs: Constructs,
    /// The duration of the slowest case, and its number.
    pub slowest: (Duration, u64),
}

/// A case with a violation.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The number of the case.
    pub number: u64,
    /// The violation, with the case as it was generated.
    pub original: String,
    /// The violation of the smallest case that the shrinking found, with that case.
    pub shrunk: String,
}

/// The constructs of one case in this number are counted.
pub const SAMPLE_INTERVAL: u64 = 4;

/// The maximum duration of a case. The slowest texts, of 5,000 entries, take less than a second. A busy machine takes several
/// times as long.
const CASE_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs the cases. Calls `progress` every five seconds with the statistics so far.
///
/// # Errors
/// The first failure of any thread. A case that does not end counts as a failure, and its thread keeps running.
pub fn run(
    target: &'static Target,
    config: RunConfig,
    mut progress: impl FnMut(&Summary),
) -> Result<Summary, Box<Failure>> {
    panics::silence_panics_of_cases();
    let worker = Arc::new(Worker::new(target, config));
    let (sender, batches) = mpsc::channel();
    for thread in 0..worker.threads() {
        let (worker, sender) = (Arc::clone(&worker), sender.clone());
        std::thread::spawn(move || worker.work(thread, &sender));
    }
    drop(sender);
    let mut summary = Summary::default();
    let (mut last_progress, mut last_check) = (Instant::now(), Instant::now());
    loop {
        match batches.recv_timeout(Duration::from_secs(1)) {
            Ok(batch) => summary.add(&batch?),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(summary),
        }
        if last_check.elapsed() > CASE_TIMEOUT {
            last_check = Instant::now();
            if let Some(number) = worker.stuck_case() {
                return Err(Box::new(worker.timeout_failure(number)));
            }
        }
        if last_progress.elapsed() > Duration::from_secs(5) {
            last_progress = Instant::now();
            progress(&summary);
        }
    }
}

impl Summary {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.constructs.add(&other.constructs);
        self.slowest = self.slowest.max(other.slowest);
    }
}
