//! One backoff for each rule, and the errors that it retries.

use super::{Deadlines, Retries};
use crate::error::{AwsError, Error, KubernetesError};
use backon::ExponentialBuilder;
use std::time::Duration;

/// What settles is not read more often than this at the end of its backoff, however short the deadline is.
const SETTLE_BACKOFF_LEAST: Duration = Duration::from_millis(100);

/// The shortest wait before aws-auth is read again.
const AWS_AUTH_BACKOFF_LEAST: Duration = Duration::from_millis(10);

/// The part of the settle time for an API server that cannot be reached. A broken connection is opened again at once, and a
/// missing route does not appear.
const UNREACHABLE_PART: u32 = 4;

/// The part of the settle time for an API server that does not know the token. A new mapping is known within seconds. But its
/// authenticator also answers 401 after it has waited ten seconds for STS in vain.
const UNKNOWN_TOKEN_PART: u32 = 3;

/// The longest first and the longest further wait between two PUTs of the response: CloudFormation and people wait for it.
const RESPONSE_BACKOFF_FIRST: Duration = Duration::from_millis(500);
const RESPONSE_BACKOFF_MOST: Duration = Duration::from_secs(10);

/// How often a plan is made again after another resource tagged at the same moment.
const PLANS_AFTER_LOST_RACE: usize = 3;

/// What decides, beside the error, whether a step of IAM is retried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepFacts {
    /// The step needs an object that this run created. Not every copy of the service has the object yet.
    pub(crate) is_on_new_object: bool,
    /// The step removes something.
    pub(crate) is_removal: bool,
    /// This run created the generation's objects.
    pub(crate) is_own_work: bool,
}

/// Returns whether IAM's error goes away with time. IAM's copies agree after a while: another call may not find a new role yet,
/// nor the permission that its tags give.
pub(crate) fn is_retried_in_iam(error: &AwsError, facts: StepFacts) -> bool {
    error.is_unsettled()
        || facts.is_on_new_object && (error.is_not_found() || error.is_denied())
        || facts.is_removal && facts.is_own_work && error.is_denied()
}

/// Returns whether EKS' error goes away with time: IAM has the role, and EKS does not see it yet.
pub(crate) fn is_retried_in_eks(error: &AwsError, is_on_new_object: bool) -> bool {
    error.is_unseen_principal() || is_on_new_object && error.is_invalid_parameter()
}

/// Returns whether the function's own permission may arrive later. A template changes the policies of the function's role seconds
/// before the function runs.
pub(crate) fn is_permission_pending(error: &Error) -> bool {
    matches!(error, Error::Aws(error) if error.is_denied())
}

/// Returns for how long since its first attempt a read of the Kubernetes API is retried; zero if the error is final.
///
/// `is_token_accepted`: whether the API server accepted the token before in this run. Its authenticator also answers 401 when STS
/// throttles it or is slow.
pub(crate) fn retry_time_of_kubernetes_read(
    error: &KubernetesError,
    settle_time: Duration,
    is_token_accepted: bool,
) -> Duration {
    match error {
        KubernetesError::Busy { .. } => settle_time,
        KubernetesError::Unauthorized { .. } if is_token_accepted => settle_time,
        KubernetesError::Unauthorized { .. } => settle_time / UNKNOWN_TOKEN_PART,
        KubernetesError::Unreachable { .. } => settle_time / UNREACHABLE_PART,
        _ => Duration::ZERO,
    }
}

/// Returns for how long since its first attempt the edit of aws-auth is retried; zero if the error is final. `work_time`: until no
/// further attempt can begin.
pub(crate) fn retry_time_of_aws_auth_edit(
    error: &Error,
    settle_time: Duration,
    work_time: Duration,
    is_token_accepted: bool,
) -> Duration {
    match error {
        // The writer that was first is done: with every conflict there is one fewer.
        Error::Kubernetes(KubernetesError::Contended) => work_time,
        Error::Kubernetes(KubernetesError::Unauthorized { .. }) if is_token_accepted => settle_time,
        Error::Kubernetes(KubernetesError::Busy { .. } | KubernetesError::Unreachable { .. }) => settle_time,
        _ => Duration::ZERO,
    }
}

/// Returns how long a resource waits after it lost a race for a tag.
///
/// Whoever reads before the other has written, and writes before the other has read, meets it again. That takes less than a whole
/// attempt. So each further `turn` comes two attempts of the length `took` later.
pub(crate) fn wait_after_lost_race(wait: Duration, took: Duration, turn: usize) -> Duration {
    let turns = u32::try_from(turn).unwrap_or(u32::MAX);
    wait.saturating_add(wait.saturating_add(took).saturating_mul(2).saturating_mul(turns))
}

impl Deadlines {
    /// Between two calls on an object that the service's copies do not agree on yet.
    pub(crate) fn settling(self) -> ExponentialBuilder {
        self.until_shown().with_total_delay(Some(self.settle_time)).with_jitter()
    }

    /// Between two reads of tags that EC2 does not show yet.
    pub(crate) fn shown_tags(self) -> ExponentialBuilder {
        self.until_shown().with_total_delay(Some(self.settle_time / 4))
    }

    /// Between two plans, after another resource tagged at the same moment, for the first of them; see
    /// [`wait_after_lost_race`] for the others. Each wait is random between one and two times its length: a rival whose marker was
    /// gone already has no turn.
    pub(crate) fn lost_race(self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.settle_time / 12)
            .with_max_times(PLANS_AFTER_LOST_RACE)
            .with_jitter()
    }

    /// Between two snapshots of a Create whose permissions may arrive later.
    pub(crate) fn permissions(self) -> ExponentialBuilder {
        unlimited(self.settle_time / 60, self.settle_time / 6)
    }

    /// Between two attempts to edit aws-auth.
    pub(crate) fn aws_auth_edit(self) -> ExponentialBuilder {
        unlimited((self.settle_time / 600).max(AWS_AUTH_BACKOFF_LEAST), self.longest_wait_of_aws_auth_edit())
    }

    /// The longest wait between two attempts to edit aws-auth, before jitter, which doubles it at most.
    pub(crate) fn longest_wait_of_aws_auth_edit(self) -> Duration {
        self.settle_time / 40
    }

    fn until_shown(self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.settle_time / 240)
            .with_max_delay((self.settle_time / 12).max(SETTLE_BACKOFF_LEAST))
            .without_max_times()
    }
}

impl Retries {
    /// Between two reads of the Kubernetes API.
    pub(crate) fn kubernetes_read(self) -> ExponentialBuilder {
        unlimited(self.first_backoff(), self.max_backoff)
    }

    /// How long `implicitDeny` may turn into `allowed`: a template changes the policies of the function's role seconds before the
    /// function runs.
    pub(crate) fn simulation_time(self) -> Duration {
        self.settle_time / 2
    }

    /// Between two simulations of `iam:PassRole`.
    pub(crate) fn simulation(self) -> ExponentialBuilder {
        unlimited(self.simulation_time() / 60, self.simulation_time() / 6)
    }
}

/// Between two PUTs of the response, with this much time left.
pub(crate) fn response(time_left: Duration) -> ExponentialBuilder {
    unlimited((time_left / 200).min(RESPONSE_BACKOFF_FIRST), (time_left / 10).min(RESPONSE_BACKOFF_MOST))
}

/// Waits that grow from one to the other, without an end of their own.
fn unlimited(first: Duration, longest: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times().with_jitter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use karpenter_prereqs_core::observed::AuthenticationMode;

    const SETTLE: Duration = Duration::from_mins(1);

    fn unauthorized() -> KubernetesError {
        KubernetesError::Unauthorized {
            endpoint: String::new(),
            who: String::new(),
            instead: "",
            mode: AuthenticationMode::ConfigMap,
        }
    }

    #[test]
    fn unknown_token_is_retried_longer_once_accepted() {
        assert_eq!(retry_time_of_kubernetes_read(&unauthorized(), SETTLE, false), Duration::from_secs(20));
        assert_eq!(retry_time_of_kubernetes_read(&unauthorized(), SETTLE, true), SETTLE);
        let edit = |accepted| {
            retry_time_of_aws_auth_edit(&Error::Kubernetes(unauthorized()), SETTLE, Duration::from_secs(200), accepted)
        };
        assert_eq!((edit(false), edit(true)), (Duration::ZERO, SETTLE));
    }

    #[test]
    fn conflict_on_aws_auth_is_retried_for_the_time_for_work() {
        let (conflict, work) = (Error::Kubernetes(KubernetesError::Contended), Duration::from_secs(200));
        assert_eq!(retry_time_of_aws_auth_edit(&conflict, SETTLE, work, false), work);
        assert_eq!(retry_time_of_kubernetes_read(&KubernetesError::Contended, SETTLE, true), Duration::ZERO);
    }

    proptest::proptest! {
        /// However the random waits fall, the next resource begins when the one before has had time for two attempts.
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
        let forbidden = || KubernetesError::Forbidden { who: String::new(), instead: "", verb: "get" };
        assert_eq!(retry_time_of_kubernetes_read(&forbidden(), SETTLE, true), Duration::ZERO);
        assert_eq!(retry_time_of_aws_auth_edit(&Error::Kubernetes(forbidden()), SETTLE, SETTLE, true), Duration::ZERO);
    }
}
