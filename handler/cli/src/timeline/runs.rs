//! Log lines → runs.

use super::log::{self, Line};
use super::{Call, Event, EventKind, Outcome, Run, Span, Step};
use jiff::Timestamp;
use karpenter_prereqs_function::event::{CallLine, LogEvent, OutcomeLine, RetryLine, StepLine};
use serde::de::Error as _;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a log has no run that can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log has no line `request`, with which a run begins.
    #[error(
        "this log has no run. Each run begins with a JSON line that has the message `request`. The function logs it at \
         level INFO, see AWS_LAMBDA_LOG_LEVEL"
    )]
    NoRun,
    /// The function is older, or its log level is above INFO.
    #[error(
        "this log has {runs} run(s), but no calls. Version {version} of the function logs them at level INFO, see \
         AWS_LAMBDA_LOG_LEVEL",
        version = env!("CARGO_PKG_VERSION")
    )]
    NoCalls {
        /// The number of runs in the log.
        runs: usize,
    },
    /// A line has a known message, but its fields are not valid.
    #[error("line {line}: not a valid `{message}` line for version {version}", version = env!("CARGO_PKG_VERSION"))]
    Line {
        /// The line number in the text, from 1.
        line: usize,
        /// The message of the line.
        message: String,
        /// What is not valid.
        source: serde_json::Error,
    },
}

/// Reads the runs in a log, in the order in which they begin.
///
/// Accepts JSON lines, with or without text before them (`aws logs tail`), and the JSON documents of `aws logs filter-log-events`
/// and `aws logs get-log-events`. Runs of several log streams can be mixed if the text names the stream of each line.
///
/// # Errors
/// Returns an error if there is no run, if no run has calls, or if a line of the function is not valid.
pub fn read(text: &str) -> Result<Vec<Run>, ReadError> {
    let mut logs: Vec<Vec<Line>> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for line in log::lines(text) {
        if line.message == "request" {
            // A stream has one run at a time, so a run of this stream that is still open was killed.
            open.insert(line.stream.clone(), logs.len());
            logs.push(vec![line]);
        } else if let Some(&run) = open.get(&line.stream) {
            if line.message == "outcome" {
                open.remove(&line.stream);
            }
            logs[run].push(line);
        }
    }
    let runs = logs.iter().map(|lines| read_run(lines)).collect::<Result<Vec<_>, _>>()?;
    if runs.is_empty() {
        Err(ReadError::NoRun)
    } else if runs.iter().all(|run| run.calls.is_empty()) {
        Err(ReadError::NoCalls { runs: runs.len() })
    } else {
        Ok(runs)
    }
}

/// Converts milliseconds.
///
/// # Errors
/// Returns an error if the number is negative, not finite, or more than a day. A run takes at most 15 minutes, the limit of
/// Lambda.
fn millis(ms: f64) -> Result<Duration, serde_json::Error> {
    const DAY: Duration = Duration::from_hours(24);
    let duration = Duration::try_from_secs_f64(ms / 1000.0).map_err(serde_json::Error::custom)?;
    if duration <= DAY { Ok(duration) } else { Err(serde_json::Error::custom("more than a day")) }
}

/// Parses the event in a line. `None` for a line that is for people.
///
/// # Errors
/// Returns an error if the fields do not fit the message.
fn parse_event(line: &Line) -> Result<Option<LogEvent>, serde_json::Error> {
    if !LogEvent::is_message(&line.message) {
        return Ok(None);
    }
    serde_json::from_value(Value::Object(line.fields.clone())).map(Some)
}

/// Builds a run from its lines. The first one must be its `request`.
fn read_run(lines: &[Line]) -> Result<Run, ReadError> {
    let invalid = |line: &Line, source| ReadError::Line { line: line.number, message: line.message.clone(), source };
    let (mut run, mut began) = (Run::default(), lines[0].timestamp);
    let mut others = Vec::new();
    for line in lines {
        match parse_event(line).map_err(|source| invalid(line, source))? {
            Some(LogEvent::Request(request)) => {
                run.operation = request.operation;
                run.request_id = request.request_id;
                run.stack_id = request.stack_id;
                run.logical_resource_id = request.logical_resource_id;
            }
            Some(LogEvent::Call(logged)) => {
                let call = call(logged).map_err(|source| invalid(line, source))?;
                // The `request` line is logged shortly after the moment from which every `at_ms` counts. A call is logged after
                // its end, so no call gives a start that is too early.
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
            Some(event) => add(&mut run, event, at).map_err(|source| invalid(line, source))?,
            None if matches!(line.level.as_str(), "WARN" | "ERROR") => {
                run.events.push(Event { at, kind: EventKind::Warning(message_text(line)) });
            }
            None => {}
        }
    }
    // These sorts are stable: items with the same time keep the order of the log.
    run.calls.sort_by_key(|call| call.span);
    run.steps.sort_by_key(|step| step.span);
    run.events.sort_by_key(|event| event.at);
    Ok(run)
}

fn since(began: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(began)).unwrap_or_default()
}

/// Adds an event that was logged at the time `at`, relative to the start of the run.
fn add(run: &mut Run, event: LogEvent, at: Duration) -> Result<(), serde_json::Error> {
    match event {
        LogEvent::Request(_) | LogEvent::Call(_) => {}
        LogEvent::Plan { steps } => run.events.push(Event { at, kind: EventKind::Plan { steps } }),
        LogEvent::Done(step) | LogEvent::Failed(step) => {
            let StepLine { step: name, at_ms, ms, error } = step;
            let begin = millis(at_ms)?;
            run.steps.push(Step { name, span: Span { begin, end: begin + millis(ms)? }, error });
        }
        LogEvent::Retry(RetryLine { why, after_ms, step, error }) => {
            let reason = [Some(why), step, error].into_iter().flatten().collect::<Vec<_>>().join(": ");
            let kind = EventKind::Backoff { length: Duration::from_millis(after_ms), reason };
            run.events.push(Event { at, kind });
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
        // Rounded times can overlap slightly.
        let at = millis(at_ms)?;
        let begin = at.clamp(end, span.end);
        end = (at + millis(ms)?).clamp(begin, span.end);
        Ok(Span { begin, end })
    });
    let attempts = attempts.collect::<Result<_, serde_json::Error>>()?;
    Ok(Call { service, operation, span, tries, attempts, error })
}

/// Returns the message and the fields that explain it, joined by `: `.
fn message_text(line: &Line) -> String {
    let names = ["step", "code", "warning", "failure", "error"];
    let values = names.iter().filter_map(|name| line.fields.get(*name)?.as_str());
    [line.message.as_str()].into_iter().chain(values).collect::<Vec<_>>().join(": ")
}
