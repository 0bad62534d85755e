//! The log lines of a run for programs. The function writes them, and `karpenter-prereqs timeline` reads them.
//!
//! Each line is one JSON object. `message` is the kind of the event, and the fields of the event follow:
//!
//! ```json
//! {"timestamp":"2026-11-26T02:10:00.126Z","level":"INFO","message":"call","service":"IAM","operation":"GetRole","at_ms":2.1,"ms":40.3,"tries":1}
//! ```
//!
//! All other lines are for people, and their fields may change.

use super::log::{millis, write_line};
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::time::Duration;

/// The operation of an access review: the function asks Kubernetes whether RBAC allows a verb.
pub(crate) const ACCESS_REVIEW: &str = "create SelfSubjectAccessReview";

/// A log line for programs. Times are in milliseconds. `at_ms` is the time since the start of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub enum LogEvent {
    /// A run begins.
    Request(RequestLine),
    /// A call to a service ended, after all of its attempts.
    Call(CallLine),
    /// A plan was made.
    Plan {
        /// Its steps, in the words of the log and of the command `plan`.
        steps: Vec<String>,
    },
    /// A step succeeded.
    Done(StepLine),
    /// A step failed.
    Failed(StepLine),
    /// The function waits, and then retries.
    Retry(RetryLine),
    /// The run ended.
    Outcome(OutcomeLine),
}

/// The fields of [`LogEvent::Request`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLine {
    /// `Create`, `Update` or `Delete`.
    pub operation: String,
    /// The `RequestId` of the event.
    #[serde(default)]
    pub request_id: String,
    /// The ARN of the stack.
    #[serde(default)]
    pub stack_id: String,
    /// The name of the resource in its template.
    #[serde(default)]
    pub logical_resource_id: String,
    /// The id of the resource; absent on a Create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_resource_id: Option<String>,
    /// The host of the presigned URL, without its query.
    #[serde(default)]
    pub response_url: String,
}

/// The fields of [`LogEvent::Call`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallLine {
    /// The service: `IAM`, `EKS`, `Kubernetes` …
    pub service: String,
    /// The operation: `GetRole`, `get ConfigMap` …
    pub operation: String,
    /// When it began.
    pub at_ms: f64,
    /// How long it took, with all of its attempts and the waits between them.
    pub ms: f64,
    /// How many attempts it took.
    #[serde(default = "one")]
    pub tries: u32,
    /// When each attempt began and how long it took; empty if there was only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<(f64, f64)>,
    /// The error code of the service; absent after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The fields of [`LogEvent::Done`] and [`LogEvent::Failed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepLine {
    /// The step, in the words of the plan.
    pub step: String,
    /// When it began.
    pub at_ms: f64,
    /// How long it took.
    pub ms: f64,
    /// Why it failed; absent after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The fields of [`LogEvent::Retry`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryLine {
    /// Why the function waits.
    pub why: String,
    /// How long the function waits, in milliseconds.
    pub after_ms: u64,
    /// The step that is retried; absent if something else is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The error that is retried; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The fields of [`LogEvent::Outcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeLine {
    /// `SUCCESS` or `FAILED`.
    pub status: String,
    /// Why it failed; absent after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id in the response.
    #[serde(default)]
    pub physical_resource_id: String,
    /// Whether the response reached CloudFormation.
    #[serde(default)]
    pub delivered: bool,
    /// The time from the start of the run to the delivery of the response.
    pub ms: u64,
}

/// Returns whether a call of this operation changes something. Its verb decides. An access review has the verb `create`, but
/// changes nothing.
pub fn is_write(operation: &str) -> bool {
    const VERBS: [&str; 15] = [
        "Create", "Put", "Delete", "Attach", "Detach", "Add", "Remove", "Tag", "Untag", "Update", "PUT", "create",
        "update", "patch", "delete",
    ];
    let has_verb = |verb: &&str| {
        let rest = operation.strip_prefix(*verb);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase() || c == ' '))
    };
    operation != ACCESS_REVIEW && VERBS.iter().any(has_verb)
}

impl LogEvent {
    /// Returns whether a line with this `message` is for programs. Any other line is for people.
    pub fn is_message(message: &str) -> bool {
        matches!(message, "request" | "call" | "plan" | "done" | "failed" | "retry" | "outcome")
    }

    /// Writes the line to standard output, if the log level is INFO or lower. A failed step is written at every log level.
    pub(crate) fn write(&self) {
        let (level, is_enabled) = match self {
            Self::Failed(_) => ("ERROR", tracing::enabled!(tracing::Level::ERROR)),
            _ => ("INFO", tracing::enabled!(tracing::Level::INFO)),
        };
        if is_enabled {
            let line = Line { timestamp: jiff::Timestamp::now().to_string(), level, event: self };
            write_line(serde_json::to_string(&line).unwrap_or_default());
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    #[serde(flatten)]
    event: &'a LogEvent,
}

/// Logs that the function waits for `after` and then retries.
pub(crate) fn log_retry(why: &str, error: Option<&dyn Display>, after: Duration) {
    log_step_retry(why, None, error, after);
}

/// Logs that the function waits for `after` and then retries a step.
pub(crate) fn log_step_retry(why: &str, step: Option<&dyn Display>, error: Option<&dyn Display>, after: Duration) {
    let (step, error) = (step.map(ToString::to_string), error.map(ToString::to_string));
    LogEvent::Retry(RetryLine { why: why.to_owned(), after_ms: millis(after), step, error }).write();
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_one_json_object_that_parses_to_the_same_event() {
        let call = CallLine {
            service: "IAM".to_owned(),
            operation: "GetRole".to_owned(),
            at_ms: 2.1,
            ms: 40.3,
            tries: 1,
            attempts: Vec::new(),
            error: None,
        };
        let event = LogEvent::Call(call);
        let timestamp = jiff::Timestamp::UNIX_EPOCH.to_string();
        let line = serde_json::to_string(&Line { timestamp, level: "INFO", event: &event }).unwrap();
        let expected = r#"{"timestamp":"1970-01-01T00:00:00Z","level":"INFO","message":"call","service":"IAM","operation":"GetRole","at_ms":2.1,"ms":40.3,"tries":1}"#;
        assert_eq!(line, expected);
        assert_eq!(serde_json::from_str::<LogEvent>(&line).unwrap(), event);
    }

    #[test]
    fn is_message_knows_every_message_of_serde() {
        let unknown = serde_json::from_str::<LogEvent>(r#"{"message":"other"}"#).unwrap_err().to_string();
        let expected = unknown.split("expected one of ").nth(1).unwrap();
        let names: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        assert!(names.len() == 7 && names.iter().all(|name| LogEvent::is_message(name)), "{unknown}");
        assert!(!LogEvent::is_message("other"));
    }
}
