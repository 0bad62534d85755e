//! When the SDK stops retrying a call.
//!
//! - A throttled call is retried until the deadline. It has no limit on attempts, because many clients at once would use it up:
//!   if one `StackSet` deploys into many Regions, all of them share IAM.
//! - A call of a service that fails or does not respond is retried for the settle time.
//! - Any other error is final.
//!
//! The SDK classifies the errors and computes the backoff. The classifier here stops the retries before the deadline, so that the
//! service's own message reaches the response.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::{ErrorKind, ReconnectMode, RetryConfig};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most attempts of one call: more than there is time for.
const MAX_ATTEMPTS: u32 = 10_000;

/// The most attempts for credentials. The client for them is the SDK's own, which has no [`DeadlineClassifier`].
const MAX_CREDENTIAL_ATTEMPTS: u32 = 6;

/// The first backoff is at most the longest backoff divided by this.
const FIRST_BACKOFF_DIVISOR: u32 = 20;

/// The times that the retries of a call follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    /// No attempt begins after this.
    pub(crate) deadline: Instant,
    /// How long a service may fail or not respond before its error is final.
    pub(crate) settle_time: Duration,
    /// The longest backoff.
    pub(crate) max_backoff: Duration,
}

impl Retries {
    /// Returns the configuration for a client that has [`DeadlineClassifier`] among its classifiers.
    pub(crate) fn config(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(MAX_ATTEMPTS)
            .with_initial_backoff(self.first_backoff())
            .with_max_backoff(self.max_backoff)
            // The SDK cannot close a connection of this HTTP client. With another mode it would log that after each failure.
            .with_reconnect_mode(ReconnectMode::ReuseAllConnections)
    }

    /// Returns the configuration for the SDK's own client for credentials, which has no [`DeadlineClassifier`].
    pub(crate) fn config_of_credentials(self) -> RetryConfig {
        self.config().with_max_attempts(MAX_CREDENTIAL_ATTEMPTS)
    }

    /// Returns the longest backoff after the first attempt.
    pub(crate) fn first_backoff(self) -> Duration {
        self.max_backoff / FIRST_BACKOFF_DIVISOR
    }
}

/// Stops the retries of the client of one service.
#[derive(Debug)]
pub(crate) struct DeadlineClassifier {
    retries: Retries,
    /// The time of the first failure since the service last responded; `None` if its last response was not a failure.
    failing_since: Mutex<Option<Instant>>,
}

impl DeadlineClassifier {
    /// Returns a classifier that has seen no failure.
    pub(crate) fn new(retries: Retries) -> Self {
        Self { retries, failing_since: Mutex::new(None) }
    }

    /// Returns whether a call must not be retried. `kind` is the class of its error; `None` if the SDK does not retry the error.
    fn must_stop(&self, kind: Option<ErrorKind>, now: Instant) -> bool {
        let mut failing_since = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            // The service responds, so it does not fail any more.
            None | Some(ErrorKind::ThrottlingError) => *failing_since = None,
            Some(_) => {
                let since = *failing_since.get_or_insert(now);
                if since + self.retries.settle_time <= now {
                    return true;
                }
            }
        }
        self.retries.deadline <= now + self.retries.max_backoff
    }
}

impl ClassifyRetry for DeadlineClassifier {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let kind = match previous {
            RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) => Some(*kind),
            _ => None,
        };
        if self.must_stop(kind, Instant::now()) { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "deadline"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn classifier(begin: Instant) -> DeadlineClassifier {
        DeadlineClassifier::new(Retries {
            deadline: begin + 100 * SECOND,
            settle_time: 10 * SECOND,
            max_backoff: 5 * SECOND,
        })
    }

    #[test]
    fn throttled_call_is_retried_until_the_deadline() {
        let begin = Instant::now();
        let classifier = classifier(begin);
        let throttled = Some(ErrorKind::ThrottlingError);
        assert!(!classifier.must_stop(throttled, begin));
        assert!(!classifier.must_stop(throttled, begin + 94 * SECOND));
        assert!(classifier.must_stop(throttled, begin + 95 * SECOND));
    }

    #[test]
    fn failing_service_is_retried_for_the_settle_time() {
        for failure in [Some(ErrorKind::TransientError), Some(ErrorKind::ServerError)] {
            let begin = Instant::now();
            let classifier = classifier(begin);
            assert!(!classifier.must_stop(failure, begin + 50 * SECOND));
            assert!(!classifier.must_stop(failure, begin + 59 * SECOND));
            assert!(classifier.must_stop(failure, begin + 60 * SECOND));
        }
    }

    #[test]
    fn any_response_restarts_the_settle_time() {
        for response in [None, Some(ErrorKind::ThrottlingError)] {
            let begin = Instant::now();
            let classifier = classifier(begin);
            assert!(!classifier.must_stop(Some(ErrorKind::TransientError), begin));
            assert!(!classifier.must_stop(response, begin + 5 * SECOND));
            assert!(!classifier.must_stop(Some(ErrorKind::TransientError), begin + 12 * SECOND));
        }
    }
}
