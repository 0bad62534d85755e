//! What a run did and when, out of the function's own log: [`read`] gives its runs, [`Run::svg`] draws one.
//!
//! Text → lines (`log`) → [`Run`]s (`runs`) → what determined how long one took (`critical`) → the picture (`svg`).
//! Nothing is read but the text, and the same text gives the same bytes.

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

/// The log gives tenths of a millisecond, and an end is the sum of two such numbers: what overlaps by no more than
/// this may as well have come one after the other.
const ROUNDING: Duration = Duration::from_micros(150);

/// One event of CloudFormation, from its beginning to its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Create, Update or Delete.
    pub operation: String,
    /// CloudFormation's id of the event.
    pub request_id: String,
    /// The ARN of the stack.
    pub stack_id: String,
    /// The resource's name in its template.
    pub logical_resource_id: String,
    /// When it began, by the function's clock.
    pub began: Timestamp,
    /// The finished calls, as they began. What was under way when a run was killed is in no log.
    pub calls: Vec<Call>,
    /// The steps of its plans that came to an end, as they began.
    pub steps: Vec<Step>,
    /// What else the log tells, as it happened.
    pub moments: Vec<Moment>,
    /// Absent when the log ends before the run does.
    pub outcome: Option<Outcome>,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// SUCCESS or FAILED.
    pub status: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Whether the answer reached CloudFormation.
    pub delivered: bool,
    /// From the run's beginning to the delivered answer.
    pub after: Duration,
}

/// From and to, since the run's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub begin: Duration,
    /// Where it ends; never before it begins.
    pub end: Duration,
}

/// A call of a service with all of its tries.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `IAM`, `EKS`, `Kubernetes` …
    pub service: String,
    /// `GetRole`, `get ConfigMap` …
    pub operation: String,
    /// From the first try's beginning to the last one's end.
    pub span: Span,
    /// How often it was tried.
    pub tries: u32,
    /// Every try, one after the other within `span`; empty when the log tells only how many there were.
    pub attempts: Vec<Span>,
    /// The service's code, when the call ended refused.
    pub error: Option<String>,
}

/// A step of a plan that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// As the plan spells it.
    pub name: String,
    /// From and to.
    pub span: Span,
    /// Why it failed.
    pub error: Option<String>,
}

/// What happened at one point in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Since the run's beginning.
    pub at: Duration,
    /// What it was.
    pub what: What,
}

/// What a [`Moment`] tells.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A plan was made.
    Plan {
        /// The names of its steps.
        steps: Vec<String>,
    },
    /// The function waits by its own decision, for permissions to settle, say.
    Pause {
        /// For how long.
        length: Duration,
        /// The log line.
        why: String,
    },
    /// A line of level WARN or ERROR.
    Warning(String),
}

impl Run {
    /// The picture of the run: an SVG document that needs nothing else.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// The stack's name, out of its ARN; the whole text when it is none.
    pub fn stack_name(&self) -> &str {
        self.stack_id.split('/').nth(1).unwrap_or(&self.stack_id)
    }

    /// From its beginning to the delivered answer; for a run without an outcome, as far as the log goes.
    pub fn duration(&self) -> Duration {
        let calls = self.calls.iter().map(|call| call.span.end);
        let steps = self.steps.iter().map(|step| step.span.end);
        let moments = self.moments.iter().map(|moment| moment.at);
        let known = calls.chain(steps).chain(moments).max().unwrap_or_default();
        // The outcome has whole milliseconds, so that the last call may seem to end after it.
        self.outcome.as_ref().map_or(known, |outcome| outcome.after.max(self.last_call_end()))
    }

    /// `SUCCESS`, `FAILED`, or `UNFINISHED` when the log has no outcome.
    pub fn status(&self) -> &str {
        self.outcome.as_ref().map_or("UNFINISHED", |outcome| outcome.status.as_str())
    }

    /// How many calls wrote to the account or the cluster. The answer is none of them: every run has one.
    pub fn writes(&self) -> usize {
        self.calls.iter().filter(|call| call.is_write() && !call.is_answer()).count()
    }

    /// How many tries its calls took.
    pub fn tries(&self) -> u64 {
        self.calls.iter().map(|call| u64::from(call.tries)).sum()
    }

    /// How many tries were not a call's first.
    pub fn retries(&self) -> u64 {
        self.calls.iter().map(|call| u64::from(call.tries.saturating_sub(1))).sum()
    }

    /// How many calls ended refused.
    pub fn refused(&self) -> usize {
        self.calls.iter().filter(|call| call.error.is_some()).count()
    }

    /// The steps that `call` may belong to: those that were under way for all of it, and of these, if there are any,
    /// those that name every word of the operation. More than one when several ran side by side, since a call's line
    /// does not say whose it is.
    pub fn steps_of(&self, call: &Call) -> Vec<&Step> {
        let around =
            |step: &&Step| step.span.begin <= call.span.begin + ROUNDING && call.span.end <= step.span.end + ROUNDING;
        let around: Vec<_> = self.steps.iter().filter(around).collect();
        let words = call.words();
        let named: Vec<_> = around.iter().copied().filter(|step| step.names(&words)).collect();
        if named.is_empty() { around } else { named }
    }

    fn last_call_end(&self) -> Duration {
        self.calls.iter().map(|call| call.span.end).max().unwrap_or_default()
    }
}

/// One line for a list of runs.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let began = self.began.strftime("%Y-%m-%d %H:%M:%S");
        let (stack, resource) = (self.stack_name(), &self.logical_resource_id);
        write!(f, "{began}  {:<6}  {:<10}  {:>8}", self.operation, self.status(), svg::length(self.duration()))?;
        write!(f, "  {:>3} calls  {:>3} tries  {resource} in {stack}", self.calls.len(), self.tries())
    }
}

impl Span {
    /// How long it is.
    pub fn length(self) -> Duration {
        self.end.saturating_sub(self.begin)
    }
}

impl Call {
    /// Whether it changes something, by its operation's name. Asking Kubernetes what is allowed is spelled as a
    /// creation and is none.
    pub fn is_write(&self) -> bool {
        is_write(&self.operation)
    }

    /// The first word of the operation: `Get` of `GetRole`, `get` of `get ConfigMap`, `PUT` of `PUT answer`.
    fn verb(&self) -> &str {
        let word = self.operation.split(' ').next().unwrap_or_default();
        &word[..end_of_word(word)]
    }

    /// `AttachRolePolicy` → attach, role, policy.
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

    /// Whether it is the PUT of the answer.
    fn is_answer(&self) -> bool {
        self.service == "S3" && self.verb() == "PUT"
    }
}

impl Step {
    /// Whether all of `words` stand in it, not counting the objects' names.
    fn names(&self, words: &[String]) -> bool {
        let texts = || self.name.split('`').step_by(2).flat_map(str::split_whitespace);
        words.iter().all(|word| texts().any(|text| text == word))
    }
}

/// Where the first word of `CamelCase` ends; all capitals are one word.
fn end_of_word(text: &str) -> usize {
    let is_camel = text.contains(|c: char| c.is_ascii_lowercase());
    let next = text.char_indices().skip(1).find(|(_, c)| is_camel && c.is_ascii_uppercase());
    next.map_or(text.len(), |(at, _)| at)
}
