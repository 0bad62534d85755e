//! The times of one stack's events.

use std::time::{Duration, SystemTime};

/// A clock that advances by one step at each event, so that the minutes of a real operation take no time here. The function
/// compares dates to find out whether a rollback began after its event.
#[derive(Clone, Debug)]
pub(super) struct Clock(SystemTime);

/// The step. It is longer than 5 s, because within 5 s an Update looks like the Update of its rollback.
const STEP: Duration = Duration::from_secs(7);

/// The first time is this long ago. It has room for 400 steps, and is well below a `ServiceTimeout` of one hour.
const HEAD_START: Duration = Duration::from_secs(2800);

impl Clock {
    pub(super) fn new() -> Self {
        Self(SystemTime::now() - HEAD_START)
    }

    /// Returns the next time. It is never in the future: after all steps, it follows the real time.
    pub(super) fn tick(&mut self) -> SystemTime {
        let now = SystemTime::now();
        self.0 = (self.0 + STEP).clamp(now - HEAD_START, now);
        self.0
    }
}
