//! Progress lines on standard error while a command waits.

use std::io::Write as _;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval_at};

/// The time before the first line, and between two lines.
const INTERVAL: Duration = Duration::from_secs(2);

/// Waits for `work` and returns its output. Writes `<what>: <seconds> s` to standard error every 2 seconds, so that a slow
/// network does not look like a hang.
pub(crate) async fn with_progress<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let mut ticks = interval_at(tokio::time::Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut work = Box::pin(work);
    loop {
        tokio::select! {
            output = &mut work => return output,
            _ = ticks.tick() => {
                let _ = writeln!(anstream::stderr(), "{what}: {} s", start.elapsed().as_secs());
            }
        }
    }
}
