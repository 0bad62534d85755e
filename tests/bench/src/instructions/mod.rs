//! Counts the instructions of recorded operations, so that a regression shows on a busy machine too.
//!
//! Each operation of a resource's life runs once on the local cloud, and is recorded. Then another process runs the same events
//! under callgrind, and the recording answers its calls.

mod callgrind;
mod recording;

use std::time::Duration;

use local_cloud::{Error, gateway::Installed};
use serde::{Deserialize, Serialize};

pub(crate) use self::callgrind::probe;
use self::{callgrind::Callgrind, recording::Recording};
use crate::{
    actor::Actor,
    environment::Environment,
    programs::Programs,
    progress,
    subject::{Operation, Subject},
};

/// The counts of one life of a resource.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Counted {
    /// What was run.
    pub(crate) subject: Subject,
    /// From the start of the program until it waits for its first event.
    pub(crate) init: u64,
    /// The operations, in their order.
    pub(crate) operations: Vec<(Operation, u64)>,
}

/// The builds of the function, whose instructions are counted.
const SUBJECTS: [Subject; 2] = [Subject::Ours, Subject::Baseline];

/// Counts each life `runs` times, with the same recording.
///
/// # Errors
/// Fails when an operation fails, or when a program under callgrind makes a call that was not recorded.
pub(crate) async fn measure(
    environment: &Environment,
    programs: &Programs,
    runs: usize,
) -> Result<Vec<Counted>, Error> {
    let subjects = programs.available(SUBJECTS);
    let mut recordings = Vec::new();
    for &subject in &subjects {
        recordings.push(record(environment, programs, subject).await?);
        environment.clear().await?;
    }
    let mut counted = Vec::new();
    for run in 0..runs {
        for (&subject, recordings) in subjects.iter().zip(&recordings) {
            let life = count(environment, programs, subject, recordings).await?;
            let create = life.operations.first().map_or(0, |(_, count)| count / 1_000_000);
            progress(&format!("instructions: run {} of {runs}, {}: Create {create} million", run + 1, subject.name()));
            counted.push(life);
        }
    }
    Ok(counted)
}

/// Runs each operation on the local cloud, and records it.
async fn record(
    environment: &Environment,
    programs: &Programs,
    subject: Subject,
) -> Result<Vec<(Operation, Recording)>, Error> {
    let mut actor = Actor::start(environment, programs, subject).await?;
    let mut recordings = Vec::new();
    for operation in Operation::ALL {
        let recording = Recording::default();
        // The recording is the later rule, so that it has the responses with the status.
        let status = environment.show_status(operation.status());
        let recorder = recording.record(environment.cloud.gateway().rules());
        let performed = actor.perform(environment, operation, Duration::ZERO).await;
        status.into_iter().chain([recorder]).for_each(Installed::remove);
        performed?;
        recordings.push((operation, recording));
    }
    Ok(recordings)
}

/// Runs the recorded operations under callgrind.
async fn count(
    environment: &Environment,
    programs: &Programs,
    subject: Subject,
    recordings: &[(Operation, Recording)],
) -> Result<Counted, Error> {
    let mut callgrind = Callgrind::new(environment.folder("callgrind-")?);
    let mut options = environment.subject_options(programs, subject).await?;
    options.launcher.extend(callgrind.launcher());
    let mut actor = Actor::start_with(environment, subject, options).await?;
    let process = actor.process_id().ok_or_else(|| Error::Unusable("the process has ended".to_owned()))?;
    let init = callgrind.count(process).await?;
    let mut operations = Vec::new();
    for (operation, recording) in recordings {
        let playback = recording.play(environment.cloud.gateway().rules());
        let performed = actor.perform(environment, *operation, Duration::ZERO).await;
        let unknown = playback.end();
        performed?;
        if !unknown.is_empty() {
            let (name, unknown) = (operation.name(), unknown.join(", "));
            return Err(Error::Unusable(format!(
                "{name} under callgrind made calls that were not recorded: {unknown}"
            )));
        }
        operations.push((*operation, callgrind.count(process).await?));
    }
    Ok(Counted { subject, init, operations })
}
