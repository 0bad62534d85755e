//! The record of every call, in the order of arrival.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::{sync::watch, time::timeout};

use super::call::Call;

/// Every call that went through. A clone is another handle on the same record.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// A place in a journal: everything before it has happened already.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Mark(u64);

impl Journal {
    /// An empty record.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { record: Mutex::default(), under_way: watch::Sender::new(0) }) }
    }

    /// All calls since the beginning, or since [`clear`](Self::clear).
    pub fn calls(&self) -> Vec<Call> {
        self.select(|_| true)
    }

    /// The calls that can change anything. A call that was refused or cut is one of them: what
    /// counts is that it was tried.
    pub fn writes(&self) -> Vec<Call> {
        self.select(Call::is_write)
    }

    /// The calls that change nothing.
    pub fn reads(&self) -> Vec<Call> {
        self.select(|call| !call.is_write())
    }

    /// The calls of one operation of one service.
    pub fn of(&self, service: &str, operation: &str) -> Vec<Call> {
        self.select(|call| call.is(service, operation))
    }

    /// This place, for [`since`](Self::since).
    pub fn mark(&self) -> Mark {
        Mark(self.record().next)
    }

    /// The calls that arrived after `mark`.
    pub fn since(&self, mark: Mark) -> Vec<Call> {
        self.select(|call| mark.0 < call.seq)
    }

    /// Forgets all calls. The numbers go on, so that older marks stay good.
    pub fn clear(&self) {
        self.record().calls.clear();
    }

    /// Waits until no call is under way. A killed function's last call is still carried out, as
    /// AWS would, and this is how to wait for it. False if `bound` passes first.
    pub async fn settled(&self, bound: Duration) -> bool {
        let mut under_way = self.shared.under_way.subscribe();
        timeout(bound, under_way.wait_for(|count| *count == 0)).await.is_ok_and(|waited| waited.is_ok())
    }

    /// Records a call that has arrived.
    pub(crate) fn begin(&self, call: &mut Call) -> Ticket {
        let mut record = self.record();
        record.next += 1;
        call.seq = record.next;
        record.calls.push(call.clone());
        self.shared.under_way.send_modify(|count| *count += 1);
        Ticket { journal: self.clone(), seq: call.seq, since: Instant::now() }
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

/// One line a call, the time counted from the first.
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

/// A call under way. Its end is recorded when it is dropped, answered or not.
#[derive(Debug)]
pub(crate) struct Ticket {
    journal: Journal,
    seq: u64,
    since: Instant,
}

impl Ticket {
    /// Notes what the gateway does to the call.
    pub(crate) fn note(&self, fault: &'static str) {
        self.amend(|call| call.fault = Some(fault));
    }

    /// Notes the answer.
    pub(crate) fn answered(&self, status: u16, error_code: Option<String>) {
        self.amend(|call| {
            call.status = Some(status);
            call.error_code = error_code;
        });
    }

    fn amend(&self, amend: impl FnOnce(&mut Call)) {
        let mut record = self.journal.record();
        // Absent after a `clear` in between. They stand in the order of their numbers, and may be many thousands.
        if let Ok(place) = record.calls.binary_search_by_key(&self.seq, |call| call.seq) {
            amend(&mut record.calls[place]);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let duration = self.since.elapsed();
        self.amend(|call| call.duration = Some(duration));
        self.journal.shared.under_way.send_modify(|count| *count -= 1);
    }
}

/// The line of one call: `#7 write iam CreateRole RoleName=r → 200 (3 ms)`.
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
        (None, _) if call.duration.is_none() => write!(f, " … under way")?,
        (None, _) => write!(f, " → no answer")?,
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
    under_way: watch::Sender<usize>,
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
    fn calls_are_told_apart_and_counted_on_after_clear() {
        let journal = Journal::new();
        drop(journal.begin(&mut call("Action=GetRole&RoleName=r")));
        let mark = journal.mark();
        drop(journal.begin(&mut call("Action=CreateRole&RoleName=r")));
        assert_eq!(journal.calls().len(), 2);
        assert_eq!(journal.reads()[0].operation, "GetRole");
        assert_eq!(journal.writes()[0].operation, "CreateRole");
        assert_eq!(journal.since(mark)[0].seq, 2);
        assert_eq!(journal.of("iam", "CreateRole").len(), 1);

        journal.clear();
        drop(journal.begin(&mut call("Action=ListRoles")));
        assert_eq!(journal.calls()[0].seq, 3);
    }

    #[test]
    fn a_line_tells_the_call_and_its_end() {
        let journal = Journal::new();
        let ticket = journal.begin(&mut call("Action=CreateRole&RoleName=r"));
        assert!(journal.to_string().contains("write iam CreateRole RoleName=r … under way"));
        ticket.note("throttled");
        ticket.answered(400, Some("Throttling".to_owned()));
        drop(ticket);
        let line = journal.to_string();
        assert!(line.contains("→ 400 Throttling ("), "{line}");
        assert!(line.trim_end().ends_with("[throttled]"), "{line}");
    }

    #[tokio::test]
    async fn settled_waits_for_calls_under_way() {
        let journal = Journal::new();
        let ticket = journal.begin(&mut call("Action=ListRoles"));
        assert!(!journal.settled(Duration::from_millis(20)).await);
        drop(ticket);
        assert!(journal.settled(Duration::from_secs(1)).await);
    }
}
