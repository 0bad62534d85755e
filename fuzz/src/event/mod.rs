//! Events. Any event is read exactly or not at all, and every response to it is valid.

mod generate;
mod judge;
mod response;

use crate::choices::Choices;
use crate::target::{CaseOutcome, Constructs, ExpectedOutcome, Target};
use generate::Sample;
use karpenter_prereqs_core::request::event::unwrap_sns;
use serde_json::Value;

/// Events, and the responses to them.
pub static EVENT: Target = Target {
    name: "event",
    unit: "events",
    violations: "invalid responses",
    min_full_run: 100_000,
    max_bytes: 160,
    outcomes: &[
        ExpectedOutcome { outcome: "read, a request", max_permille: 1000 },
        ExpectedOutcome { outcome: "read, no request", max_permille: 1000 },
        ExpectedOutcome { outcome: "read partially", max_permille: 1000 },
        ExpectedOutcome { outcome: "no response URL", max_permille: 400 },
    ],
    show: |bytes| shortened(&sample(bytes).0.sent),
    case,
};

/// Returns the event that `bytes` choose, and the choices for the responses.
fn sample(bytes: &[u8]) -> (Sample, Choices<'_>) {
    let mut choices = Choices::new(bytes);
    // The choices for the responses come first, because the bytes may run out before the end of the event.
    let response_choices = choices.split_off(24);
    (generate::event(&mut choices), response_choices)
}

fn case(bytes: &[u8], constructs: Option<&mut Constructs>) -> Result<CaseOutcome, String> {
    let (Sample { sent, expected }, mut response_choices) = sample(bytes);
    if let Some(constructs) = constructs {
        record_constructs(&sent, constructs);
    }
    check(&sent, &expected, &mut response_choices).map_err(|error| format!("{error}, in {}", shortened(&sent)))
}

fn check(sent: &Value, expected: &Value, response_choices: &mut Choices<'_>) -> Result<CaseOutcome, String> {
    // The handler gets only events that the runtime has parsed. So a text that is not JSON is no case.
    let event = serde_json::from_slice(sent.to_string().as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
    let event = unwrap_sns(event);
    if event != *expected {
        return Err(format!("read as another event: {event}"));
    }
    let (envelope, outcome) = judge::check_envelope(&event)?;
    let request = judge::check_request(&event)?;
    let Some(envelope) = envelope else {
        return Ok(outcome);
    };
    response::check_responses(&envelope, request.as_ref(), response_choices)?;
    Ok(match (outcome, request) {
        ("read", Some(_)) => "read, a request",
        ("read", None) => "read, no request",
        _ => outcome,
    })
}

fn record_constructs(sent: &Value, constructs: &mut Constructs) {
    let text = sent.to_string();
    constructs.record("by SNS", text.starts_with("{\"Records\":[{\"EventSource\""));
    constructs.record("by SNS, and broken", text.contains("not JSON"));
    constructs.record("no object", !sent.is_object());
    constructs
        .record("more than 50 deep", text.contains(&"[".repeat(50)) || text.contains(&"{\"Records\":".repeat(50)));
    constructs.record("more than 4,096 bytes", text.len() > 4096);
    constructs.record("control character", text.contains("\\u0000") || text.contains("\\u001b"));
    constructs.record("not ASCII", !text.is_ascii());
    constructs.record("a timeout that is not a number", text.contains("\"ServiceTimeout\":[1]"));
    for name in ["ResponseURL", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId", "RequestType"] {
        let value = sent.get(name);
        constructs.record(format!("no {name}"), sent.is_object() && value.is_none());
        constructs.record(format!("mistyped {name}"), value.is_some_and(|value| !value.is_string()));
        constructs.record(format!("empty {name}"), value.is_some_and(|value| value == ""));
        constructs.record(format!("long {name}"), value.and_then(Value::as_str).is_some_and(|text| text.len() > 1024));
    }
}

/// Returns at most 4,000 characters of the event, because some events have 100,000 bytes.
fn shortened(event: &Value) -> String {
    let text = event.to_string();
    let head: String = text.chars().take(4_000).collect();
    if head.len() < text.len() { format!("{head}… ({} bytes)", text.len()) } else { head }
}
