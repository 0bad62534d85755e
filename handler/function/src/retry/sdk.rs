//! When the SDK stops retrying a call.
//!
//! A throttled call is retried until the deadline. A limit on attempts would be used up by a crowd: when one `StackSet` deploys
//! into many Regions, all of them share IAM. A service that fails or does not respond is retried for the settle time. Any other
//! error is final.
//!
//! The SDK classifies the errors and computes the backoff. This classifier stops the retries early enough that the service's own
//! words reach the response.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::{ErrorKind, ReconnectMode, RetryConfig};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Attempts of one call: more than there is time for.
const ATTEMPTS: u32 = 10_000;

/// Attempts for credentials, whose client is the SDK's own.
const ATTEMPTS_FOR_CREDENTIALS: u32 = 6;

/// The first backoff is at most this part of the longest.
const FIRST_BACKOFF_PART: u32 = 20;

/// How long a call is retried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    /// No attempt begins later.
    pub(crate) deadline: Instant,
    /// How long a service may fail or not respond.
    pub(crate) settle_time: Duration,
    /// The longest backoff.
    pub(crate) max_backoff: Duration,
}

impl Retries {
    /// For a client that has [`DeadlineClassifier`] among its classifiers.
    pub(crate) fn config(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(self.first_backoff())
            .with_max_backoff(self.max_backoff)
            // The SDK cannot close a connection of this HTTP client, and would say so after each failure.
            .with_reconnect_mode(ReconnectMode::ReuseAllConnections)
    }

    /// For a client that gets nothing but this.
    pub(crate) fn config_of_credentials(self) -> RetryConfig {
        self.config().with_max_attempts(ATTEMPTS_FOR_CREDENTIALS)
    }

    /// The longest backoff after the first attempt.
    pub(crate) fn first_backoff(self) -> Duration {
        self.max_backoff / FIRST_BACKOFF_PART
    }
}

/// Stops the retries of one service's client.
#[derive(Debug)]
pub(crate) struct DeadlineClassifier {
    retries: Retries,
    /// When the first of an unbroken row of failures came.
    failing_since: Mutex<Option<Instant>>,
}

impl DeadlineClassifier {
    pub(crate) fn new(retries: Retries) -> Self {
        Self { retries, failing_since: Mutex::new(None) }
    }

    fn is_over(&self, kind: Option<ErrorKind>, now: Instant) -> bool {
        let mut failing_since = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            // It responds.
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
        if self.is_over(kind, Instant::now()) { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
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
        assert!(!classifier.is_over(throttled, begin));
        assert!(!classifier.is_over(throttled, begin + 94 * SECOND));
        assert!(classifier.is_over(throttled, begin + 95 * SECOND));
    }

    #[test]
    fn failing_service_is_retried_for_the_settle_time() {
        for broken in [Some(ErrorKind::TransientError), Some(ErrorKind::ServerError)] {
            let begin = Instant::now();
            let classifier = classifier(begin);
            assert!(!classifier.is_over(broken, begin + 50 * SECOND));
            assert!(!classifier.is_over(broken, begin + 59 * SECOND));
            assert!(classifier.is_over(broken, begin + 60 * SECOND));
        }
    }

    #[test]
    fn any_response_ends_a_row_of_failures() {
        for answered in [None, Some(ErrorKind::ThrottlingError)] {
            let begin = Instant::now();
            let classifier = classifier(begin);
            assert!(!classifier.is_over(Some(ErrorKind::TransientError), begin));
            assert!(!classifier.is_over(answered, begin + 5 * SECOND));
            assert!(!classifier.is_over(Some(ErrorKind::TransientError), begin + 12 * SECOND));
        }
    }
}
