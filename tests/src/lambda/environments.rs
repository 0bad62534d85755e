//! Lambda as asynchronous callers know it: as many execution environments as there are events at once, and another
//! try after an error.

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

/// How often an event is delivered before Lambda drops it: once, and twice again
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
pub const DELIVERIES: usize = 3;

/// How many events one process serves here before another takes its place, as Lambda's do from time to time: its log
/// is one file.
const SERVED_MOST: usize = 200;

/// The execution environments of one function. Dropped, all processes are gone.
#[derive(Debug)]
pub struct Environments {
    options: FunctionOptions,
    /// Those that wait for an event, and how many each has served.
    idle: Mutex<Vec<(Function, usize)>>,
    started: Mutex<usize>,
}

impl Environments {
    /// A function of which nothing runs yet.
    pub const fn new(options: FunctionOptions) -> Self {
        Self { options, idle: Mutex::new(Vec::new()), started: Mutex::new(0) }
    }

    /// Delivers an event once, to a process that waits or to a new one; it is killed at `limit`. Dropped in the
    /// middle, it kills the process that is at work.
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
        if served + 1 < SERVED_MOST {
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
