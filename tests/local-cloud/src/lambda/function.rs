//! One execution environment of Lambda: a real `bootstrap` process. It gets one event at a time, is killed at its deadline,
//! and is started again for the next event.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    options::FunctionOptions,
    random_uuid,
    runtime_api::{Report, RuntimeApi},
};
use crate::{error::Error, process::Running};

/// A function with one execution environment. Dropping it kills the process.
#[derive(Debug)]
pub struct Function {
    options: FunctionOptions,
    instance: Option<Instance>,
    starts: usize,
}

/// The result of one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's request id, not CloudFormation's.
    pub request_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The time from the delivery of the event to the end.
    pub duration: Duration,
    /// The time from the start of the process to its first poll, if it was started for this invocation.
    pub cold_start: Option<Duration>,
    /// The lines that the process wrote since then, to stdout and stderr.
    pub log: Vec<LogLine>,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The handler returned.
    Returned(Value),
    /// The handler failed, or the process ended. Lambda would deliver the event again.
    Error(Value),
    /// The deadline passed. Lambda would deliver the event again.
    Killed,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// The line, unchanged.
    pub text: String,
    /// The line as JSON, if it is JSON.
    pub json: Option<Value>,
}

impl Function {
    /// Starts the process, and waits until it polls for its first event.
    ///
    /// # Errors
    /// Fails when the process cannot be started, or does not poll.
    pub async fn start(options: FunctionOptions) -> Result<Self, Error> {
        let mut function = Self { options, instance: None, starts: 0 };
        function.instance = Some(function.launch().await?);
        Ok(function)
    }

    /// Delivers an event and waits for its end. After `limit`, the process is killed, as Lambda does. Dropping the future
    /// kills the process too, and simulates a crash. If there is no process, it is started first.
    ///
    /// # Errors
    /// Fails when the process cannot be started, or its log cannot be read.
    pub async fn invoke(&mut self, event: &Value, limit: Duration) -> Result<Invocation, Error> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.launch().await?,
        };
        let request_id = random_uuid();
        let begun = Instant::now();
        let report = instance.api.offer(&request_id, &self.options.arn(), event, limit);
        let outcome = tokio::select! {
            report = report => match report {
                Ok(Report::Response(value)) => Outcome::Returned(value),
                Ok(Report::Error(value)) => Outcome::Error(value),
                Err(_) => Outcome::Error(exited(&request_id, "its Runtime API has ended")),
            },
            status = ended(&mut instance.running) => Outcome::Error(exited(&request_id, &status)),
            () = sleep(limit) => Outcome::Killed,
        };
        let duration = begun.elapsed();
        let cold_start = instance.cold_start.take();

        // Output after the response belongs to this invocation, until the process polls for the next event.
        let is_alive = outcome != Outcome::Killed
            && tokio::select! {
                polled = timeout(MAX_POLL_WAIT, instance.api.polled()) => polled.is_ok(),
                _ = ended(&mut instance.running) => false,
            };
        let log_path = instance.running.log().to_owned();
        let seen = instance.log_seen;
        if is_alive {
            self.instance = Some(instance);
        } else {
            drop(instance);
        }
        let written = read_from(&log_path, seen).map_err(Error::file("read", &log_path))?;
        if let Some(instance) = &mut self.instance {
            instance.log_seen = seen + written.len() as u64;
        }
        let log = String::from_utf8_lossy(&written).lines().map(LogLine::new).collect();
        Ok(Invocation { request_id, outcome, duration, cold_start, log })
    }

    /// Kills the process, like a crash of its machine. The next event starts another one.
    pub fn kill(&mut self) {
        self.instance = None;
    }

    /// The id of the process. `None` if it was killed and not started again.
    pub fn process_id(&self) -> Option<u32> {
        self.instance.as_ref().map(|instance| instance.running.id())
    }

    /// The time from the start of the process to its first poll, until an event is delivered to it.
    pub fn cold_start(&self) -> Option<Duration> {
        self.instance.as_ref().and_then(|instance| instance.cold_start)
    }

    async fn launch(&mut self) -> Result<Instance, Error> {
        self.starts += 1;
        let folder = self.options.folder.join(format!("instance-{}", self.starts));
        std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        let api = RuntimeApi::start().await.map_err(Error::file("bind", "the Runtime API's port"))?;
        let init_timeout = self.options.init_timeout;
        let begun = Instant::now();
        let mut running = self.options.program(&folder, &api.address().to_string()).start()?;
        tokio::select! {
            () = api.polled() => {}
            // The probe never returns true, so this waits for the end of the process, or for the bound.
            waited = running.wait_until("the function asks for an event", init_timeout, async || false) => waited?,
        }
        let cold_start = Some(begun.elapsed());
        Ok(Instance { running, api, cold_start, log_seen: 0 })
    }
}

impl Invocation {
    /// Returns whether the handler returned, so that Lambda would not deliver the event again.
    pub const fn returned(&self) -> bool {
        matches!(self.outcome, Outcome::Returned(_))
    }

    /// Returns the log as text, for messages and for searches.
    pub fn log_text(&self) -> String {
        let lines: Vec<&str> = self.log.iter().map(|line| line.text.as_str()).collect();
        lines.join(
            "
",
        )
    }
}

impl LogLine {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), json: serde_json::from_str(text).ok() }
    }
}

#[derive(Debug)]
struct Instance {
    // The first field, so that the process ends before its API.
    running: Running,
    api: RuntimeApi,
    cold_start: Option<Duration>,
    log_seen: u64,
}

/// Reads a file from a position on, because the log of a process grows with every event.
fn read_from(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits until the process ends, and returns its exit status.
async fn ended(running: &mut Running) -> String {
    loop {
        let ended = running.wait_until("the function ends", MAX_POLL_WAIT, async || false).await;
        if let Err(Error::Ended { status, .. }) = ended {
            return status.to_string();
        }
    }
}

fn exited(request_id: &str, how: &str) -> Value {
    json!({
        "errorType": "Runtime.ExitError",
        "errorMessage": format!("RequestId: {request_id} Error: Runtime exited with error: {how}"),
    })
}

/// The maximum time from the response of a process to its next poll.
const MAX_POLL_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A minimal custom runtime that does what the event requests.
    const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, sys, time, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
print("up", flush=True)
while True:
    polled = urllib.request.urlopen(base + "next")
    event, head = json.load(polled), polled.headers
    left = int(head["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    print(json.dumps({"left": left, "arn": head["Lambda-Runtime-Invoked-Function-Arn"]}), flush=True)
    if event["do"] == "exit":
        sys.exit(3)
    if event["do"] == "hang":
        time.sleep(600)
    path = base + head["Lambda-Runtime-Aws-Request-Id"] + "/" + event["do"]
    urllib.request.urlopen(urllib.request.Request(path, json.dumps(event).encode()))
    print("after", event["do"], file=sys.stderr, flush=True)
"#;

    async fn function() -> (tempfile::TempDir, Function) {
        let folder = tempfile::tempdir().unwrap();
        let bootstrap = folder.path().join("bootstrap");
        std::fs::write(&bootstrap, BOOTSTRAP).unwrap();
        std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
        let options = FunctionOptions::new(bootstrap, folder.path());
        let function = Function::start(options).await.unwrap();
        (folder, function)
    }

    fn action(what: &str) -> Value {
        json!({ "do": what })
    }

    const LIMIT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn process_handles_one_event_after_the_other() {
        let (_folder, mut function) = function().await;
        let process = function.process_id();
        assert!(function.cold_start().is_some());
        let first = function.invoke(&action("response"), LIMIT).await.unwrap();
        assert_eq!(first.outcome, Outcome::Returned(action("response")));
        assert!(first.cold_start.is_some() && function.cold_start().is_none());
        let lines: Vec<_> = first.log.iter().map(|line| line.text.as_str()).collect();
        assert_eq!((lines[0], lines[2], lines.len()), ("up", "after response", 3));
        let line = first.log[1].json.as_ref().unwrap();
        assert_eq!(line["arn"], "arn:aws:lambda:us-east-1:111122223333:function:karpenter-prereqs");
        let left = line["left"].as_f64().unwrap();
        assert!((15.0..=20.0).contains(&left), "{left} s to the deadline");

        let second = function.invoke(&action("error"), LIMIT).await.unwrap();
        assert_eq!(second.outcome, Outcome::Error(action("error")));
        assert_eq!((second.cold_start, second.log.len()), (None, 2));
        assert!(!second.log_text().contains("response"), "that was the first one's");
        assert_eq!(function.process_id(), process);
    }

    #[tokio::test]
    async fn process_is_restarted_after_exit_or_timeout() {
        let (_folder, mut function) = function().await;
        let exited = function.invoke(&action("exit"), LIMIT).await.unwrap();
        let Outcome::Error(error) = &exited.outcome else { panic!("{exited:?}") };
        assert_eq!(error["errorType"], "Runtime.ExitError");
        assert!(error["errorMessage"].as_str().unwrap().ends_with("exit status: 3"), "{error}");
        assert_eq!(function.process_id(), None);

        let killed = function.invoke(&action("hang"), Duration::from_millis(100)).await.unwrap();
        assert_eq!(killed.outcome, Outcome::Killed);
        assert!(killed.cold_start.is_some() && killed.log_text().starts_with("up\n"), "{killed:?}");
        assert!(Duration::from_millis(100) <= killed.duration && killed.duration < LIMIT);

        let next = function.invoke(&action("response"), LIMIT).await.unwrap();
        assert!(next.returned() && next.cold_start.is_some(), "{next:?}");
    }

    #[tokio::test]
    async fn cancelled_invocation_kills_the_process() {
        let (_folder, mut function) = function().await;
        let process = function.process_id().unwrap();
        let event = action("hang");
        let cancelled = timeout(Duration::from_millis(50), function.invoke(&event, LIMIT)).await;
        assert!(cancelled.is_err());
        assert!(!Path::new(&format!("/proc/{process}")).exists());
        assert!(function.invoke(&action("response"), LIMIT).await.unwrap().returned());
    }

    #[tokio::test]
    async fn failed_start_returns_error_with_log() {
        let folder = tempfile::tempdir().unwrap();
        let options = FunctionOptions::new("/no/such/bootstrap", folder.path());
        let error = Function::start(options).await.unwrap_err();
        assert!(error.to_string().contains("/no/such/bootstrap"), "{error}");
    }
}
