//! The times of the parts of a run. They are fractions of its whole time, so that each part fits into a short deadline too.

use super::Retries;
use karpenter_prereqs_core::request::event::Envelope;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The longest reserve for the response: the PUT to the presigned URL with its retries.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(15);

/// The longest reserve for undoing, for example the teardown of a replacement that failed.
const MAX_UNDO_TIME: Duration = Duration::from_secs(90);

/// The longest time for the query of CloudFormation's stack status. In a VPC without an endpoint for CloudFormation, the query
/// never succeeds. The event's date then decides.
const MAX_STATUS_QUERY_TIME: Duration = Duration::from_secs(15);

/// The longest settle time: how long new IAM objects and permissions take to reach every copy of IAM.
const MAX_SETTLE_TIME: Duration = Duration::from_mins(1);

/// The longest backoff of one call. More attempts do not help when many clients are throttled at the same time.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The deadlines of the parts of a run, and the times that its retries follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// The deadline for reading the account and carrying out plans.
    pub(crate) work: Instant,
    /// The deadline for undoing, and for a teardown.
    pub(crate) undo: Instant,
    /// The deadline for the delivery of the response.
    pub(crate) response: Instant,
    /// The settle time: how long to wait for eventual consistency, and to retry a service that fails.
    pub(crate) settle_time: Duration,
    /// The longest time for the query of CloudFormation's stack status.
    status_query: Duration,
    /// The longest backoff of one call.
    max_backoff: Duration,
}

impl Deadlines {
    /// Divides the time until Lambda's deadline or the event's deadline, whichever is earlier. The event's deadline is its date
    /// plus `ServiceTimeout`.
    ///
    /// If the event's deadline has passed, Lambda's deadline alone counts. Only a Delete is carried out then.
    pub(crate) fn new(lambda_deadline: SystemTime, envelope: &Envelope) -> Self {
        const MIN_TIME: Duration = Duration::from_secs(1);
        let now = SystemTime::now();
        let until_lambda = lambda_deadline.duration_since(now).unwrap_or(MIN_TIME);
        let until_event_deadline =
            envelope.deadline().and_then(|deadline| SystemTime::from(deadline).duration_since(now).ok());
        let whole = until_event_deadline.map_or(until_lambda, |other| other.min(until_lambda)).max(MIN_TIME);
        // Lambda stops the process at its deadline. The last 2% are for the return to Lambda.
        let response = Instant::now() + whole.mul_f64(0.98);
        let undo = response - (whole / 6).min(MAX_RESPONSE_TIME);
        let work = undo - (whole / 5).min(MAX_UNDO_TIME);
        let (settle_time, status_query) = ((whole / 5).min(MAX_SETTLE_TIME), (whole / 10).min(MAX_STATUS_QUERY_TIME));
        let max_backoff = (whole / 90).min(MAX_BACKOFF);
        Self { work, undo, response, settle_time, status_query, max_backoff }
    }

    /// Returns the retries of AWS calls in a part of the run with this deadline.
    pub(crate) fn retries(self, deadline: Instant) -> Retries {
        Retries { deadline, settle_time: self.settle_time, max_backoff: self.max_backoff }
    }

    /// Returns the retries of the query of CloudFormation's stack status. The run works without it, so it waits at most for the
    /// settle time, and for less if CloudFormation does not respond at all.
    pub(crate) fn retries_of_status_query(self) -> Retries {
        // The query must end before the deadline for undo, because an undo may follow it.
        let deadline = (Instant::now() + self.settle_time).min(self.undo - self.status_query);
        Retries { deadline, settle_time: self.status_query / 2, max_backoff: self.max_backoff }
    }
}
