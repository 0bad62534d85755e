//! The threads of a run.

use super::{Failure, RunConfig, SAMPLE_INTERVAL, Summary, panics, shrink};
use crate::target::Target;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::Instant;

/// The number of cases that a thread takes at a time.
const BATCH: u64 = 500;

/// Instead of the number of a case: the thread has ended.
const IDLE: u64 = u64::MAX;

/// What the threads of a run share.
#[derive(Debug)]
pub(super) struct Worker {
    target: &'static Target,
    config: RunConfig,
    /// The number of the first case that no thread has taken.
    next: AtomicU64,
    /// The number of each thread's current case, and the number at the last call of [`Worker::stuck_case`].
    current: Vec<(AtomicU64, AtomicU64)>,
}

impl Worker {
    pub(super) fn new(target: &'static Target, config: RunConfig) -> Self {
        let current = (0..config.threads.max(1)).map(|_| (AtomicU64::new(IDLE), AtomicU64::new(IDLE))).collect();
        Self { target, config, next: AtomicU64::new(config.first), current }
    }

    pub(super) fn threads(&self) -> usize {
        self.current.len()
    }

    /// Runs batches until none is left, or until a batch has a failure. Sends the result of each batch.
    pub(super) fn work(&self, thread: usize, results: &Sender<Result<Summary, Box<Failure>>>) {
        let end = self.config.first.saturating_add(self.config.cases);
        loop {
            let first = self.next.fetch_add(BATCH, Relaxed);
            if first >= end {
                break;
            }
            let result = self.run_batch(thread, first, end.min(first + BATCH));
            if result.is_err() {
                self.next.store(end, Relaxed);
            }
            if results.send(result).is_err() {
                break;
            }
        }
        self.current[thread].0.store(IDLE, Relaxed);
    }

    /// Returns the number of a case that a thread has been running since the last call.
    pub(super) fn stuck_case(&self) -> Option<u64> {
        let numbers = self.current.iter().map(|(now, before)| {
            let now = now.load(Relaxed);
            (now, before.swap(now, Relaxed))
        });
        // Every thread must be asked, because each call also records the numbers for the next one.
        let stuck: Vec<u64> =
            numbers.filter(|(now, before)| now == before && *now != IDLE).map(|(now, _)| now).collect();
        stuck.first().copied()
    }

    pub(super) fn timeout_failure(&self, number: u64) -> Failure {
        let bytes = random_bytes(self.target, self.config.seed, number);
        let original = format!("the case does not end: {}", (self.target.show)(&bytes));
        Failure { number, shrunk: original.clone(), original }
    }

    fn run_batch(&self, thread: usize, first: u64, end: u64) -> Result<Summary, Box<Failure>> {
        let mut summary = Summary { cases: end - first, ..Summary::default() };
        for number in first..end {
            self.current[thread].0.store(number, Relaxed);
            let bytes = random_bytes(self.target, self.config.seed, number);
            let start = Instant::now();
            let constructs = (number % SAMPLE_INTERVAL == 0).then_some(&mut summary.constructs);
            match panics::catch_panic(|| (self.target.case)(&bytes, constructs)) {
                Ok(outcome) => *summary.outcomes.entry(outcome).or_default() += 1,
                Err(original) => {
                    let shrunk = shrink::shrink(bytes, original.clone(), |bytes| {
                        panics::catch_panic(|| (self.target.case)(bytes, None)).err()
                    });
                    return Err(Box::new(Failure { number, original, shrunk }));
                }
            }
            summary.slowest = summary.slowest.max((start.elapsed(), number));
        }
        Ok(summary)
    }
}

/// Returns the bytes of the case with this number.
pub fn random_bytes(target: &Target, seed: u64, number: u64) -> Vec<u8> {
    // Consecutive numbers must not seed related generators. A product with an odd constant separates them.
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = vec![0; random.usize(0..=target.max_bytes)];
    random.fill(&mut bytes);
    bytes
}
