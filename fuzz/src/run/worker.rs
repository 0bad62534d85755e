//! One thread's share of a run.

use super::{Failure, Plan, SAMPLED, Tally, panics, shrink};
use crate::target::Target;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::Instant;

/// How many cases are taken at a time.
const BATCH: u64 = 500;

/// No case: the thread has ended.
const IDLE: u64 = u64::MAX;

/// What the threads of a run share.
#[derive(Debug)]
pub(super) struct Worker {
    target: &'static Target,
    plan: Plan,
    /// The number of the first case that nobody has taken.
    next: AtomicU64,
    /// What each thread is at, and what it was at when it was last asked.
    at: Vec<(AtomicU64, AtomicU64)>,
}

impl Worker {
    pub(super) fn new(target: &'static Target, plan: Plan) -> Self {
        let at = (0..plan.threads.max(1)).map(|_| (AtomicU64::new(IDLE), AtomicU64::new(IDLE))).collect();
        Self { target, plan, next: AtomicU64::new(plan.first), at }
    }

    pub(super) fn threads(&self) -> usize {
        self.at.len()
    }

    /// Takes batches until there are none, or until one has a failure.
    pub(super) fn work(&self, thread: usize, results: &Sender<Result<Tally, Box<Failure>>>) {
        let end = self.plan.first.saturating_add(self.plan.cases);
        loop {
            let first = self.next.fetch_add(BATCH, Relaxed);
            if first >= end {
                break;
            }
            let result = self.batch(thread, first, end.min(first + BATCH));
            if result.is_err() {
                self.next.store(end, Relaxed);
            }
            if results.send(result).is_err() {
                break;
            }
        }
        self.at[thread].0.store(IDLE, Relaxed);
    }

    /// The case that a thread has been at ever since this was last asked.
    pub(super) fn stuck(&self) -> Option<u64> {
        let same = self.at.iter().map(|(now, before)| {
            let now = now.load(Relaxed);
            (now, before.swap(now, Relaxed))
        });
        // All are asked, so that none is missed the next time.
        let stuck: Vec<u64> = same.filter(|(now, before)| now == before && *now != IDLE).map(|(now, _)| now).collect();
        stuck.first().copied()
    }

    pub(super) fn never_ended(&self, number: u64) -> Failure {
        let bytes = drawn(self.target, self.plan.seed, number);
        let drawn = format!("the case does not end: {}", (self.target.show)(&bytes));
        Failure { number, shrunk: drawn.clone(), drawn }
    }

    fn batch(&self, thread: usize, first: u64, end: u64) -> Result<Tally, Box<Failure>> {
        let mut tally = Tally { cases: end - first, ..Tally::default() };
        for number in first..end {
            self.at[thread].0.store(number, Relaxed);
            let bytes = drawn(self.target, self.plan.seed, number);
            let begun = Instant::now();
            let constructs = (number % SAMPLED == 0).then_some(&mut tally.constructs);
            match panics::caught(|| (self.target.case)(&bytes, constructs)) {
                Ok(fate) => *tally.fates.entry(fate).or_default() += 1,
                Err(drawn) => {
                    let shrunk = shrink::shrunk(bytes, drawn.clone(), |bytes| {
                        panics::caught(|| (self.target.case)(bytes, None)).err()
                    });
                    return Err(Box::new(Failure { number, drawn, shrunk }));
                }
            }
            tally.slowest = tally.slowest.max((begun.elapsed(), number));
        }
        Ok(tally)
    }
}

/// The bytes of the case of that number.
pub fn drawn(target: &Target, seed: u64, number: u64) -> Vec<u8> {
    // Numbers that follow each other must not give generators that do: a product with an odd constant parts them.
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = vec![0; random.usize(0..=target.bytes)];
    random.fill(&mut bytes);
    bytes
}
