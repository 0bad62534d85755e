//! Measures operations with a delay on every call. This function, the function in Python and the runbook take turns.

use std::time::{Duration, Instant};

use local_cloud::{
    Error,
    gateway::Installed,
    lambda::{Behaviour, Function, Resource},
};
use serde::{Deserialize, Serialize};

use crate::{
    critical,
    environment::Environment,
    process,
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

/// The maximum duration of one invocation.
const LIMIT: Duration = Duration::from_mins(5);

/// Runs all operations of all subjects in turn, under each delay, `runs` times.
///
/// # Errors
/// Fails when an operation fails, because only successful operations are measured.
pub(crate) async fn measure(environment: &Environment, programs: &Programs, plan: &Plan) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    // The first run is not measured: Python writes its bytecode, and MiniStack imports each service at its first call.
    progress("operations: one run of each, not measured");
    for subject in Subject::ALL {
        run_lifecycle(environment, programs, subject, 0).await?;
    }
    for run in 0..plan.runs {
        for &delay in &plan.delays {
            for subject in Subject::ALL {
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
        let shown = load::stub_status(&environment.cloud, operation.status());
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

/// A subject with the state of its resource.
enum Actor {
    Function { function: Box<Function>, resource: Resource, cluster: &'static str, id: String },
    Runbook { cluster: &'static str },
}

impl Actor {
    async fn start(environment: &Environment, programs: &Programs, subject: Subject) -> Result<Self, Error> {
        let cluster = subject.cluster();
        let ours = environment.function_options(programs.function.clone()).await?;
        let options = match subject {
            Subject::Ours | Subject::OursAccessEntry => ours,
            Subject::Python => environment.peers.as_python(ours),
            Subject::Runbook => return Ok(Self::Runbook { cluster }),
        };
        let resource = Resource::new(environment.cloud.account(), environment.cloud.region(), "bench", "Prereqs");
        let function = Box::new(Function::start(options).await?);
        Ok(Self::Function { function, resource: resource.service_timeout(600), cluster, id: String::new() })
    }

    async fn perform(
        &mut self,
        environment: &Environment,
        operation: Operation,
        delay: Duration,
    ) -> Result<Duration, Error> {
        match self {
            Self::Runbook { cluster } => environment.peers.run(environment, operation, cluster).await,
            Self::Function { function, resource, cluster, id } => {
                let properties = operation.properties(cluster);
                let before = Operation::Create.properties(cluster);
                let event = match operation {
                    Operation::Create => resource.create(&properties),
                    Operation::NoChange | Operation::Change => resource.update(id, &properties, &before),
                    Operation::Delete => resource.delete(id, &properties),
                };
                let url = environment.responses.expect(event.ids());
                if !delay.is_zero() {
                    environment.responses.script(&url, [Behaviour::Slow(delay)]);
                }
                let invocation = function.invoke(&event.with_response_url(&url), LIMIT).await?;
                let log = || invocation.log_text();
                let taken = environment.responses.take(&url, Duration::from_secs(1)).await;
                let response = taken.map_err(|error| Error::Unusable(format!("{error}; the log:\n{}", log())))?;
                if !response.succeeded() {
                    let reason = response.reason.unwrap_or_default();
                    return Err(Error::Unusable(format!("{reason}; the log:\n{}", log())));
                }
                *id = response.physical_resource_id;
                Ok(invocation.duration)
            }
        }
    }

    fn peak(&self) -> Result<Option<u64>, Error> {
        match self {
            Self::Runbook { .. } => Ok(None),
            Self::Function { function, .. } => {
                function.process_id().map(|id| process::memory(id).map(|memory| memory.peak)).transpose()
            }
        }
    }
}
