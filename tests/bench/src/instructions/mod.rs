//! Counts the instructions of recorded operations, so that a regression shows on a busy machine too.
//!
//! Each operation of a resource's lifecycle runs once on the local cloud, and is recorded. Then another process runs the same
//! events under callgrind, and the recording responds to its calls. What still differs from run to run is the number of
//! connections: a call that begins before another one has ended needs one more, with its TLS handshake. So each count has the
//! number of its connections.

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

/// The counts of one lifecycle.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Counted {
    /// What was run.
    pub(crate) subject: Subject,
    /// The instructions from the start of the program until it is idle. It has loaded the certificate authorities by then.
    pub(crate) init: u64,
    /// The operations, in their order.
    pub(crate) operations: Vec<Instructions>,
}

/// The count of one operation.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Instructions {
    /// The operation.
    pub(crate) operation: Operation,
    /// The instructions.
    pub(crate) count: u64,
    /// The number of connections to AWS that the program opened.
    pub(crate) connections: usize,
}

/// The builds of the function, whose instructions are counted.
pub(crate) const SUBJECTS: [Subject; 2] = [Subject::Ours, Subject::Baseline];

/// Counts each lifecycle `runs` times, with the same recording, and adds them to `measured`.
///
/// # Errors
/// Fails when an operation fails, or when a program under callgrind makes a call that was not recorded.
pub(crate) async fn measure(
    environment: &Environment,
    programs: &Programs,
    runs: usize,
    measured: &mut Vec<Counted>,
) -> Result<(), Error> {
    let subjects = programs.available(SUBJECTS);
    let mut recordings = Vec::new();
    for &subject in &subjects {
        recordings.push(record(environment, programs, subject).await?);
        environment.clear().await?;
    }
    for run in 0..runs {
        for (&subject, recordings) in subjects.iter().zip(&recordings) {
            let counted = count(environment, programs, subject, recordings).await?;
            let create = counted.operations.first().map_or(0, |create| create.count / 1_000_000);
            progress(&format!("instructions: run {} of {runs}, {}: Create {create} million", run + 1, subject.name()));
            measured.push(counted);
        }
    }
    Ok(())
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
    options.launcher = callgrind.launcher();
    let mut actor = Actor::start_with(environment, subject, options).await?;
    let process = actor.process_id().ok_or_else(|| Error::Unusable("the process has ended".to_owned()))?;
    let init = callgrind.count(process).await?;
    let mut operations = Vec::new();
    for (operation, recording) in recordings {
        let gateway = environment.cloud.gateway();
        let (playback, before) = (recording.play(gateway.rules()), gateway.connections());
        let performed = actor.perform(environment, *operation, Duration::ZERO).await;
        // First, because an operation that failed has probably made a call that was not recorded.
        playback.end().map_err(|error| Error::Unusable(format!("{}: {error}", operation.name())))?;
        performed?;
        operations.push(Instructions {
            operation: *operation,
            count: callgrind.count(process).await?,
            connections: gateway.connections() - before,
        });
    }
    Ok(Counted { subject, init, operations })
}
