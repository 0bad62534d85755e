//! The timeline of a run, from the log of the function. [`read`] returns the runs in a log, [`Run::svg`] draws one.
//!
//! Text → lines (`log`) → [`Run`]s (`runs`) → the critical path (`critical`) → the picture (`svg`). The picture depends on the
//! text alone: the same text gives the same bytes.

pub(crate) mod command;
mod critical;
mod lanes;
mod log;
mod runs;
mod svg;
#[cfg(test)]
mod tests;

pub use runs::{ReadError, read};

use jiff::Timestamp;
use karpenter_prereqs_function::event::is_write;
use std::fmt;
use std::time::Duration;

/// An overlap up to this length counts as no overlap. The log rounds to 0.1 ms, and the end of a call is the sum of two rounded
/// numbers.
const ROUNDING: Duration = Duration::from_micros(150);

/// One run of the function: one event of CloudFormation, from its arrival to the response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// `Create`, `Update` or `Delete`.
    pub operation: String,
    /// CloudFormation's id of the event.
    pub request_id: String,
    /// The ARN of the stack.
    pub stack_id: String,
    /// The resource's name in its template.
    pub logical_resource_id: String,
    /// When the run began, by the clock of the function.
    pub began: Timestamp,
    /// The calls that ended, sorted by their start. The log does not have calls that were in progress when the function was
    /// killed.
    pub calls: Vec<Call>,
    /// The steps that ended, sorted by their start.
    pub steps: Vec<Step>,
    /// Plans, backoffs and warnings, sorted by time.
    pub events: Vec<Event>,
    /// Absent when the log ends before the run does.
    pub outcome: Option<Outcome>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `SUCCESS` or `FAILED`.
    pub status: String,
    /// Why the run failed; absent after a success.
    pub reason: Option<String>,
    /// Whether the response reached CloudFormation.
    pub delivered: bool,
    /// The time from the start of the run to the delivery of the response.
    pub after: Duration,
}

/// A period of time, relative to the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The start.
    pub begin: Duration,
    /// The end; never earlier than the start.
    pub end: Duration,
}

/// A call of a service, with all attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `IAM`, `EKS`, `Kubernetes` …
    pub service: String,
    /// `GetRole`, `get ConfigMap` …
    pub operation: String,
    /// The time from the start of the first attempt to the end of the last.
    pub span: Span,
    /// The number of attempts.
    pub tries: u32,
    /// The time of each attempt, in order and within `span`. Empty if the log has only their number.
    pub attempts: Vec<Span>,
    /// The error code of the service; absent after a success.
    pub error: Option<String>,
}

/// A step of a plan that was carried out, successfully or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step, as the plan names it.
    pub name: String,
    /// Its time.
    pub span: Span,
    /// Why it failed; absent after a success.
    pub error: Option<String>,
}

/// Something else in the log, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The time since the start of the run.
    pub at: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened in an [`Event`].
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The function computed a plan.
    Plan {
        /// The names of its steps.
        steps: Vec<String>,
    },
    /// The function waits, and then retries. For example, a new permission is not consistent yet.
    Backoff {
        /// How long it waits.
        length: Duration,
        /// Why it waits, with the step and the error if there are any.
        reason: String,
    },
    /// A log line of level WARN or ERROR: its message and its explanatory fields.
    Warning(String),
}

impl Run {
    /// Returns the picture of the run: an SVG document without external references.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// Returns the name of the stack in its ARN, or all of `stack_id` if it is not an ARN.
    pub fn stack_name(&self) -> &str {
        self.stack_id.split('/').nth(1).unwrap_or(&self.stack_id)
    }

    /// Returns the time from the start of the run to the delivery of the response, or to the end of the log if the run has no
    /// outcome.
    pub fn duration(&self) -> Duration {
        let calls = self.calls.iter().map(|call| call.span.end);
        let steps = self.steps.iter().map(|step| step.span.end);
        let events = self.events.iter().map(|event| event.at);
        let known = calls.chain(steps).chain(events).max().unwrap_or_default();
        // The outcome is rounded to whole milliseconds, so the last call can seem to end after it.
        self.outcome.as_ref().map_or(known, |outcome| outcome.after.max(self.last_call_end()))
    }

    /// Returns `SUCCESS`, `FAILED`, or `UNFINISHED` if the log has no outcome.
    pub fn status(&self) -> &str {
        self.outcome.as_ref().map_or("UNFINISHED", |outcome| outcome.status.as_str())
    }

    /// Returns the number of calls that change the account or the cluster. The response does not count, because every run sends
    /// one.
    pub fn writes(&self) -> usize {
        self.calls.iter().filter(|call| call.is_write() && !call.is_response()).count()
    }

    /// Returns the number of attempts of all calls.
    pub fn tries(&self) -> u64 {
        self.calls.iter().map(|call| u64::from(call.tries)).sum()
    }

    /// Returns the number of attempts that are not the first of their call.
    pub fn retries(&self) -> u64 {
        self.calls.iter().map(|call| u64::from(call.tries.saturating_sub(1))).sum()
    }

    /// Returns the number of calls that ended with an error, such as the read of a role that does not exist.
    pub fn failed_calls(&self) -> usize {
        self.calls.iter().filter(|call| call.error.is_some()).count()
    }

    /// Returns the steps that `call` can belong to: the steps that were in progress during all of the call. If some of them
    /// contain every word of the operation, only those. There can be several, because steps run in parallel and the log line of a
    /// call does not name its step.
    pub fn steps_of(&self, call: &Call) -> Vec<&Step> {
        let is_during =
            |step: &&Step| step.span.begin <= call.span.begin + ROUNDING && call.span.end <= step.span.end + ROUNDING;
        let during: Vec<_> = self.steps.iter().filter(is_during).collect();
        let words = call.words();
        let named: Vec<_> = during.iter().copied().filter(|step| step.contains_words(&words)).collect();
        if named.is_empty() { during } else { named }
    }

    fn last_call_end(&self) -> Duration {
        self.calls.iter().map(|call| call.span.end).max().unwrap_or_default()
    }
}

/// One line, for a list of runs.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let began = self.began.strftime("%Y-%m-%d %H:%M:%S");
        let (stack, resource) = (self.stack_name(), &self.logical_resource_id);
        write!(f, "{began}  {:<6}  {:<10}  {:>8}", self.operation, self.status(), svg::length(self.duration()))?;
        write!(f, "  {:>3} calls  {:>3} tries  {resource} in {stack}", self.calls.len(), self.tries())
    }
}

impl Span {
    /// Returns the time from start to end.
    pub fn length(self) -> Duration {
        self.end.saturating_sub(self.begin)
    }
}

impl Call {
    /// Returns whether the call changes something, by the name of its operation. A `SelfSubjectAccessReview` is created, but
    /// changes nothing.
    pub fn is_write(&self) -> bool {
        is_write(&self.operation)
    }

    /// Returns the first word of the operation: `Get` for `GetRole`, `get` for `get ConfigMap`, `PUT` for `PUT response`.
    fn verb(&self) -> &str {
        let word = self.operation.split(' ').next().unwrap_or_default();
        &word[..end_of_word(word)]
    }

    /// Returns the words of the operation in lower case: attach, role and policy for `AttachRolePolicy`.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for mut word in self.operation.split_whitespace() {
            while !word.is_empty() {
                let (first, rest) = word.split_at(end_of_word(word));
                words.push(first.to_ascii_lowercase());
                word = rest;
            }
        }
        words
    }

    /// Returns whether the call is the PUT of the response.
    fn is_response(&self) -> bool {
        self.service == "S3" && self.verb() == "PUT"
    }
}

impl Step {
    /// Returns whether the step contains all `words` outside of backticks, which enclose the names of objects.
    fn contains_words(&self, words: &[String]) -> bool {
        let texts = || self.name.split('`').step_by(2).flat_map(str::split_whitespace);
        words.iter().all(|word| texts().any(|text| text == word))
    }
}

/// Returns the length of the first word of `CamelCase` text. Text without lower-case letters is one word.
fn end_of_word(text: &str) -> usize {
    let is_camel = text.contains(|c: char| c.is_ascii_lowercase());
    let next = text.char_indices().skip(1).find(|(_, c)| is_camel && c.is_ascii_uppercase());
    next.map_or(text.len(), |(at, _)| at)
}
