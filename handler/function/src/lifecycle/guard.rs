//! The guard of a run: a deadline, and the conversion of a panic into an error. CloudFormation gets a response in both cases.

use crate::apply::Progress;
use crate::error::Error;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tokio::time::{Instant, timeout_at};

/// Returns the result of the work, if it ends before `deadline` and does not panic.
///
/// # Errors
/// The error of the work, [`Error::OutOfTime`] or [`Error::Panicked`]. The last two contain what was in progress.
pub(crate) async fn with_deadline<T>(
    progress: &Progress,
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    // Boxed, because the future of a whole run is large, and its type exceeds the compiler's recursion limit.
    let work = AssertUnwindSafe(work.boxed_local()).catch_unwind();
    match timeout_at(deadline, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().cloned();
            let message = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            let message = message.unwrap_or_else(|| "no message".to_owned());
            Err(Error::Panicked { during: progress.description(), message })
        }
        Err(_) => Err(Error::OutOfTime { during: progress.description() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn in_one_minute() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[tokio::test]
    async fn panic_becomes_an_error_that_names_the_work_in_progress() {
        let progress = Progress::default();
        progress.set("reading the cluster");
        let work = async { panic!("index {} out of bounds", 7) };
        let error = with_deadline::<()>(&progress, in_one_minute(), work).await.unwrap_err();
        let reason = error.reason();
        assert!(reason.contains("reading the cluster") && reason.contains("index 7 out of bounds"), "{reason}");
    }

    #[tokio::test]
    async fn deadline_becomes_an_error_that_names_the_work_in_progress() {
        let progress = Progress::default();
        progress.set("create role `r`");
        let error = with_deadline::<()>(&progress, Instant::now(), std::future::pending()).await.unwrap_err();
        let reason = error.reason();
        assert!(reason.contains("the deadline passed while create role `r`"), "{reason}");
    }

    #[tokio::test]
    async fn result_before_the_deadline_is_returned() {
        let progress = Progress::default();
        assert_eq!(with_deadline(&progress, in_one_minute(), async { Ok(7) }).await.unwrap(), 7);
    }
}
