//! How long each part of a run may take: fractions of the whole, so that a short deadline is kept as well as a long one.

use super::Retries;
use karpenter_prereqs_core::request::event::Envelope;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The most that is kept back for the response: a presigned PUT with its retries.
const RESPONSE_MOST: Duration = Duration::from_secs(15);

/// The most that is kept back to tear down a replacement that failed.
const UNDO_MOST: Duration = Duration::from_secs(90);

/// The longest wait for CloudFormation's stack status. Without a route to it, as in a VPC that has no endpoint for it, the event's
/// date decides.
const STATUS_QUERY_MOST: Duration = Duration::from_secs(15);

/// The longest settle time: how long new IAM objects and permissions take to reach every copy.
const SETTLE_MOST: Duration = Duration::from_mins(1);

/// The longest backoff of one call. A crowd that is throttled is not served faster for more attempts.
const BACKOFF_MOST: Duration = Duration::from_secs(10);

/// The deadlines of the parts of a run, and the times that its retries follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// Of reading and changing the world.
    pub(crate) work: Instant,
    /// Of tearing a failed replacement down.
    pub(crate) undo: Instant,
    /// Of the response's delivery.
    pub(crate) response: Instant,
    /// How long to wait for what becomes consistent with time.
    pub(crate) settle_time: Duration,
    /// How long to wait for CloudFormation's stack status.
    status_query: Duration,
    /// The longest backoff of one call.
    max_backoff: Duration,
}

impl Deadlines {
    /// Divides the time until Lambda's deadline or the event's, whichever is earlier. After the event's deadline only a Delete is
    /// still carried out, and Lambda's deadline alone ends it.
    pub(crate) fn new(lambda_deadline: SystemTime, envelope: &Envelope) -> Self {
        const LEAST: Duration = Duration::from_secs(1);
        let now = SystemTime::now();
        let until_lambda = lambda_deadline.duration_since(now).unwrap_or(LEAST);
        let until_given_up =
            envelope.deadline().and_then(|deadline| SystemTime::from(deadline).duration_since(now).ok());
        let whole = until_given_up.map_or(until_lambda, |other| other.min(until_lambda)).max(LEAST);
        // Lambda's clock stops the process. A last sliver is for the way back to it.
        let response = Instant::now() + whole.mul_f64(0.98);
        let undo = response - (whole / 6).min(RESPONSE_MOST);
        let work = undo - (whole / 5).min(UNDO_MOST);
        let (settle_time, status_query) = ((whole / 5).min(SETTLE_MOST), (whole / 10).min(STATUS_QUERY_MOST));
        let max_backoff = (whole / 90).min(BACKOFF_MOST);
        Self { work, undo, response, settle_time, status_query, max_backoff }
    }

    /// The retries of AWS calls in a part of the run with this deadline.
    pub(crate) fn retries(self, deadline: Instant) -> Retries {
        Retries { deadline, settle_time: self.settle_time, max_backoff: self.max_backoff }
    }

    /// The retries of CloudFormation's stack status. It is not worth a long wait, and less so if CloudFormation does not respond
    /// at all.
    pub(crate) fn retries_of_status_query(self) -> Retries {
        // The query comes before what may have to be undone.
        let deadline = (Instant::now() + self.settle_time).min(self.undo - self.status_query);
        Retries { deadline, settle_time: self.status_query / 2, max_backoff: self.max_backoff }
    }
}
