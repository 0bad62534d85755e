//! Records every call, in the order of arrival.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::{sync::watch, time::timeout};

use super::call::Call;

/// The record of all calls. A clone is another handle of the same record.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// A position in a journal, between two calls.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position(u64);

impl Journal {
    /// Creates an empty journal.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { record: Mutex::default(), running: watch::Sender::new(0) }) }
    }

    /// Returns all calls since the beginning, or since [`clear`](Self::clear).
    pub fn calls(&self) -> Vec<Call> {
        self.select(|_| true)
    }

    /// Returns the calls that can change something. Rejected and cut calls are included, because the attempt counts.
    pub fn writes(&self) -> Vec<Call> {
        self.select(Call::is_write)
    }

    /// Returns the calls that change nothing.
    pub fn reads(&self) -> Vec<Call> {
        self.select(|call| !call.is_write())
    }

    /// Returns the calls of one operation of one service.
    pub fn of(&self, service: &str, operation: &str) -> Vec<Call> {
        self.select(|call| call.is(service, operation))
    }

    /// Returns the current position, for [`since`](Self::since).
    pub fn position(&self) -> Position {
        Position(self.record().next)
    }

    /// Returns the calls that arrived after this position.
    pub fn since(&self, position: Position) -> Vec<Call> {
        self.select(|call| position.0 < call.seq)
    }

    /// Forgets all calls. The numbers continue, so that older positions remain valid.
    pub fn clear(&self) {
        self.record().calls.clear();
    }

    /// Waits until no call is running. AWS completes the last calls of a killed function, and so does the gateway. Returns
    /// false if `bound` passes first.
    pub async fn wait_until_idle(&self, bound: Duration) -> bool {
        let mut running = self.shared.running.subscribe();
        timeout(bound, running.wait_for(|count| *count == 0)).await.is_ok_and(|waited| waited.is_ok())
    }

    /// Records a call that has arrived.
    pub(crate) fn begin(&self, call: &mut Call) -> CallGuard {
        let mut record = self.record();
        record.next += 1;
        call.seq = record.next;
        record.calls.push(call.clone());
        self.shared.running.send_modify(|count| *count += 1);
        CallGuard { journal: self.clone(), seq: call.seq, since: Instant::now() }
    }

    fn select(&self, wanted: impl Fn(&Call) -> bool) -> Vec<Call> {
        let record = self.record();
        record.calls.iter().filter(|call| wanted(call)).cloned().collect()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.shared.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new()
    }
}

/// One line for each call. Times count from the first call.
impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls();
        let start = calls.first().map_or_else(SystemTime::now, |call| call.at);
        for call in &calls {
            let at = call.at.duration_since(start).unwrap_or_default();
            writeln!(f, "{:>8.3} s  {call}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

/// A running call. Dropping this value records its end, with or without a response.
#[derive(Debug)]
pub(crate) struct CallGuard {
    journal: Journal,
    seq: u64,
    since: Instant,
}

impl CallGuard {
    /// Records the effect of a rule on the call.
    pub(crate) fn set_fault(&self, fault: &'static str) {
        self.amend(|call| call.fault = Some(fault));
    }

    /// Records the response.
    pub(crate) fn set_response(&self, status: u16, error_code: Option<String>) {
        self.amend(|call| {
            call.status = Some(status);
            call.error_code = error_code;
        });
    }

    fn amend(&self, amend: impl FnOnce(&mut Call)) {
        let mut record = self.journal.record();
        // The call is absent after `clear`. Calls are sorted by number, and there may be many thousands.
        if let Ok(place) = record.calls.binary_search_by_key(&self.seq, |call| call.seq) {
            amend(&mut record.calls[place]);
        }
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let duration = self.since.elapsed();
        self.amend(|call| call.duration = Some(duration));
        self.journal.shared.running.send_modify(|count| *count -= 1);
    }
}

/// Writes the line of one call: `#7 write iam CreateRole RoleName=r → 200 (3 ms)`.
pub(crate) fn write_line(call: &Call, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let kind = if call.is_write() { "write" } else { "read " };
    write!(f, "#{:<4} {kind} {} {}", call.seq, call.service, call.operation)?;
    for (name, value) in &call.params {
        // Documents and tokens are long, and a token is a secret.
        if value.chars().count() <= LONGEST_VALUE && name != "WebIdentityToken" {
            write!(f, " {name}={value}")?;
        }
    }
    match (call.status, &call.error_code) {
        (Some(status), Some(code)) => write!(f, " → {status} {code}")?,
        (Some(status), None) => write!(f, " → {status}")?,
        (None, _) if call.duration.is_none() => write!(f, " … running")?,
        (None, _) => write!(f, " → no response")?,
    }
    if let Some(duration) = call.duration {
        write!(f, " ({} ms)", duration.as_millis())?;
    }
    if let Some(fault) = call.fault {
        write!(f, " [{fault}]")?;
    }
    Ok(())
}

#[derive(Debug)]
struct Shared {
    record: Mutex<Record>,
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Record {
    next: u64,
    calls: Vec<Call>,
}

const LONGEST_VALUE: usize = 120;

#[cfg(test)]
mod tests {
    use hyper::{Request, body::Bytes, header::CONTENT_TYPE};

    use super::*;

    fn call(form: &'static str) -> Call {
        let (parts, body) = Request::post("/")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/iam/aws4_request, Signature=0")
            .body(Bytes::from_static(form.as_bytes()))
            .unwrap()
            .into_parts();
        Call::aws(&parts, body)
    }

    #[test]
    fn calls_are_selected_and_numbers_continue_after_clear() {
        let journal = Journal::new();
        drop(journal.begin(&mut call("Action=GetRole&RoleName=r")));
        let position = journal.position();
        drop(journal.begin(&mut call("Action=CreateRole&RoleName=r")));
        assert_eq!(journal.calls().len(), 2);
        assert_eq!(journal.reads()[0].operation, "GetRole");
        assert_eq!(journal.writes()[0].operation, "CreateRole");
        assert_eq!(journal.since(position)[0].seq, 2);
        assert_eq!(journal.of("iam", "CreateRole").len(), 1);

        journal.clear();
        drop(journal.begin(&mut call("Action=ListRoles")));
        assert_eq!(journal.calls()[0].seq, 3);
    }

    #[test]
    fn line_contains_call_and_result() {
        let journal = Journal::new();
        let guard = journal.begin(&mut call("Action=CreateRole&RoleName=r"));
        assert!(journal.to_string().contains("write iam CreateRole RoleName=r … running"));
        guard.set_fault("throttled");
        guard.set_response(400, Some("Throttling".to_owned()));
        drop(guard);
        let line = journal.to_string();
        assert!(line.contains("→ 400 Throttling ("), "{line}");
        assert!(line.trim_end().ends_with("[throttled]"), "{line}");
    }

    #[tokio::test]
    async fn wait_until_idle_waits_for_running_calls() {
        let journal = Journal::new();
        let guard = journal.begin(&mut call("Action=ListRoles"));
        assert!(!journal.wait_until_idle(Duration::from_millis(20)).await);
        drop(guard);
        assert!(journal.wait_until_idle(Duration::from_secs(1)).await);
    }
}
