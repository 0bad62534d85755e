//! A creation that may find that its object exists.

use super::Apply;
use crate::error::AwsError;
use crate::telemetry::event::log_step_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::plan::Resolution;
use std::fmt::Display;

/// Why an attempt failed.
enum Failure {
    /// The creation failed because the object exists, and a read does not find the object: it was deleted in between, or not
    /// every copy of the service has it yet.
    Retryable(AwsError),
    /// Any other error.
    Final(AwsError),
}

/// Makes the call of a step. If the call fails because the object exists, the function reads the object and decides what to do.
///
/// - `already_exists` returns whether an error means that the object exists.
/// - `call` makes the call of a step.
/// - `resolve` reads the object that exists, and decides.
///
/// This repeats until the settle time ends, because other deliveries of the event may create and delete the object meanwhile.
///
/// # Errors
/// The error of the last call or read.
pub(super) async fn call_or_resolve<S: Display>(
    apply: &Apply<'_>,
    step: &S,
    already_exists: impl Fn(&AwsError) -> bool,
    call: impl AsyncFn(&S) -> Result<(), AwsError>,
    resolve: impl AsyncFn(&S) -> Result<Resolution<S>, AwsError>,
) -> Result<(), AwsError> {
    let attempt = || async {
        let exists = match call(step).await {
            Err(error) if already_exists(&error) => error,
            other => return other.map_err(Failure::Final),
        };
        match resolve(step).await.map_err(Failure::Final)? {
            Resolution::Done => Ok(()),
            Resolution::Fail => Err(Failure::Final(exists)),
            Resolution::Retry => Err(Failure::Retryable(exists)),
            Resolution::Tag(tag) => call(&tag)
                .await
                .map_err(|error| if error.is_not_found() { Failure::Retryable(error) } else { Failure::Final(error) }),
        }
    };
    let result = attempt
        .retry(apply.deadlines.settling())
        .when(|failure| matches!(failure, Failure::Retryable(_)))
        .notify(|failure, after| {
            let (Failure::Retryable(error) | Failure::Final(error)) = failure;
            log_step_retry("the object exists and is not found", Some(step), Some(error), after);
        })
        .await;
    result.map_err(|failure| match failure {
        Failure::Retryable(error) | Failure::Final(error) => error,
    })
}
