//! Operations with a delay on every call: ours, the function in Python and the runbook take turns.

use std::time::{Duration, Instant};

use local_cloud::{
    Error,
    gateway::Installed,
    lambda::{Behaviour, Function, Resource},
    load,
};
use serde::{Deserialize, Serialize};

use crate::{
    critical, process,
    programs::Programs,
    progress,
    stage::Stage,
    subject::{Operation, Subject},
};

/// One operation, performed once.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sample {
    /// By whom.
    pub(crate) subject: Subject,
    /// What.
    pub(crate) operation: Operation,
    /// What each call was delayed by, in milliseconds.
    pub(crate) delay_ms: u64,
    /// From the event's delivery to the function's return, or from the command's start to its end.
    pub(crate) ms: f64,
    /// All calls, the answer's PUT among them.
    pub(crate) calls: usize,
    /// Those that can change something, the answer's PUT not among them.
    pub(crate) writes: usize,
    /// The calls in waves, without the PUT: each began when one of the wave before had ended.
    pub(crate) waves: Vec<Vec<String>>,
    /// The most memory that the process had so far, in bytes; none of a runbook, which is many.
    pub(crate) peak: Option<u64>,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The delays, in milliseconds.
    pub(crate) delays: Vec<u64>,
    /// How often each delay.
    pub(crate) runs: usize,
    /// How often the runbook, which takes longer than all else together.
    pub(crate) runbook_runs: usize,
}

/// How long one invocation may take.
const LIMIT: Duration = Duration::from_mins(5);

/// Performs all operations in turn, of everybody, under each delay, time after time.
///
/// # Errors
/// When somebody fails: what is measured is success.
pub(crate) async fn measure(stage: &Stage, programs: &Programs, plan: &Plan) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    // Once unmeasured: the first run of Python writes its bytecode, and MiniStack imports a service when it is called.
    progress("operations: everybody once, unmeasured");
    for subject in Subject::ALL {
        life(stage, programs, subject, 0).await?;
    }
    for run in 0..plan.runs {
        for &delay in &plan.delays {
            for subject in Subject::ALL {
                if subject == Subject::Runbook && plan.runbook_runs <= run {
                    continue;
                }
                let begun = Instant::now();
                let lived = life(stage, programs, subject, delay).await?;
                let seconds = begun.elapsed().as_secs_f64();
                progress(&format!(
                    "operations: run {} of {}, {delay} ms, {}: {seconds:.1} s",
                    run + 1,
                    plan.runs,
                    subject.name()
                ));
                samples.extend(lived);
            }
        }
    }
    Ok(samples)
}

/// All operations of one resource's life, by one process.
pub(crate) async fn life(
    stage: &Stage,
    programs: &Programs,
    subject: Subject,
    delay_ms: u64,
) -> Result<Vec<Sample>, Error> {
    let mut performer = Performer::start(stage, programs, subject).await?;
    let delay = Duration::from_millis(delay_ms);
    let rule = (!delay.is_zero()).then(|| stage.delay(delay));
    let mut samples = Vec::new();
    for operation in Operation::ALL {
        let shown = load::shows(&stage.cloud, operation.status());
        let mark = stage.cloud.gateway().journal().mark();
        let took = performer.perform(stage, operation, delay).await;
        shown.into_iter().for_each(Installed::remove);
        let calls = stage.cloud.gateway().journal().since(mark);
        let took = took
            .map_err(|error| Error::Unusable(format!("{} failed its {}: {error}", subject.name(), operation.name())))?;
        samples.push(Sample {
            subject,
            operation,
            delay_ms,
            ms: took.as_secs_f64() * 1e3,
            calls: calls.len() + usize::from(subject != Subject::Runbook),
            writes: calls.iter().filter(|call| call.is_write()).count(),
            waves: critical::waves(&calls),
            peak: performer.peak()?,
        });
    }
    rule.into_iter().for_each(Installed::remove);
    drop(performer);
    stage.clear().await?;
    Ok(samples)
}

/// Somebody at work on one resource.
enum Performer {
    Function { function: Box<Function>, resource: Resource, cluster: &'static str, id: String },
    Runbook { cluster: &'static str },
}

impl Performer {
    async fn start(stage: &Stage, programs: &Programs, subject: Subject) -> Result<Self, Error> {
        let cluster = subject.cluster();
        let ours = stage.function_options(programs.function.clone()).await?;
        let options = match subject {
            Subject::Ours | Subject::OursToday => ours,
            Subject::Python => stage.peers.as_python(ours),
            Subject::Runbook => return Ok(Self::Runbook { cluster }),
        };
        let resource = Resource::new(stage.cloud.account(), stage.cloud.region(), "bench", "Prereqs");
        let function = Box::new(Function::start(options).await?);
        Ok(Self::Function { function, resource: resource.service_timeout(600), cluster, id: String::new() })
    }

    async fn perform(&mut self, stage: &Stage, operation: Operation, delay: Duration) -> Result<Duration, Error> {
        match self {
            Self::Runbook { cluster } => stage.peers.run(stage, operation, cluster).await,
            Self::Function { function, resource, cluster, id } => {
                let properties = operation.properties(cluster);
                let before = Operation::Create.properties(cluster);
                let event = match operation {
                    Operation::Create => resource.create(&properties),
                    Operation::NoChange | Operation::Change => resource.update(id, &properties, &before),
                    Operation::Delete => resource.delete(id, &properties),
                };
                let url = stage.answers.expect(event.ids());
                if !delay.is_zero() {
                    stage.answers.script(&url, [Behaviour::Slow(delay)]);
                }
                let invocation = function.invoke(&event.answered_at(&url), LIMIT).await?;
                let log = || invocation.log_text();
                let taken = stage.answers.take(&url, Duration::from_secs(1)).await;
                let answer = taken.map_err(|error| Error::Unusable(format!("{error}; the log:\n{}", log())))?;
                if !answer.succeeded() {
                    let reason = answer.reason.unwrap_or_default();
                    return Err(Error::Unusable(format!("{reason}; the log:\n{}", log())));
                }
                *id = answer.physical_resource_id;
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
