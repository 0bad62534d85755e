//! Cases side by side, on as many benches as there are shards: what hangs only waits, and others work meanwhile.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::try_join_all;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use super::{bench::Bench, course::Case, judge::Verdict};
use crate::error::Error;

/// How often a case is begun again whose bench broke.
const BREAKS: usize = 2;

/// The next cases, for all shards.
type Queue = Arc<Mutex<VecDeque<Case>>>;

/// Runs the cases on this many benches, the first of which is there already, and tells each verdict as it comes.
///
/// # Errors
/// When a bench breaks again and again, or the verdict cannot be told.
pub async fn run(
    first: Bench,
    shards: usize,
    cases: impl IntoIterator<Item = Case>,
    mut tell: impl FnMut(&Case, &Verdict) -> Result<(), Error>,
) -> Result<(), Error> {
    let queue: Queue = Arc::new(Mutex::new(cases.into_iter().collect()));
    let (verdicts, mut told) = mpsc::unbounded_channel();
    let benches = [Some(first)].into_iter().chain(std::iter::repeat_with(|| None)).take(shards.max(1));
    let working: Vec<_> = benches.map(|bench| begin(bench, &queue, &verdicts)).collect();
    drop(verdicts);
    let mut result = Ok(());
    while let Some((case, verdict)) = told.recv().await {
        result = result.and_then(|()| tell(&case, &verdict));
        if result.is_err() {
            lock(&queue).clear();
        }
    }
    let ended = try_join_all(working).await;
    let ended = ended.map_err(|panic| Error::Unusable(format!("a shard panicked: {panic}")))?;
    result.and_then(|()| ended.into_iter().collect())
}

/// Lets a shard work on a thread of its own: a run is no future that could go from one thread to another.
fn begin(
    bench: Option<Bench>,
    queue: &Queue,
    verdicts: &mpsc::UnboundedSender<(Case, Verdict)>,
) -> JoinHandle<Result<(), Error>> {
    let (queue, verdicts, runtime) = (Arc::clone(queue), verdicts.clone(), Handle::current());
    spawn_blocking(move || {
        // The others need not go on when one of them cannot.
        runtime.block_on(shard(bench, &queue, &verdicts)).inspect_err(|_| lock(&queue).clear())
    })
}

/// Works until the queue is empty. A bench that something was left on is given up for another.
async fn shard(
    mut bench: Option<Bench>,
    queue: &Queue,
    verdicts: &mpsc::UnboundedSender<(Case, Verdict)>,
) -> Result<(), Error> {
    let mut breaks = 0;
    while let Some(case) = next(queue) {
        loop {
            let mut at = match bench.take() {
                Some(bench) => bench,
                None => Box::pin(Bench::start()).await?,
            };
            match Box::pin(at.run(&case)).await {
                Ok(verdict) => {
                    bench = Some(at).filter(|_| verdict.leaks.is_empty());
                    // Nobody listens any more when the sweep has failed.
                    let _ = verdicts.send((case, verdict));
                    break;
                }
                Err(error) if BREAKS <= breaks => return Err(error),
                Err(error) => {
                    tracing::warn!(case = case.id(), %error, "the bench broke; another takes its place");
                    breaks += 1;
                }
            }
        }
    }
    Ok(())
}

fn next(queue: &Queue) -> Option<Case> {
    lock(queue).pop_front()
}

fn lock(queue: &Queue) -> MutexGuard<'_, VecDeque<Case>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
