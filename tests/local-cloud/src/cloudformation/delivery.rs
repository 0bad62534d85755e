//! The delivery of an event, and its result.

use std::time::Duration;

use super::request::Request;
use crate::{
    gateway::When,
    lambda::{Behaviour, CfnResponse, Invocation, ResponseUrl},
    scenario::CrashPoint,
};

/// How an event is delivered. The default: one delivery from CloudFormation itself, with two minutes for the function, and a
/// URL that accepts the response.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The function's timeout, after which the process is killed.
    pub limit: Duration,
    /// The number of deliveries at the same time. Lambda guarantees at least one delivery, not at most one.
    pub copies: usize,
    /// Whether the `ServiceToken` is an SNS topic.
    pub by_sns: bool,
    /// What the URL does with the first PUTs. It accepts the others.
    pub script: Vec<Behaviour>,
    /// The call at which the process is killed. The event is then delivered again, without a crash.
    pub crash: Option<(When, CrashPoint)>,
}

/// The result of one event.
#[derive(Debug)]
pub struct Delivered {
    /// The request.
    pub request: Request,
    /// The presigned URL of the response.
    pub url: ResponseUrl,
    /// The first accepted response; `None` when there was none after all deliveries.
    pub response: Option<CfnResponse>,
    /// The invocations, without those that crashed.
    pub invocations: Vec<Invocation>,
    /// Whether the process was killed as requested; false when the run ended before the call.
    pub crashed: bool,
    /// The next requests of the stack.
    pub next: Vec<Request>,
    /// The violated rules: of the protocol, of deadlines, and of secrets.
    pub violations: Vec<String>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { limit: Duration::from_mins(2), copies: 1, by_sns: false, script: Vec::new(), crash: None }
    }
}

impl Delivered {
    /// Returns whether the response is a success.
    pub fn succeeded(&self) -> bool {
        self.response.as_ref().is_some_and(CfnResponse::succeeded)
    }

    /// Returns the reason of a failure; empty without one.
    pub fn reason(&self) -> &str {
        self.response.as_ref().and_then(|response| response.reason.as_deref()).unwrap_or_default()
    }

    /// Returns the log of all deliveries.
    pub fn log_text(&self) -> String {
        let logs: Vec<_> = self.invocations.iter().map(Invocation::log_text).collect();
        logs.join("\n")
    }
}
