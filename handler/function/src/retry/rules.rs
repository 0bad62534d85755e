//! One backoff for each rule, and the errors that it retries.

use super::{Deadlines, Retries};
use crate::error::{AwsError, Error, KubernetesError};
use backon::ExponentialBuilder;
use std::time::Duration;

/// The shortest maximum of the backoff for eventual consistency, however short the deadline is.
const MIN_SETTLE_BACKOFF: Duration = Duration::from_millis(100);

/// The shortest wait before aws-auth is read again.
const MIN_AWS_AUTH_BACKOFF: Duration = Duration::from_millis(10);

/// The settle time is divided by this for an API server that cannot be reached. A broken connection is opened again at once, and
/// waiting does not help if there is no route.
const UNREACHABLE_DIVISOR: u32 = 4;

/// The settle time is divided by this for an API server that does not know the caller. It knows a new mapping within seconds.
/// But its authenticator also returns 401 if STS does not respond within 10 seconds.
const UNKNOWN_TOKEN_DIVISOR: u32 = 3;

/// The longest first backoff between two PUTs of the response. CloudFormation and users wait for the response.
const MAX_FIRST_RESPONSE_BACKOFF: Duration = Duration::from_millis(500);

/// The longest backoff between two PUTs of the response.
const MAX_RESPONSE_BACKOFF: Duration = Duration::from_secs(10);

/// The most further plans after another resource tagged at the same moment.
const MAX_PLANS_AFTER_LOST_RACE: usize = 3;

/// The facts about a step of IAM that decide, together with the error, whether it is retried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepFacts {
    /// The step needs an object that this run created. Not every copy of the service has the object yet.
    pub(crate) is_on_new_object: bool,
    /// The step removes something.
    pub(crate) is_removal: bool,
    /// This run created the generation's objects.
    pub(crate) has_created_generation: bool,
}

/// Returns whether a retry can solve IAM's error. IAM is eventually consistent: a call may not find a new role yet, or not have
/// the permission that the role's tags give.
pub(crate) fn is_retried_in_iam(error: &AwsError, facts: StepFacts) -> bool {
    error.is_unsettled()
        || facts.is_on_new_object && (error.is_not_found() || error.is_denied())
        || facts.is_removal && facts.has_created_generation && error.is_denied()
}

/// Returns whether a retry can solve the error of EKS: the role exists in IAM, and EKS does not see it yet. In any step, the
/// message of the error shows that. In a step that needs a new object, any invalid parameter counts.
pub(crate) fn is_retried_in_eks(error: &AwsError, is_on_new_object: bool) -> bool {
    error.is_unseen_principal() || is_on_new_object && error.is_invalid_parameter()
}

/// Returns whether the function's own permission may arrive later. A template changes the policies of the execution role seconds
/// before the function runs.
pub(crate) fn is_permission_pending(error: &Error) -> bool {
    matches!(error, Error::Aws(error) if error.is_denied())
}

/// Returns whether a step failed because its object does not exist, or because EKS has not seen its role for the settle time. The
/// snapshot had it, so another resource has deleted it since.
pub(crate) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Aws(error) if error.is_not_found() || error.is_unseen_principal())
}

/// Returns how long a read of the Kubernetes API is retried, from its first attempt; zero if the error is final.
///
/// `is_token_accepted`: whether the API server has accepted this token before. A later 401 then means that STS throttles the
/// authenticator of the API server, or is slow.
pub(crate) fn retry_time_of_kubernetes_read(
    error: &KubernetesError,
    settle_time: Duration,
    is_token_accepted: bool,
) -> Duration {
    match error {
        KubernetesError::Busy { .. } => settle_time,
        KubernetesError::Unauthorized { .. } if is_token_accepted => settle_time,
        KubernetesError::Unauthorized { .. } => settle_time / UNKNOWN_TOKEN_DIVISOR,
        KubernetesError::Unreachable { .. } => settle_time / UNREACHABLE_DIVISOR,
        _ => Duration::ZERO,
    }
}

/// Returns how long the edit of aws-auth is retried, from its first attempt; zero if the error is final.
///
/// `time_for_attempts` is the time in which attempts may begin: until shortly before the deadline of the part of the run.
/// `is_token_accepted`: as in [`retry_time_of_kubernetes_read`].
pub(crate) fn retry_time_of_aws_auth_edit(
    error: &Error,
    settle_time: Duration,
    time_for_attempts: Duration,
    is_token_accepted: bool,
) -> Duration {
    match error {
        // Each conflict means that another writer has finished, so one fewer competes in the next attempt.
        Error::Kubernetes(KubernetesError::Contended) => time_for_attempts,
        Error::Kubernetes(KubernetesError::Unauthorized { .. }) if is_token_accepted => settle_time,
        Error::Kubernetes(KubernetesError::Busy { .. } | KubernetesError::Unreachable { .. }) => settle_time,
        _ => Duration::ZERO,
    }
}

/// Returns how long a resource waits after it lost a race for a tag.
///
/// - `wait` is the random backoff.
/// - `took` is the duration of the last attempt.
/// - `turn` is the number of resources that lost the same race and retry before this one.
///
/// Two resources meet again if each reads before the other writes, so their attempts must not overlap. Each further turn begins
/// two attempts later.
pub(crate) fn wait_after_lost_race(wait: Duration, took: Duration, turn: usize) -> Duration {
    let turns = u32::try_from(turn).unwrap_or(u32::MAX);
    wait.saturating_add(wait.saturating_add(took).saturating_mul(2).saturating_mul(turns))
}

impl Deadlines {
    /// Returns the backoff of a step whose object is not consistent yet.
    pub(crate) fn settling(self) -> ExponentialBuilder {
        self.until_shown().with_total_delay(Some(self.settle_time)).with_jitter()
    }

    /// Returns the backoff of reads of tags that EC2 does not show yet.
    pub(crate) fn shown_tags(self) -> ExponentialBuilder {
        self.until_shown().with_total_delay(Some(self.settle_time / 4))
    }

    /// Returns the backoff between two plans after another resource tagged at the same moment, for the first resource in the
    /// order of retries. [`wait_after_lost_race`] adds the waits of the others.
    ///
    /// Each wait is random between one and two times its length, because two resources may both count as the first: the order
    /// lacks a rival that had already deleted its marker.
    pub(crate) fn lost_race(self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.settle_time / 12)
            .with_max_times(MAX_PLANS_AFTER_LOST_RACE)
            .with_jitter()
    }

    /// Returns the backoff of the first snapshot of a Create, whose permissions may arrive later.
    pub(crate) fn permissions(self) -> ExponentialBuilder {
        unlimited(self.settle_time / 60, self.settle_time / 6)
    }

    /// Returns the backoff of the edit of aws-auth.
    pub(crate) fn aws_auth_edit(self) -> ExponentialBuilder {
        unlimited((self.settle_time / 600).max(MIN_AWS_AUTH_BACKOFF), self.longest_wait_of_aws_auth_edit())
    }

    /// Returns the longest backoff of the edit of aws-auth, without jitter. Jitter doubles it at most.
    pub(crate) fn longest_wait_of_aws_auth_edit(self) -> Duration {
        self.settle_time / 40
    }

    /// Returns the backoff for eventual consistency, without a limit on its total time.
    fn until_shown(self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.settle_time / 240)
            .with_max_delay((self.settle_time / 12).max(MIN_SETTLE_BACKOFF))
            .without_max_times()
    }
}

impl Retries {
    /// Returns the backoff of a read of the Kubernetes API.
    pub(crate) fn kubernetes_read(self) -> ExponentialBuilder {
        unlimited(self.first_backoff(), self.max_backoff)
    }

    /// Returns how long an `implicitDeny` is retried. A template changes the policies of the execution role seconds before the
    /// function runs.
    pub(crate) fn simulation_time(self) -> Duration {
        self.settle_time / 2
    }

    /// Returns the backoff of the simulation of `iam:PassRole`.
    pub(crate) fn simulation(self) -> ExponentialBuilder {
        unlimited(self.simulation_time() / 60, self.simulation_time() / 6)
    }
}

/// Returns the backoff of the PUT of the response. `time_left` is the time until the deadline for the response.
pub(crate) fn response(time_left: Duration) -> ExponentialBuilder {
    unlimited((time_left / 200).min(MAX_FIRST_RESPONSE_BACKOFF), (time_left / 10).min(MAX_RESPONSE_BACKOFF))
}

/// Returns a backoff that grows from `first` to `longest`, without a limit on attempts.
fn unlimited(first: Duration, longest: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times().with_jitter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use karpenter_prereqs_core::observed::AuthenticationMode;

    const SETTLE_TIME: Duration = Duration::from_mins(1);

    fn unauthorized() -> KubernetesError {
        KubernetesError::Unauthorized {
            endpoint: String::new(),
            caller_name: String::new(),
            hint: "",
            mode: AuthenticationMode::ConfigMap,
        }
    }

    #[test]
    fn unauthorized_is_retried_longer_once_the_token_was_accepted() {
        assert_eq!(retry_time_of_kubernetes_read(&unauthorized(), SETTLE_TIME, false), Duration::from_secs(20));
        assert_eq!(retry_time_of_kubernetes_read(&unauthorized(), SETTLE_TIME, true), SETTLE_TIME);
        let edit = |accepted| {
            retry_time_of_aws_auth_edit(
                &Error::Kubernetes(unauthorized()),
                SETTLE_TIME,
                Duration::from_secs(200),
                accepted,
            )
        };
        assert_eq!((edit(false), edit(true)), (Duration::ZERO, SETTLE_TIME));
    }

    #[test]
    fn conflict_on_aws_auth_is_retried_while_attempts_may_begin() {
        let (conflict, time) = (Error::Kubernetes(KubernetesError::Contended), Duration::from_secs(200));
        assert_eq!(retry_time_of_aws_auth_edit(&conflict, SETTLE_TIME, time, false), time);
        assert_eq!(retry_time_of_kubernetes_read(&KubernetesError::Contended, SETTLE_TIME, true), Duration::ZERO);
    }

    proptest::proptest! {
        /// The next resource begins after the previous one has had time for two attempts, for all random waits.
        #[test]
        fn next_turn_after_lost_race_begins_two_attempts_later(
            least in 0..100_000_u64,
            random in proptest::array::uniform2(0.0..1.0_f64),
            took in 0..1_000_000_u64,
            turn in 0..50_usize,
        ) {
            let (least, took) = (Duration::from_millis(least), Duration::from_millis(took));
            let [first, second] = random.map(|random| least.mul_f64(1.0 + random));
            let first = wait_after_lost_race(first, took, 0);
            proptest::prop_assert!(least <= first && first <= least * 2);
            proptest::prop_assert!(first + took * 2 <= wait_after_lost_race(second, took, 1));
            let (this, next) = (wait_after_lost_race(least, took, turn), wait_after_lost_race(least, took, turn + 1));
            proptest::prop_assert!(this + took * 2 <= next);
        }
    }

    #[test]
    fn forbidden_is_final() {
        let forbidden = || KubernetesError::Forbidden { caller_name: String::new(), hint: "", verb: "get" };
        assert_eq!(retry_time_of_kubernetes_read(&forbidden(), SETTLE_TIME, true), Duration::ZERO);
        assert_eq!(
            retry_time_of_aws_auth_edit(&Error::Kubernetes(forbidden()), SETTLE_TIME, SETTLE_TIME, true),
            Duration::ZERO
        );
    }
}
