//! Measures operations with a delay on every call. This function, the function in Python and the runbook take turns.

use std::time::{Duration, Instant};

use local_cloud::{Error, gateway::Installed};
use serde::{Deserialize, Serialize};

use crate::{
    actor::Actor,
    critical,
    environment::Environment,
    programs::Programs,
    progress,
    subject::{Operation, Subject},
};

/// One run of an operation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    /// What ran it.
    pub(crate) subject: Subject,
    /// The operation.
    pub(crate) operation: Operation,
    /// The delay of each call, in milliseconds.
    pub(crate) delay_ms: u64,
    /// The duration in milliseconds: from the delivery of the event to the return of the function, or from the start of the
    /// command to its end.
    pub(crate) ms: f64,
    /// The number of calls, including the PUT of the response.
    pub(crate) calls: usize,
    /// The number of calls that can change something, without the PUT of the response.
    pub(crate) writes: usize,
    /// The calls in waves, without the PUT. Each call began after a call of the previous wave had ended.
    pub(crate) waves: Vec<Vec<String>>,
    /// The peak memory of the process so far, in bytes. `None` for the runbook, which consists of many processes.
    pub(crate) peak: Option<u64>,
}

/// How much to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The delays, in milliseconds.
    pub(crate) delays: Vec<u64>,
    /// The number of runs with each delay.
    pub(crate) runs: usize,
    /// The number of runs of the runbook, which takes longer than everything else together.
    pub(crate) runbook_runs: usize,
}

/// Runs all operations of all subjects in turn, under each delay, `runs` times.
///
/// # Errors
/// Fails when an operation fails, because only successful operations are measured.
pub(crate) async fn measure(environment: &Environment, programs: &Programs, plan: &Plan) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    // The first run is not measured: Python writes its bytecode, and MiniStack imports each service at its first call.
    progress("operations: one run of each, not measured");
    let subjects = programs.available(Subject::WITH_OPERATIONS);
    for &subject in &subjects {
        run_lifecycle(environment, programs, subject, 0).await?;
    }
    for run in 0..plan.runs {
        for &delay in &plan.delays {
            for &subject in &subjects {
                if subject == Subject::Runbook && plan.runbook_runs <= run {
                    continue;
                }
                let begun = Instant::now();
                let measured = run_lifecycle(environment, programs, subject, delay).await?;
                let seconds = begun.elapsed().as_secs_f64();
                progress(&format!(
                    "operations: run {} of {}, {delay} ms, {}: {seconds:.1} s",
                    run + 1,
                    plan.runs,
                    subject.name()
                ));
                samples.extend(measured);
            }
        }
    }
    Ok(samples)
}

/// Runs all operations of one resource, in one process.
pub(crate) async fn run_lifecycle(
    environment: &Environment,
    programs: &Programs,
    subject: Subject,
    delay_ms: u64,
) -> Result<Vec<Sample>, Error> {
    let mut actor = Actor::start(environment, programs, subject).await?;
    let delay = Duration::from_millis(delay_ms);
    let rule = (!delay.is_zero()).then(|| environment.delay(delay));
    let mut samples = Vec::new();
    for operation in Operation::ALL {
        let shown = environment.show_status(operation.status());
        let position = environment.cloud.gateway().journal().position();
        let took = actor.perform(environment, operation, delay).await;
        shown.into_iter().for_each(Installed::remove);
        let calls = environment.cloud.gateway().journal().since(position);
        let took = took.map_err(|error| {
            Error::Unusable(format!("{}: the {} failed: {error}", subject.name(), operation.name()))
        })?;
        samples.push(Sample {
            subject,
            operation,
            delay_ms,
            ms: took.as_secs_f64() * 1e3,
            calls: calls.len() + usize::from(subject != Subject::Runbook),
            writes: calls.iter().filter(|call| call.is_write()).count(),
            waves: critical::waves(&calls),
            peak: actor.peak()?,
        });
    }
    rule.into_iter().for_each(Installed::remove);
    drop(actor);
    environment.clear().await?;
    Ok(samples)
}
