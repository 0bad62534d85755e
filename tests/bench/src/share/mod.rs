//! Measures the life of a resource at the share of a processor and with the memory that Lambda gives a function.
//!
//! A function of M MB gets M/1769 of a core (AWS Lambda Developer Guide, "Configure Lambda function memory"). Each program
//! starts anew for each life, as in a cold start, and is frozen before each event.

mod control_group;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use local_cloud::{Error, gateway::Installed};
use serde::{Deserialize, Serialize};

use self::control_group::ControlGroup;
use crate::{
    actor::Actor,
    environment::Environment,
    process,
    programs::Programs,
    progress,
    subject::{Operation, Subject},
};

/// The memory of a function, in MB, as in the property `MemorySize`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct MemorySize(pub(crate) u32);

/// The sizes that are measured: the minimum of Lambda, two doublings, and one whole core.
pub(crate) const SIZES: [MemorySize; 4] = [MemorySize(128), MemorySize(256), MemorySize(512), MemorySize(1769)];

/// The delay of each call. AWS takes 10 to 100 ms for most of the function's calls.
pub(crate) const DELAY: Duration = Duration::from_millis(20);

/// How long the program is frozen before each event.
const FROZEN: Duration = Duration::from_millis(200);

/// The maximum time of a start. Lambda ends one after 10 s and begins it again, with the first event. Here it continues.
const INIT_TIMEOUT: Duration = Duration::from_mins(1);

/// One life of a resource at one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Life {
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
    /// The processor time of it, in milliseconds.
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

/// Runs each subject at each size in turn, `runs` times.
///
/// # Errors
/// [`Error::Unusable`] when the machine has no control groups. Fails when an operation fails for another reason than memory.
pub(crate) async fn measure(environment: &Environment, programs: &Programs, runs: usize) -> Result<Vec<Life>, Error> {
    let mut lives = Vec::new();
    let delayed = environment.delay(DELAY);
    for run in 0..runs {
        for size in SIZES {
            for subject in programs.available(Subject::STARTED) {
                let life = live(environment, programs, subject, size).await?;
                progress(&format!(
                    "share: run {} of {runs}, {} MB, {}: {}",
                    run + 1,
                    size.0,
                    subject.name(),
                    said(&life)
                ));
                lives.push(life);
                environment.clear().await?;
            }
        }
    }
    delayed.remove();
    Ok(lives)
}

/// Checks that a control group can be created.
///
/// # Errors
/// [`Error::Unusable`] with the reason.
pub(crate) fn probe() -> Result<(), Error> {
    ControlGroup::new(SIZES[0]).map(drop)
}

async fn live(
    environment: &Environment,
    programs: &Programs,
    subject: Subject,
    size: MemorySize,
) -> Result<Life, Error> {
    let group = ControlGroup::new(size)?;
    let mut options = environment.subject_options(programs, subject).await?;
    options.init_timeout = INIT_TIMEOUT;
    options.launcher = environment.launcher(group.folders());
    options.environment.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), size.0.to_string()));
    let begun = options.folder.join("instance-1/begun");
    let mut life = Life { size, subject, init_ms: None, operations: Vec::new(), out_of_memory: false };

    let lived = async {
        let actor = Actor::start_with(environment, subject, options).await?;
        let written = fs::read_to_string(&begun).map_err(Error::file("read", &begun))?;
        life.init_ms = since(&written);
        if subject == Subject::Hello { Ok(()) } else { operate(environment, actor, &group, &mut life.operations).await }
    };
    if let Err(error) = lived.await {
        life.out_of_memory = group.has_killed()?;
        if !life.out_of_memory {
            return Err(Error::Unusable(format!("{} with {} MB: {error}", subject.name(), size.0)));
        }
    }
    Ok(life)
}

async fn operate(
    environment: &Environment,
    mut actor: Actor,
    group: &ControlGroup,
    operations: &mut Vec<Timed>,
) -> Result<(), Error> {
    for operation in Operation::ALL {
        group.freeze_for(FROZEN).await?;
        let process = actor.process_id().ok_or_else(|| Error::Unusable("the process has ended".to_owned()))?;
        let before = process::time(process)?;
        let status = environment.show_status(operation.status());
        let performed = actor.perform(environment, operation, DELAY).await;
        status.into_iter().for_each(Installed::remove);
        let took = performed?;
        operations.push(Timed {
            operation,
            ms: took.as_secs_f64() * 1e3,
            processor_ms: process::time(process)?.saturating_sub(before).as_secs_f64() * 1e3,
            peak: process::memory(process)?.peak,
        });
    }
    Ok(())
}

/// Returns the milliseconds since a time in nanoseconds, as the launcher writes it.
fn since(nanoseconds: &str) -> Option<f64> {
    let begun = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds.trim().parse().ok()?);
    SystemTime::now().duration_since(begun).ok().map(|since| since.as_secs_f64() * 1e3)
}

fn said(life: &Life) -> String {
    let init = life.init_ms.map_or_else(|| "no start".to_owned(), |ms| format!("INIT {ms:.0} ms"));
    let operations = life.operations.iter().map(|it| format!(", {} {:.0} ms", it.operation.name(), it.ms));
    let end = if life.out_of_memory { ", out of memory" } else { "" };
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

    #[test]
    fn time_of_the_launcher_is_read() {
        assert!(since("1700000000000000000\n").is_some_and(|ms| 1e9 < ms));
        assert_eq!(since("soon"), None);
    }
}
