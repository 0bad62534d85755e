//! How long a call is made again.
//!
//! What throttles heals with time, whoever is served first: such a call is made again for as long as the run has time.
//! A number of tries would be used up by a crowd, as when one `StackSet` deploys into many regions: they share IAM. A
//! service that breaks or says nothing is given a shorter while. Any other refusal is final at once.
//!
//! What is which, and how the waits between two tries grow, is the SDK's to say; here is said when it is enough, so
//! that the service's own words reach the answer before the deadline does.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::{ErrorKind, ReconnectMode, RetryConfig};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Tries of one call: more than there is time for.
const TRIES: u32 = 10_000;

/// Tries for credentials, whose client is the SDK's own.
const TRIES_FOR_CREDENTIALS: u32 = 6;

/// The first wait is at most this part of the longest.
const FIRST_PAUSE: u32 = 20;

/// How long a call is made again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    /// No try begins later.
    pub(crate) until: Instant,
    /// How long a service may break or say nothing.
    pub(crate) failing: Duration,
    /// The longest wait between two tries.
    pub(crate) pause: Duration,
}

impl Retries {
    /// For a client that has [`Enough`] among its classifiers.
    pub(crate) fn config(self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(self.first_pause())
            .with_max_backoff(self.pause)
            // The SDK cannot close a connection of this HTTP client, and would say so after each failure.
            .with_reconnect_mode(ReconnectMode::ReuseAllConnections)
    }

    /// For a client that gets nothing but this.
    pub(crate) fn config_of_credentials(self) -> RetryConfig {
        self.config().with_max_attempts(TRIES_FOR_CREDENTIALS)
    }

    /// The longest wait after the first try.
    pub(crate) fn first_pause(self) -> Duration {
        self.pause / FIRST_PAUSE
    }
}

/// Ends the tries of one service's client when it is enough.
#[derive(Debug)]
pub(crate) struct Enough {
    retries: Retries,
    /// Since when every call has failed.
    failing_since: Mutex<Option<Instant>>,
}

impl Enough {
    pub(crate) fn new(retries: Retries) -> Self {
        Self { retries, failing_since: Mutex::new(None) }
    }

    fn is_enough(&self, kind: Option<ErrorKind>, now: Instant) -> bool {
        let mut failing_since = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            // It answers.
            None | Some(ErrorKind::ThrottlingError) => *failing_since = None,
            Some(_) => {
                let since = *failing_since.get_or_insert(now);
                if since + self.retries.failing <= now {
                    return true;
                }
            }
        }
        self.retries.until <= now + self.retries.pause
    }
}

impl ClassifyRetry for Enough {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let kind = match previous {
            RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) => Some(*kind),
            _ => None,
        };
        if self.is_enough(kind, Instant::now()) { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "enough"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn enough(begin: Instant) -> Enough {
        Enough::new(Retries { until: begin + 100 * SECOND, failing: 10 * SECOND, pause: 5 * SECOND })
    }

    #[test]
    fn a_throttled_call_is_made_again_for_as_long_as_a_try_can_still_begin() {
        let begin = Instant::now();
        let enough = enough(begin);
        let throttled = Some(ErrorKind::ThrottlingError);
        assert!(!enough.is_enough(throttled, begin));
        assert!(!enough.is_enough(throttled, begin + 94 * SECOND));
        assert!(enough.is_enough(throttled, begin + 95 * SECOND));
    }

    #[test]
    fn a_service_that_breaks_is_given_a_while_from_its_first_failure_on() {
        for broken in [Some(ErrorKind::TransientError), Some(ErrorKind::ServerError)] {
            let begin = Instant::now();
            let enough = enough(begin);
            assert!(!enough.is_enough(broken, begin + 50 * SECOND));
            assert!(!enough.is_enough(broken, begin + 59 * SECOND));
            assert!(enough.is_enough(broken, begin + 60 * SECOND));
        }
    }

    #[test]
    fn an_answer_of_whatever_kind_ends_a_while_of_failures() {
        for answered in [None, Some(ErrorKind::ThrottlingError)] {
            let begin = Instant::now();
            let enough = enough(begin);
            assert!(!enough.is_enough(Some(ErrorKind::TransientError), begin));
            assert!(!enough.is_enough(answered, begin + 5 * SECOND));
            assert!(!enough.is_enough(Some(ErrorKind::TransientError), begin + 12 * SECOND));
        }
    }
}
