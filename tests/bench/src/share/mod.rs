//! Measures the lifecycle of a resource at the share of a processor and with the memory that Lambda gives a function.
//!
//! A function of M MB gets M/1769 of a core (AWS Lambda Developer Guide, "Configure Lambda function memory"). Each program starts
//! again for each lifecycle, as in a cold start. It gets the Create as soon as it has started, as on Lambda, where an event is the
//! reason for the start. Before each other event it is frozen.

mod control_group;
mod gate;

use std::time::{Duration, Instant};

use local_cloud::{Error, gateway::Installed};
use serde::{Deserialize, Serialize};

use self::{control_group::ControlGroup, gate::Gate};
use crate::{
    actor::Actor,
    environment::Environment,
    process,
    programs::Programs,
    progress,
    subject::{Operation, Subject},
};

/// The memory of a function, in MB of 2^20 bytes, as in the property `MemorySize`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct MemorySize(pub(crate) u32);

/// The sizes that are measured: the minimum of Lambda, two doublings, and one whole core.
pub(crate) const SIZES: [MemorySize; 4] = [MemorySize(128), MemorySize(256), MemorySize(512), MemorySize(1769)];

/// The delay of each call. AWS takes 10 to 100 ms for most of the function's calls.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// How long the program is frozen before an event.
const FROZEN: Duration = Duration::from_millis(200);

/// The maximum time of a start. Lambda ends one after 10 s and begins it again, with the first event. Here it continues.
const INIT_TIMEOUT: Duration = Duration::from_mins(1);

/// One lifecycle at one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Lifecycle {
    /// The memory.
    pub(crate) size: MemorySize,
    /// What was run.
    pub(crate) subject: Subject,
    /// The time from the start of the program to its first poll, in milliseconds. `None` when the kernel killed it before.
    pub(crate) init_ms: Option<f64>,
    /// The operations, in their order. Not all of them when the kernel killed the program.
    pub(crate) operations: Vec<Timed>,
    /// Whether the kernel killed the program, because it needed more memory.
    pub(crate) out_of_memory: bool,
}

/// One operation.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Timed {
    /// The operation.
    pub(crate) operation: Operation,
    /// The time from the delivery of the event to the return of the function, in milliseconds.
    pub(crate) ms: f64,
    /// The processor time of it, in milliseconds. That of a Create includes what the program does after its first poll.
    pub(crate) processor_ms: f64,
    /// The peak memory of the process so far, in bytes.
    pub(crate) peak: u64,
}

impl MemorySize {
    /// Returns the share of one core, at most 1.
    pub(crate) fn share(self) -> f64 {
        (f64::from(self.0) / 1769.0).min(1.0)
    }

    const fn bytes(self) -> u64 {
        self.0 as u64 * (1 << 20)
    }
}

/// Runs each subject at each size in turn, `runs` times, and adds the lifecycles to `measured`.
///
/// # Errors
/// [`Error::Unusable`] when the machine has no control groups. Fails when an operation fails for another reason than memory.
pub(crate) async fn measure(
    environment: &Environment,
    programs: &Programs,
    runs: usize,
    measured: &mut Vec<Lifecycle>,
) -> Result<(), Error> {
    let subjects = programs.available(Subject::STARTED);
    // The first run is not measured: it loads files into the page cache, and Python writes its bytecode.
    for &subject in &subjects {
        run_lifecycle(environment, programs, subject, SIZES[SIZES.len() - 1]).await?;
        environment.clear().await?;
    }
    for run in 0..runs {
        for size in SIZES {
            // Another subject begins in each run, so that none always follows the same other one.
            for subject in subjects.iter().cycle().skip(run % subjects.len()).take(subjects.len()) {
                let lifecycle = run_lifecycle(environment, programs, *subject, size).await?;
                let line = progress_line(&lifecycle);
                progress(&format!("share: run {} of {runs}, {} MB, {}: {line}", run + 1, size.0, subject.name()));
                measured.push(lifecycle);
                environment.clear().await?;
            }
        }
    }
    Ok(())
}

/// Checks that a control group can be created.
///
/// # Errors
/// [`Error::Unusable`] with the reason.
pub(crate) fn probe() -> Result<(), Error> {
    ControlGroup::new(SIZES[0]).map(drop)
}

async fn run_lifecycle(
    environment: &Environment,
    programs: &Programs,
    subject: Subject,
    size: MemorySize,
) -> Result<Lifecycle, Error> {
    let group = ControlGroup::new(size)?;
    let mut lifecycle = Lifecycle { size, subject, init_ms: None, operations: Vec::new(), out_of_memory: false };
    if let Err(error) = Box::pin(run_in(environment, programs, &group, &mut lifecycle)).await {
        lifecycle.out_of_memory = group.has_killed()?;
        if !lifecycle.out_of_memory {
            return Err(Error::Unusable(format!("{} with {} MB: {error}", subject.name(), size.0)));
        }
    } else if !lifecycle.operations.is_empty() && size.share() < 0.2 && !group.was_throttled()? {
        return Err(Error::Unusable(format!("the share of {} MB has no effect on {}", size.0, subject.name())));
    }
    Ok(lifecycle)
}

async fn run_in(
    environment: &Environment,
    programs: &Programs,
    group: &ControlGroup,
    lifecycle: &mut Lifecycle,
) -> Result<(), Error> {
    let gate = Gate::new(environment.folder("gate-")?);
    let mut options = environment.subject_options(programs, lifecycle.subject).await?;
    options.init_timeout = INIT_TIMEOUT;
    options.launcher = gate.launcher();
    options.environment.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), lifecycle.size.0.to_string()));
    let started = async {
        let actor = Actor::start_with(environment, lifecycle.subject, options).await?;
        Ok((actor, Instant::now()))
    };
    let (begun, (mut actor, polled)) = tokio::try_join!(gate.open(group), started)?;
    lifecycle.init_ms = Some((polled - begun).as_secs_f64() * 1e3);
    if lifecycle.subject == Subject::Hello {
        return Ok(());
    }
    for operation in Operation::ALL {
        if operation != Operation::Create {
            group.freeze_for(FROZEN).await?;
        }
        let timed = operate(environment, &mut actor, group, operation).await?;
        lifecycle.operations.push(timed);
    }
    Ok(())
}

async fn operate(
    environment: &Environment,
    actor: &mut Actor,
    group: &ControlGroup,
    operation: Operation,
) -> Result<Timed, Error> {
    let process = actor.process_id().ok_or_else(|| Error::Unusable("the process has ended".to_owned()))?;
    let rules = environment.show_status(operation.status()).into_iter().chain([environment.delay(DELAY)]);
    let rules: Vec<Installed> = rules.collect();
    let before = group.processor_time()?;
    let performed = actor.perform(environment, operation, DELAY).await;
    rules.into_iter().for_each(Installed::remove);
    let took = performed?;
    Ok(Timed {
        operation,
        ms: took.as_secs_f64() * 1e3,
        processor_ms: group.processor_time()?.saturating_sub(before).as_secs_f64() * 1e3,
        peak: process::memory(process)?.peak,
    })
}

fn progress_line(lifecycle: &Lifecycle) -> String {
    let init = lifecycle.init_ms.map_or_else(|| "no start".to_owned(), |ms| format!("INIT {ms:.0} ms"));
    let operations = lifecycle.operations.iter().map(|it| format!(", {} {:.0} ms", it.operation.name(), it.ms));
    let end = if lifecycle.out_of_memory { ", out of memory" } else { "" };
    format!("{init}{}{end}", operations.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_follows_memory_up_to_one_core() {
        assert!((MemorySize(128).share() - 0.0724).abs() < 1e-4);
        assert!((MemorySize(1769).share() - 1.0).abs() < 1e-9);
        assert!((MemorySize(3538).share() - 1.0).abs() < 1e-9);
    }
}
