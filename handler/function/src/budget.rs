//! How long each part of a run may take: fractions of what there is, so that a short deadline is kept as well as a
//! long one.

use crate::aws::retry::Retries;
use backon::ExponentialBuilder;
use karpenter_prereqs_core::request::event::Envelope;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The most that is kept back for the answer: a presigned PUT with its retries.
const ANSWER_MOST: Duration = Duration::from_secs(15);

/// The most that is kept back for taking a failed replacement back.
const UNDO_MOST: Duration = Duration::from_secs(90);

/// The longest wait for CloudFormation's word on whether an operation is still wanted: without a way to it, as in a
/// VPC that has no endpoint for it, the event's date decides.
const QUESTION_MOST: Duration = Duration::from_secs(15);

/// The longest wait for what heals with time: fresh IAM objects and permissions.
const PATIENCE_MOST: Duration = Duration::from_mins(1);

/// The longest wait between two tries of a call: what a crowd is throttled by is not pressed harder for more tries.
const PAUSE_MOST: Duration = Duration::from_secs(10);

/// The moments at which the parts of a run must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Reading and changing the world.
    pub(crate) work: Instant,
    /// Taking a failed replacement back.
    pub(crate) undo: Instant,
    /// The answer's delivery.
    pub(crate) answer: Instant,
    /// How long to wait for what heals with time.
    pub(crate) patience: Duration,
    /// How long to wait for CloudFormation's word.
    question: Duration,
    /// The longest wait between two tries of a call.
    pause: Duration,
}

impl Budget {
    /// Divides the time until the earlier of Lambda's deadline and the moment CloudFormation gives up. When it has
    /// given up already, only a Delete is still carried out, and nothing but Lambda's deadline ends that.
    pub(crate) fn new(lambda_deadline: SystemTime, envelope: &Envelope) -> Self {
        const LEAST: Duration = Duration::from_secs(1);
        let now = SystemTime::now();
        let until_lambda = lambda_deadline.duration_since(now).unwrap_or(LEAST);
        let until_given_up = envelope
            .given_up_at()
            .map(|at| UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap_or_default()))
            .and_then(|at| at.duration_since(now).ok());
        let whole = until_given_up.map_or(until_lambda, |other| other.min(until_lambda)).max(LEAST);
        // Lambda's clock stops the process; a last sliver is for the way back to it.
        let answer = Instant::now() + whole.mul_f64(0.98);
        let undo = answer - (whole / 6).min(ANSWER_MOST);
        let work = undo - (whole / 5).min(UNDO_MOST);
        let (patience, question) = ((whole / 5).min(PATIENCE_MOST), (whole / 10).min(QUESTION_MOST));
        let pause = (whole / 90).min(PAUSE_MOST);
        Self { work, undo, answer, patience, question, pause }
    }

    /// How long calls are made again in a part of the run that ends then.
    pub(crate) fn retries(self, until: Instant) -> Retries {
        Retries { until, failing: self.patience, pause: self.pause }
    }

    /// The waits between two tries of a call on what the services' copies do not agree on yet.
    pub(crate) fn settling(self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.patience / 240)
            .with_max_delay((self.patience / 12).max(Duration::from_millis(100)))
            .without_max_times()
            .with_total_delay(Some(self.patience))
            .with_jitter()
    }

    /// The waits after a discovery tag was lost to another resource that tagged at the same moment. Each is random between one and
    /// two times its length, so that the two do not meet again.
    pub(crate) fn after_lost_race(self) -> ExponentialBuilder {
        ExponentialBuilder::new().with_min_delay(self.patience / 12).with_max_times(3).with_jitter()
    }

    /// The retries of the question to CloudFormation: it is no reason to wait for long, and less so where no answer comes
    /// at all.
    pub(crate) fn retries_of_question(self) -> Retries {
        // It comes before what may have to be undone.
        let until = (Instant::now() + self.patience).min(self.undo - self.question);
        Retries { until, failing: self.question / 2, pause: self.pause }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
