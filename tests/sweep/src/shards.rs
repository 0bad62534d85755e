//! Runs cases at the same time, with one runner for each shard. A shard that waits for a hung call does not block the others.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::try_join_all;
use local_cloud::Error;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use crate::{judge::Verdict, runner::SweepRunner, trace::Case};

/// How often a case is retried after an error of its runner.
const MAX_FAILURES: usize = 2;

/// The remaining cases of all shards.
type Queue = Arc<Mutex<VecDeque<Case>>>;

/// Runs the cases on this many runners, and reports each verdict as it arrives. The first runner exists already.
///
/// # Errors
/// Fails when runners fail repeatedly, or `report` fails.
pub async fn run(
    first: SweepRunner,
    shards: usize,
    cases: impl IntoIterator<Item = Case>,
    mut report: impl FnMut(&Case, &Verdict) -> Result<(), Error>,
) -> Result<(), Error> {
    let queue: Queue = Arc::new(Mutex::new(cases.into_iter().collect()));
    let (verdicts, mut reported) = mpsc::unbounded_channel();
    let runners = [Some(first)].into_iter().chain(std::iter::repeat_with(|| None)).take(shards.max(1));
    let working: Vec<_> = runners.map(|runner| begin(runner, &queue, &verdicts)).collect();
    drop(verdicts);
    let mut result = Ok(());
    while let Some((case, verdict)) = reported.recv().await {
        result = result.and_then(|()| report(&case, &verdict));
        if result.is_err() {
            lock(&queue).clear();
        }
    }
    let ended = try_join_all(working).await;
    let ended = ended.map_err(|panic| Error::Unusable(format!("a shard panicked: {panic}")))?;
    result.and_then(|()| ended.into_iter().collect())
}

/// Starts a shard on a thread of its own, because the future of a run is not `Send`.
fn begin(
    runner: Option<SweepRunner>,
    queue: &Queue,
    verdicts: &mpsc::UnboundedSender<(Case, Verdict)>,
) -> JoinHandle<Result<(), Error>> {
    let (queue, verdicts, runtime) = (Arc::clone(queue), verdicts.clone(), Handle::current());
    spawn_blocking(move || {
        // The other shards stop when one has failed.
        runtime.block_on(shard(runner, &queue, &verdicts)).inspect_err(|_| lock(&queue).clear())
    })
}

/// Works until the queue is empty. A runner with leaked objects is replaced.
async fn shard(
    mut runner: Option<SweepRunner>,
    queue: &Queue,
    verdicts: &mpsc::UnboundedSender<(Case, Verdict)>,
) -> Result<(), Error> {
    let mut failures = 0;
    while let Some(case) = next(queue) {
        loop {
            let mut at = match runner.take() {
                Some(runner) => runner,
                None => Box::pin(SweepRunner::start()).await?,
            };
            match Box::pin(at.run(&case)).await {
                Ok(verdict) => {
                    runner = Some(at).filter(|_| verdict.leaks.is_empty());
                    // The receiver is dropped after a failure.
                    let _ = verdicts.send((case, verdict));
                    break;
                }
                Err(error) if MAX_FAILURES <= failures => return Err(error),
                Err(error) => {
                    tracing::warn!(case = case.id(), %error, "the runner failed and is replaced");
                    failures += 1;
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
