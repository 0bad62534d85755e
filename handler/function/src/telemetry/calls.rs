//! Every call of a run: told in the log when it is over, and counted.
//!
//! A line says which service and operation, when the call began after the run did, how long it took with all its tries,
//! and the service's code when it was refused. From these lines `karpenter-prereqs timeline` draws the run.

use super::event::{CallLine, LogEvent, is_write};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The answer's service and operation. It is what the run says, and changes nothing that the plan is about.
pub(crate) const ANSWER: (&str, &str) = ("S3", "PUT answer");

/// The calls of one run. A clone is another handle on the same.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Arc<Run>);

#[derive(Debug)]
struct Run {
    begun: Instant,
    counts: Mutex<Counts>,
}

/// How many calls there were: those that are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All calls, each counted once however often it was tried.
    pub(crate) calls: u32,
    /// Those of them that can change something, but for the answer.
    pub(crate) writes: u32,
    /// The tries after each call's first.
    pub(crate) retries: u32,
}

/// A call under way. It is told when it is dropped: also one that was given up, at the deadline.
#[derive(Debug)]
pub(crate) struct Call {
    calls: Calls,
    service: Cow<'static, str>,
    operation: Cow<'static, str>,
    begun: Instant,
    tries: Vec<Try>,
    /// What came of it; absent for a success.
    error: Option<String>,
}

#[derive(Debug)]
struct Try {
    begun: Instant,
    /// Absent while it is under way.
    took: Option<Duration>,
}

impl Calls {
    /// Of a run that begins now.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Run { begun: Instant::now(), counts: Mutex::default() }))
    }

    /// How many there have been.
    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    /// The milliseconds from the run's beginning to this moment.
    pub(crate) fn at_ms(&self, moment: Instant) -> f64 {
        ms(moment.saturating_duration_since(self.0.begun))
    }

    /// Begins a call.
    pub(crate) fn begin(&self, service: impl Into<Cow<'static, str>>, operation: impl Into<Cow<'static, str>>) -> Call {
        let (service, operation) = (service.into(), operation.into());
        let error = Some("given up".to_owned());
        Call { calls: self.clone(), service, operation, begun: Instant::now(), tries: Vec::new(), error }
    }

    /// Makes a call of one try. `code` says what came of a failure, in a word.
    pub(crate) async fn watched<T, E>(
        &self,
        (service, operation): (&'static str, &'static str),
        code: impl FnOnce(&E) -> String,
        made: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut call = self.begin(service, operation);
        call.try_begins();
        let result = made.await;
        call.try_ends(result.as_ref().err().map(code));
        result
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Another try goes out.
    pub(crate) fn try_begins(&mut self) {
        self.tries.push(Try { begun: Instant::now(), took: None });
    }

    /// The try is over: with this code, or well.
    pub(crate) fn try_ends(&mut self, error: Option<String>) {
        if let Some(last) = self.tries.last_mut() {
            last.took = Some(last.begun.elapsed());
        }
        self.error = error;
    }

    fn is_write(&self) -> bool {
        (self.service.as_ref(), self.operation.as_ref()) != ANSWER && is_write(&self.operation)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let tries = u32::try_from(self.tries.len()).unwrap_or(u32::MAX);
        let mut counts = self.calls.lock();
        counts.calls += 1;
        counts.writes += u32::from(self.is_write());
        counts.retries += tries.saturating_sub(1);
        drop(counts);
        let attempt = |it: &Try| (self.calls.at_ms(it.begun), ms(it.took.unwrap_or_else(|| it.begun.elapsed())));
        // One attempt is the call itself.
        let attempts = if 1 < tries { self.tries.iter().map(attempt).collect() } else { Vec::new() };
        let line = CallLine {
            service: self.service.to_string(),
            operation: self.operation.to_string(),
            at_ms: self.calls.at_ms(self.begun),
            ms: ms(self.begun.elapsed()),
            tries,
            attempts,
            error: self.error.take(),
        };
        LogEvent::Call(line).write();
    }
}

/// Milliseconds with one decimal: a call to a service beside takes less than one.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::event::REVIEW;

    async fn made(calls: &Calls, name: (&'static str, &'static str), result: Result<(), &'static str>) {
        let _ = calls.watched(name, |error: &&str| (*error).to_owned(), async { result }).await;
    }

    #[tokio::test]
    async fn writes_are_told_from_reads_and_from_the_answer() {
        let calls = Calls::new();
        made(&calls, ("Kubernetes", "get ConfigMap"), Ok(())).await;
        made(&calls, ("Kubernetes", REVIEW), Ok(())).await;
        made(&calls, ("STS", "AssumeRole"), Err("AccessDenied")).await;
        made(&calls, ("IAM", "SimulatePrincipalPolicy"), Ok(())).await;
        made(&calls, ANSWER, Ok(())).await;
        assert_eq!(calls.counts(), Counts { calls: 5, writes: 0, retries: 0 });
        made(&calls, ("Kubernetes", "update ConfigMap"), Err("409")).await;
        made(&calls, ("IAM", "CreateRole"), Ok(())).await;
        assert_eq!(calls.counts(), Counts { calls: 7, writes: 2, retries: 0 });
    }

    #[test]
    fn a_call_counts_once_however_often_it_was_tried_and_also_when_it_is_given_up() {
        let calls = Calls::new();
        let mut call = calls.begin("EC2", "CreateTags");
        for _ in 0..3 {
            call.try_begins();
            call.try_ends(Some("RequestLimitExceeded".to_owned()));
        }
        call.try_begins();
        assert_eq!(calls.counts(), Counts::default());
        drop(call);
        assert_eq!(calls.counts(), Counts { calls: 1, writes: 1, retries: 3 });
    }
}
