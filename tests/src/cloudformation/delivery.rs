//! How an event is delivered, and what came of it.

use std::time::Duration;

use super::request::Request;
use crate::{
    gateway::When,
    lambda::{Answer, Behaviour, Invocation, ResponseUrl},
    scenario::Cut,
};

/// How an event is delivered. By default: once, by CloudFormation itself, with two minutes' time, to a bucket that
/// takes the answer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The function's time-out: then the process is killed.
    pub limit: Duration,
    /// How many deliveries there are side by side. Lambda promises one at least, not one at most.
    pub copies: usize,
    /// Whether the `ServiceToken` is an SNS topic.
    pub by_sns: bool,
    /// What the URL does with the first PUTs; it takes those after them.
    pub script: Vec<Behaviour>,
    /// A call at which the process is killed. The event is delivered again then, without this.
    pub power_cut: Option<(When, Cut)>,
}

/// What came of one event.
#[derive(Debug)]
pub struct Delivered {
    /// What was sent.
    pub request: Request,
    /// Where it had to be answered.
    pub url: ResponseUrl,
    /// The first answer that was taken; `None`: there was none after all deliveries.
    pub answer: Option<Answer>,
    /// Each time it was delivered, but for those that were cut.
    pub invocations: Vec<Invocation>,
    /// Whether the power was cut, as it was asked; false when the run was over before.
    pub was_cut: bool,
    /// What the stack sends now.
    pub next: Vec<Request>,
    /// Every rule that was broken: of the protocol, of time, of secrecy.
    pub wrong: Vec<String>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { limit: Duration::from_mins(2), copies: 1, by_sns: false, script: Vec::new(), power_cut: None }
    }
}

impl Delivered {
    /// Whether the answer is a success.
    pub fn succeeded(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::succeeded)
    }

    /// The reason of a failure; empty without one.
    pub fn reason(&self) -> &str {
        self.answer.as_ref().and_then(|answer| answer.reason.as_deref()).unwrap_or_default()
    }

    /// All that the deliveries logged.
    pub fn log_text(&self) -> String {
        let logs: Vec<_> = self.invocations.iter().map(Invocation::log_text).collect();
        logs.join("\n")
    }
}
