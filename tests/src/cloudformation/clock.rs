//! The time that one stack's events bear.

use std::time::{Duration, SystemTime};

/// A clock that makes a step at each event, so that what takes minutes in CloudFormation takes no time here. The
/// function tells by dates alone whether a rollback began after the event that it is at work on.
#[derive(Clone, Debug)]
pub(super) struct Clock(SystemTime);

/// More than the five seconds within which an Update cannot be told from the one of its rollback.
const STEP: Duration = Duration::from_secs(7);

/// How far back it begins: room for four hundred steps, and well within a `ServiceTimeout` of an hour.
const HEAD_START: Duration = Duration::from_secs(2800);

impl Clock {
    pub(super) fn new() -> Self {
        Self(SystemTime::now() - HEAD_START)
    }

    /// The next moment. It is never in the future: when the steps have used up the head start, real time goes on.
    pub(super) fn tick(&mut self) -> SystemTime {
        let now = SystemTime::now();
        self.0 = (self.0 + STEP).clamp(now - HEAD_START, now);
        self.0
    }
}
