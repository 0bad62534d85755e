//! The record of every call of a run: a log line when the call ends, and counts for the metrics.
//!
//! The line has the service and the operation, when the call began after the start of the run, and how long it took with all of
//! its attempts. It also has the error code of the service. `karpenter-prereqs timeline` draws the run from these lines.

use super::event::{CallLine, LogEvent, is_write};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The service and the operation of the response. It does not count as a write, because it changes no object of a plan.
pub(crate) const RESPONSE: (&str, &str) = ("S3", "PUT response");

/// The calls of one run. Clones share one record.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Arc<Record>);

#[derive(Debug)]
struct Record {
    started_at: Instant,
    counts: Mutex<Counts>,
}

/// The numbers of calls that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All calls. A call with several attempts counts once.
    pub(crate) calls: u32,
    /// The calls that can change something, without the response.
    pub(crate) writes: u32,
    /// The attempts after the first of each call.
    pub(crate) retries: u32,
}

/// A call in progress. It is recorded when it is dropped, so a call that the deadline ends is recorded too.
#[derive(Debug)]
pub(crate) struct Call {
    calls: Calls,
    service: Cow<'static, str>,
    operation: Cow<'static, str>,
    started_at: Instant,
    attempts: Vec<Attempt>,
    /// The error code; absent after a success.
    error: Option<String>,
}

#[derive(Debug)]
struct Attempt {
    started_at: Instant,
    /// How long it took; absent while it is in progress.
    took: Option<Duration>,
}

impl Calls {
    /// Returns the record of a run that starts now.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Record { started_at: Instant::now(), counts: Mutex::default() }))
    }

    /// Returns the numbers of calls that have ended by now.
    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    /// Returns the milliseconds from the start of the run to this moment.
    pub(crate) fn at_ms(&self, moment: Instant) -> f64 {
        ms(moment.saturating_duration_since(self.0.started_at))
    }

    /// Begins a call. If no attempt of it ends, its error is `unfinished`.
    pub(crate) fn begin(&self, service: impl Into<Cow<'static, str>>, operation: impl Into<Cow<'static, str>>) -> Call {
        let (service, operation) = (service.into(), operation.into());
        let error = Some("unfinished".to_owned());
        Call { calls: self.clone(), service, operation, started_at: Instant::now(), attempts: Vec::new(), error }
    }

    /// Makes a call of one attempt and records it. `code` returns the error code for the log line.
    pub(crate) async fn recorded<T, E>(
        &self,
        (service, operation): (&'static str, &'static str),
        code: impl FnOnce(&E) -> String,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut call = self.begin(service, operation);
        call.begin_attempt();
        let result = attempt.await;
        call.end_attempt(result.as_ref().err().map(code));
        result
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Records that an attempt begins.
    pub(crate) fn begin_attempt(&mut self) {
        self.attempts.push(Attempt { started_at: Instant::now(), took: None });
    }

    /// Records that the attempt has ended, with this error code; `None` for a success.
    pub(crate) fn end_attempt(&mut self, error: Option<String>) {
        if let Some(last) = self.attempts.last_mut() {
            last.took = Some(last.started_at.elapsed());
        }
        self.error = error;
    }

    fn is_write(&self) -> bool {
        (self.service.as_ref(), self.operation.as_ref()) != RESPONSE && is_write(&self.operation)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let tries = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let mut counts = self.calls.lock();
        counts.calls += 1;
        counts.writes += u32::from(self.is_write());
        counts.retries += tries.saturating_sub(1);
        drop(counts);
        let times = |attempt: &Attempt| {
            let took = attempt.took.unwrap_or_else(|| attempt.started_at.elapsed());
            (self.calls.at_ms(attempt.started_at), ms(took))
        };
        // A single attempt has the times of the call itself.
        let attempts = if 1 < tries { self.attempts.iter().map(times).collect() } else { Vec::new() };
        let line = CallLine {
            service: self.service.to_string(),
            operation: self.operation.to_string(),
            at_ms: self.calls.at_ms(self.started_at),
            ms: ms(self.started_at.elapsed()),
            tries,
            attempts,
            error: self.error.take(),
        };
        LogEvent::Call(line).write();
    }
}

/// Returns milliseconds with one decimal, because a call to a service on the same host takes less than one.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::event::ACCESS_REVIEW;

    async fn record(calls: &Calls, name: (&'static str, &'static str), result: Result<(), &'static str>) {
        let _ = calls.recorded(name, |error: &&str| (*error).to_owned(), async { result }).await;
    }

    #[tokio::test]
    async fn reads_and_the_response_do_not_count_as_writes() {
        let calls = Calls::new();
        record(&calls, ("Kubernetes", "get ConfigMap"), Ok(())).await;
        record(&calls, ("Kubernetes", ACCESS_REVIEW), Ok(())).await;
        record(&calls, ("STS", "AssumeRole"), Err("AccessDenied")).await;
        record(&calls, ("IAM", "SimulatePrincipalPolicy"), Ok(())).await;
        record(&calls, RESPONSE, Ok(())).await;
        assert_eq!(calls.counts(), Counts { calls: 5, writes: 0, retries: 0 });
        record(&calls, ("Kubernetes", "update ConfigMap"), Err("409")).await;
        record(&calls, ("IAM", "CreateRole"), Ok(())).await;
        assert_eq!(calls.counts(), Counts { calls: 7, writes: 2, retries: 0 });
    }

    #[test]
    fn call_counts_once_with_its_retries_even_if_unfinished() {
        let calls = Calls::new();
        let mut call = calls.begin("EC2", "CreateTags");
        for _ in 0..3 {
            call.begin_attempt();
            call.end_attempt(Some("RequestLimitExceeded".to_owned()));
        }
        call.begin_attempt();
        assert_eq!(calls.counts(), Counts::default());
        drop(call);
        assert_eq!(calls.counts(), Counts { calls: 1, writes: 1, retries: 3 });
    }
}
