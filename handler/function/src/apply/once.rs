//! A creation that may find its object there already.

use super::Apply;
use crate::error::AwsError;
use crate::telemetry::event::log_step_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::plan::Resolution;
use std::fmt::Display;

/// Why a step is not carried out yet.
enum Failure {
    /// The object that was in the way is gone again, or is not shown to a reader yet.
    Gone(AwsError),
    /// Any other refusal.
    Final(AwsError),
}

/// Calls create until the object exists. `already_exists` knows the error of an object that exists; `call` makes the call of a
/// step; `resolve` reads the object that exists and decides.
/// This repeats until the settle time ends, because other deliveries of the event may create and delete the object.
pub(super) async fn carry_out<S: Display>(
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
            Resolution::Retry => Err(Failure::Gone(exists)),
            Resolution::Tag(tag) => call(&tag)
                .await
                .map_err(|error| if error.is_not_found() { Failure::Gone(error) } else { Failure::Final(error) }),
        }
    };
    let result = attempt
        .retry(apply.deadlines.settling())
        .when(|failure| matches!(failure, Failure::Gone(_)))
        .notify(|failure, after| {
            let (Failure::Gone(error) | Failure::Final(error)) = failure;
            log_step_retry("the object exists and is not found", Some(step), Some(error), after);
        })
        .await;
    result.map_err(|failure| match failure {
        Failure::Gone(error) | Failure::Final(error) => error,
    })
}
