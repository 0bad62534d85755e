//! Lines → runs.

use super::log::{self, Line};
use super::{Call, Moment, Outcome, Run, Span, Step, What};
use jiff::Timestamp;
use karpenter_prereqs_function::event::{CallLine, LogEvent, OutcomeLine, RetryLine, StepLine};
use serde::de::Error as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a log has no runs to show.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing in it begins a run.
    #[error(
        "no run begins in this log: the function logs a line with the message `request` for each, at level INFO \
         (AWS_LAMBDA_LOG_LEVEL), as JSON"
    )]
    NoRun,
    /// An older function, or the wrong log level.
    #[error(
        "{runs} run(s), but no calls: the function logs its calls from version {version} on, at level INFO \
         (AWS_LAMBDA_LOG_LEVEL)",
        version = env!("CARGO_PKG_VERSION")
    )]
    NoCalls {
        /// How many runs the log has.
        runs: usize,
    },
    /// A line of a known message is not what it should be.
    #[error("line {line}: this is no `{message}` line that version {version} knows", version = env!("CARGO_PKG_VERSION"))]
    Line {
        /// Where in the text.
        line: usize,
        /// The message of the line.
        message: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Reads every run in a log, in the order of their beginnings.
///
/// It takes JSON lines with or without something before them (`aws logs tail`), and the documents of `aws logs
/// filter-log-events` and `get-log-events`. Streams may be mixed when their names stand there.
///
/// # Errors
/// There is no run, no run has calls, or a line is broken.
pub fn read(text: &str) -> Result<Vec<Run>, ReadError> {
    let mut logs: Vec<Vec<Line>> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for line in log::lines(text) {
        if line.message == "request" {
            // One that is still open was killed: its stream has gone on to the next.
            open.insert(line.stream.clone(), logs.len());
            logs.push(vec![line]);
        } else if let Some(&run) = open.get(&line.stream) {
            if line.message == "outcome" {
                open.remove(&line.stream);
            }
            logs[run].push(line);
        }
    }
    let runs = logs.iter().map(|lines| run(lines)).collect::<Result<Vec<_>, _>>()?;
    if runs.is_empty() {
        Err(ReadError::NoRun)
    } else if runs.iter().all(|run| run.calls.is_empty()) {
        Err(ReadError::NoCalls { runs: runs.len() })
    } else {
        Ok(runs)
    }
}

/// No run takes longer than Lambda's 15 minutes: more than a day is not a time of one.
fn millis(ms: f64) -> Result<Duration, serde_json::Error> {
    const DAY: Duration = Duration::from_hours(24);
    let duration = Duration::try_from_secs_f64(ms / 1000.0).map_err(serde_json::Error::custom)?;
    if duration <= DAY { Ok(duration) } else { Err(serde_json::Error::custom("more than a day")) }
}

/// The event of a line; `None` for a line that is for people.
fn event(line: &Line) -> Result<Option<LogEvent>, serde_json::Error> {
    if !LogEvent::is_message(&line.message) {
        return Ok(None);
    }
    serde_json::from_value(Value::Object(line.fields.clone())).map(Some)
}

/// The run of `lines`, the first of which is its request.
fn run(lines: &[Line]) -> Result<Run, ReadError> {
    let wrong = |line: &Line, source| ReadError::Line { line: line.number, message: line.message.clone(), source };
    let (mut run, mut began) = (Run::default(), lines[0].timestamp);
    let mut others = Vec::new();
    for line in lines {
        match event(line).map_err(|source| wrong(line, source))? {
            Some(LogEvent::Request(request)) => {
                run.operation = request.operation;
                run.request_id = request.request_id;
                run.stack_id = request.stack_id;
                run.logical_resource_id = request.logical_resource_id;
            }
            Some(LogEvent::Call(logged)) => {
                let call = call(logged).map_err(|source| wrong(line, source))?;
                // The request is logged a little after the beginning that every `at_ms` counts from. A call is logged after
                // its end, so that none can place the beginning too early.
                began = began.min(line.timestamp.checked_sub(call.span.end).unwrap_or(began));
                run.calls.push(call);
            }
            event => others.push((line, event)),
        }
    }
    run.began = began;
    for (line, event) in others {
        let at = since(began, line.timestamp);
        match event {
            Some(event) => add(&mut run, event, at).map_err(|source| wrong(line, source))?,
            None if matches!(line.level.as_str(), "WARN" | "ERROR") => {
                run.moments.push(Moment { at, what: What::Warning(said(line)) });
            }
            None => {}
        }
    }
    // Stable, so that what is equal stays in the log's order.
    run.calls.sort_by_key(|call| call.span);
    run.steps.sort_by_key(|step| step.span);
    run.moments.sort_by_key(|moment| moment.at);
    Ok(run)
}

fn since(began: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(began)).unwrap_or_default()
}

/// Adds an event, which was logged at this time.
fn add(run: &mut Run, event: LogEvent, at: Duration) -> Result<(), serde_json::Error> {
    match event {
        LogEvent::Request(_) | LogEvent::Call(_) => {}
        LogEvent::Plan { steps } => run.moments.push(Moment { at, what: What::Plan { steps } }),
        LogEvent::Done(step) | LogEvent::Failed(step) => {
            let StepLine { step: name, at_ms, ms, error } = step;
            let begin = millis(at_ms)?;
            run.steps.push(Step { name, span: Span { begin, end: begin + millis(ms)? }, error });
        }
        LogEvent::Retry(RetryLine { why, after_ms, step, error }) => {
            let why = [Some(why), step, error].into_iter().flatten().collect::<Vec<_>>().join(": ");
            run.moments.push(Moment { at, what: What::Pause { length: Duration::from_millis(after_ms), why } });
        }
        LogEvent::Outcome(OutcomeLine { status, reason, delivered, ms, .. }) => {
            run.outcome = Some(Outcome { status, reason, delivered, after: Duration::from_millis(ms) });
        }
    }
    Ok(())
}

fn call(logged: CallLine) -> Result<Call, serde_json::Error> {
    let CallLine { service, operation, at_ms, ms, tries, attempts, error } = logged;
    let begin = millis(at_ms)?;
    let span = Span { begin, end: begin + millis(ms)? };
    let mut end = span.begin;
    let attempts = attempts.into_iter().map(|(at_ms, ms)| {
        // Rounded as they are, they must not reach into each other.
        let at = millis(at_ms)?;
        let begin = at.clamp(end, span.end);
        end = (at + millis(ms)?).clamp(begin, span.end);
        Ok(Span { begin, end })
    });
    let attempts = attempts.collect::<Result<_, serde_json::Error>>()?;
    Ok(Call { service, operation, span, tries, attempts, error })
}

/// Returns the message and the fields that explain it.
fn said(line: &Line) -> String {
    let notes = ["step", "code", "warning", "failure", "error"];
    let notes = notes.iter().filter_map(|name| line.fields.get(*name)?.as_str());
    [line.message.as_str()].into_iter().chain(notes).collect::<Vec<_>>().join(": ")
}
