//! Carries out operations as one of the subjects.

use std::time::Duration;

use local_cloud::{
    Error,
    lambda::{Behaviour, Event, Function, FunctionOptions, Resource},
};

use crate::{
    environment::Environment,
    process,
    programs::Programs,
    subject::{Operation, Subject},
};

/// The maximum duration of one invocation.
const LIMIT: Duration = Duration::from_mins(5);

/// The last part of the stack's id.
const STACK: &str = "6f1c2f30-0000-4000-8000-000000000000";

/// A subject with the state of its resource.
pub(crate) enum Actor {
    /// A function, and its resource.
    Function {
        /// The process.
        function: Box<Function>,
        /// The resource, and the cluster that it prepares.
        resource: Resource,
        cluster: &'static str,
        /// Its physical id. Empty before the Create.
        id: String,
    },
    /// The runbook, for this cluster.
    Runbook {
        /// The cluster that it prepares.
        cluster: &'static str,
    },
}

impl Actor {
    /// Starts the program of a subject with its usual options.
    ///
    /// # Errors
    /// Fails when the program does not start.
    pub(crate) async fn start(environment: &Environment, programs: &Programs, subject: Subject) -> Result<Self, Error> {
        if subject == Subject::Runbook {
            return Ok(Self::Runbook { cluster: subject.cluster() });
        }
        let options = environment.subject_options(programs, subject).await?;
        Self::start_with(environment, subject, options).await
    }

    /// Starts the program of these options, as a subject.
    ///
    /// # Errors
    /// Fails when the program does not start.
    pub(crate) async fn start_with(
        environment: &Environment,
        subject: Subject,
        options: FunctionOptions,
    ) -> Result<Self, Error> {
        let (account, region) = (environment.cloud.account(), environment.cloud.region());
        // One stack for all, so that a recorded operation has the same markers when it is played back.
        let stack_id = format!("arn:aws:cloudformation:{region}:{account}:stack/bench/{STACK}");
        let resource = Resource::new(account, region, "bench", "Prereqs").in_stack(stack_id).service_timeout(600);
        let function = Box::new(Function::start(options).await?);
        Ok(Self::Function { function, resource, cluster: subject.cluster(), id: String::new() })
    }

    /// Carries out an operation, and returns its duration: from the delivery of the event to the return of the function, or from
    /// the start of the command to its end.
    ///
    /// # Errors
    /// Fails when the operation fails, with the log.
    pub(crate) async fn perform(
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
                let (created, took) = deliver(environment, function, &event, delay, LIMIT).await?;
                *id = created;
                Ok(took)
            }
        }
    }

    /// Returns the peak memory of the process so far, in bytes. `None` for the runbook, which consists of many processes.
    ///
    /// # Errors
    /// [`Error::File`] when the process has ended.
    pub(crate) fn peak(&self) -> Result<Option<u64>, Error> {
        self.process_id().map(|id| process::memory(id).map(|memory| memory.peak)).transpose()
    }

    /// Returns the id of the process. `None` for the runbook, and when the process has ended.
    pub(crate) fn process_id(&self) -> Option<u32> {
        match self {
            Self::Runbook { .. } => None,
            Self::Function { function, .. } => function.process_id(),
        }
    }
}

/// Delivers an event to a function, with a delay of the PUT of its response and a maximum duration. Returns the physical id and
/// the duration.
///
/// # Errors
/// Fails if there is no response, or a response with the status FAILED. The error has the log.
pub(crate) async fn deliver(
    environment: &Environment,
    function: &mut Function,
    event: &Event,
    delay: Duration,
    limit: Duration,
) -> Result<(String, Duration), Error> {
    let url = environment.responses.expect(event.ids());
    if !delay.is_zero() {
        environment.responses.script(&url, [Behaviour::Slow(delay)]);
    }
    let invocation = function.invoke(&event.with_response_url(&url), limit).await?;
    let log = || invocation.log_text();
    let taken = environment.responses.take(&url, Duration::from_secs(1)).await;
    let response = taken.map_err(|error| Error::Unusable(format!("{error}; the log:\n{}", log())))?;
    if response.succeeded() {
        return Ok((response.physical_resource_id, invocation.duration));
    }
    let reason = response.reason.unwrap_or_default();
    Err(Error::Unusable(format!("{reason}; the log:\n{}", log())))
}
