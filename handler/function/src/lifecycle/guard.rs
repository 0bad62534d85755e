//! What keeps an answer coming: a deadline and a net for panics around the work.

use crate::apply::Progress;
use crate::error::Error;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tokio::time::{Instant, timeout_at};

/// The work's result, if it comes before the moment and without a panic.
///
/// # Errors
/// The work's own, [`Error::OutOfTime`] or [`Error::Panicked`]; the last two say what was going on.
pub(crate) async fn guarded<T>(
    progress: &Progress,
    until: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    // Boxed: the state of a whole run is large, and its type is deeper than the compiler likes to look.
    let work = AssertUnwindSafe(work.boxed_local()).catch_unwind();
    match timeout_at(until, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let message = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            let message = message.unwrap_or_else(|| "no message".to_owned());
            Err(Error::Panicked { during: progress.shown(), message })
        }
        Err(_) => Err(Error::OutOfTime { during: progress.shown() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn in_a_while() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test]
    async fn a_panic_is_a_failure_that_says_what_was_going_on() {
        let progress = Progress::default();
        progress.set("reading the cluster");
        let work = async { panic!("index {} out of bounds", 7) };
        let error = guarded::<()>(&progress, in_a_while(), work).await.unwrap_err();
        let reason = error.reason();
        assert!(reason.contains("reading the cluster") && reason.contains("index 7 out of bounds"), "{reason}");
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_a_failure_at_the_moment_and_says_what_was_going_on() {
        let progress = Progress::default();
        progress.set("create role `r`");
        let error = guarded::<()>(&progress, Instant::now(), std::future::pending()).await.unwrap_err();
        assert!(error.reason().contains("the deadline passed while create role `r`"), "{}", error.reason());
    }

    #[tokio::test]
    async fn a_result_in_time_is_the_result() {
        let progress = Progress::default();
        assert_eq!(guarded(&progress, in_a_while(), async { Ok(7) }).await.unwrap(), 7);
    }
}
