//! A line on the terminal while something takes long.

use std::io::Write as _;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval_at};

/// What takes longer is told of, and again each time as long has passed.
const LONG: Duration = Duration::from_secs(2);

/// Waits for the work. Standard error says what it is, every two seconds.
pub(crate) async fn told<T>(what: &str, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let mut ticks = interval_at(tokio::time::Instant::now() + LONG, LONG);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut work = Box::pin(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                let _ = writeln!(anstream::stderr(), "{what}: {} s", begun.elapsed().as_secs());
            }
        }
    }
}
