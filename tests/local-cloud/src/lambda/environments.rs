//! Simulates Lambda for asynchronous callers: one execution environment for each event at the same time, and retries after an
//! error.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::{
    function::{Function, Invocation},
    options::FunctionOptions,
};
use crate::error::Error;

/// How often an event is delivered before Lambda drops it: once, and two retries
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
pub const DELIVERIES: usize = 3;

/// The number of events of one process, before a new process replaces it. Lambda replaces its environments too. The log of a
/// process is one file, which must not grow without limit.
const MAX_EVENTS: usize = 200;

/// The execution environments of one function. Dropping it ends all processes.
#[derive(Debug)]
pub struct Environments {
    options: FunctionOptions,
    /// Idle processes, with the number of events that each has handled.
    idle: Mutex<Vec<(Function, usize)>>,
    started: Mutex<usize>,
}

impl Environments {
    /// Creates a function without running processes.
    pub const fn new(options: FunctionOptions) -> Self {
        Self { options, idle: Mutex::new(Vec::new()), started: Mutex::new(0) }
    }

    /// Delivers an event once, to an idle process or to a new one. The process is killed after `limit`. Dropping the future
    /// kills the process too.
    ///
    /// # Errors
    /// As [`Function::start`] and [`Function::invoke`].
    pub async fn deliver(&self, event: &Value, limit: Duration) -> Result<Invocation, Error> {
        let idle = lock(&self.idle).pop();
        let (mut function, served) = match idle {
            Some(idle) => idle,
            None => (self.start().await?, 0),
        };
        let invocation = function.invoke(event, limit).await?;
        if served + 1 < MAX_EVENTS {
            lock(&self.idle).push((function, served + 1));
        }
        Ok(invocation)
    }

    async fn start(&self) -> Result<Function, Error> {
        let started = {
            let mut started = lock(&self.started);
            *started += 1;
            *started
        };
        let folder = self.options.folder.join(format!("environment-{started}"));
        std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Function::start(FunctionOptions { folder, ..self.options.clone() }).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
