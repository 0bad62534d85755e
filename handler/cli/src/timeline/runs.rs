//! Lines → runs.

use super::log::{self, Line};
use super::{Call, Moment, Outcome, Run, Span, Step, What};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
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

#[derive(Deserialize)]
struct RequestFields {
    operation: String,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    stack_id: String,
    #[serde(default)]
    logical_resource_id: String,
}

#[derive(Deserialize)]
struct CallFields {
    service: String,
    operation: String,
    #[serde(deserialize_with = "millis")]
    at_ms: Duration,
    #[serde(deserialize_with = "millis")]
    ms: Duration,
    #[serde(default = "once")]
    tries: u32,
    #[serde(default)]
    attempts: Attempts,
    error: Option<String>,
}

/// A field of tracing holds no list, so that the log has it as text.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Attempts(Vec<(Millis, Millis)>);

#[derive(Deserialize)]
struct Millis(#[serde(deserialize_with = "millis")] Duration);

#[derive(Deserialize)]
struct StepFields {
    step: String,
    at_ms: Option<Millis>,
    #[serde(deserialize_with = "millis")]
    ms: Duration,
    error: Option<String>,
}

#[derive(Deserialize)]
struct PlanFields {
    steps: usize,
    #[serde(default)]
    plan: String,
}

#[derive(Deserialize)]
struct OutcomeFields {
    status: String,
    reason: Option<String>,
    #[serde(default)]
    delivered: bool,
    #[serde(deserialize_with = "millis")]
    ms: Duration,
}

impl TryFrom<String> for Attempts {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&text).map(Self)
    }
}

fn once() -> u32 {
    1
}

/// No run takes longer than Lambda's 15 minutes: more than a day is no time of one.
fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    const DAY: Duration = Duration::from_hours(24);
    let ms = f64::deserialize(deserializer)?;
    let duration = Duration::try_from_secs_f64(ms / 1000.0).map_err(D::Error::custom)?;
    if duration <= DAY { Ok(duration) } else { Err(D::Error::custom("more than a day")) }
}

fn fields<T: DeserializeOwned>(line: &Line) -> Result<T, ReadError> {
    let wrong = |source| ReadError::Line { line: line.number, message: line.message.clone(), source };
    serde_json::from_value(Value::Object(line.fields.clone())).map_err(wrong)
}

/// The run of `lines`, the first of which is its request.
fn run(lines: &[Line]) -> Result<Run, ReadError> {
    let request: RequestFields = fields(&lines[0])?;
    let mut calls = Vec::new();
    let mut began = lines[0].timestamp;
    for line in lines.iter().filter(|line| line.message == "call") {
        let call = call(fields(line)?);
        // The request is logged a little after the beginning that every `at_ms` counts from. A call is logged after
        // its end, so that none can place the beginning too early.
        began = began.min(line.timestamp.checked_sub(call.span.end).unwrap_or(began));
        calls.push(call);
    }
    let mut run = Run {
        operation: request.operation,
        request_id: request.request_id,
        stack_id: request.stack_id,
        logical_resource_id: request.logical_resource_id,
        began,
        calls,
        steps: Vec::new(),
        moments: Vec::new(),
        outcome: None,
    };
    for line in lines {
        tell(&mut run, line, since(began, line.timestamp))?;
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

/// Takes what a line tells that is no call.
fn tell(run: &mut Run, line: &Line, at: Duration) -> Result<(), ReadError> {
    match line.message.as_str() {
        "request" | "call" => {}
        "plan" => {
            let PlanFields { steps: len, plan } = fields(line)?;
            let steps = debugged(&plan).unwrap_or_default();
            run.moments.push(Moment { at, what: What::Plan { len, steps } });
        }
        "done" | "failed" => {
            let StepFields { step: name, at_ms, ms, error } = fields(line)?;
            let begin = at_ms.map_or_else(|| at.saturating_sub(ms), |at_ms| at_ms.0);
            run.steps.push(Step { name, span: Span { begin, end: begin + ms }, error });
        }
        "outcome" => {
            let OutcomeFields { status, reason, delivered, ms: after } = fields(line)?;
            run.outcome = Some(Outcome { status, reason, delivered, after });
        }
        _ if line.fields.contains_key("after_ms") => {
            let length = millis(&line.fields["after_ms"]).map_err(|source| ReadError::Line {
                line: line.number,
                message: line.message.clone(),
                source,
            })?;
            run.moments.push(Moment { at, what: What::Pause { length, why: said(line) } });
        }
        _ if matches!(line.level.as_str(), "WARN" | "ERROR") => {
            run.moments.push(Moment { at, what: What::Warning(said(line)) });
        }
        _ => {}
    }
    Ok(())
}

fn call(fields: CallFields) -> Call {
    let span = Span { begin: fields.at_ms, end: fields.at_ms + fields.ms };
    let mut end = span.begin;
    let attempt = |(Millis(at), Millis(ms))| {
        // Rounded as they are, they must not reach into each other.
        let begin = at.clamp(end, span.end);
        end = (at + ms).clamp(begin, span.end);
        Span { begin, end }
    };
    let attempts = fields.attempts.0.into_iter().map(attempt).collect();
    let (service, operation) = (fields.service, fields.operation);
    Call { service, operation, span, tries: fields.tries, attempts, error: fields.error }
}

/// The message with what was noted beside it.
fn said(line: &Line) -> String {
    let notes = ["step", "warning", "note", "failure", "error"];
    let notes = notes.iter().filter_map(|name| line.fields.get(*name)?.as_str());
    [line.message.as_str()].into_iter().chain(notes).collect::<Vec<_>>().join(": ")
}

/// Reads a list of strings as Rust's `{:?}` writes it: nearly JSON, but for `\u{200b}` and `\0`.
fn debugged(text: &str) -> Option<Vec<String>> {
    let mut json = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(backslash) = rest.find('\\') {
        json.push_str(&rest[..backslash]);
        let escape = &rest[backslash + 1..];
        let (c, taken) = match escape.chars().next()? {
            'u' => {
                let end = escape.find('}')?;
                let code = u32::from_str_radix(escape.get(2..end)?, 16).ok()?;
                (char::from_u32(code)?, end + 1)
            }
            '0' => ('\0', 1),
            '\'' => ('\'', 1),
            other => {
                json.extend(['\\', other]);
                rest = &escape[other.len_utf8()..];
                continue;
            }
        };
        // As JSON spells it, without the quotes around it.
        let spelled = serde_json::to_string(&c).ok()?;
        json.push_str(&spelled[1..spelled.len() - 1]);
        rest = &escape[taken..];
    }
    json.push_str(rest);
    serde_json::from_str(&json).ok()
}
