//! Events: whatever comes in, it is read as it is or not at all, and an answer of lawful size goes out.

mod answer;
mod generate;
mod judge;

use crate::choices::Choices;
use crate::target::{Constructs, Expected, Fate, Target};
use generate::Sample;
use karpenter_prereqs_core::request::event::unwrap_sns;
use serde_json::Value;

/// Events, and the answers to them.
pub static EVENT: Target = Target {
    name: "event",
    unit: "events",
    zero: "unlawful answers",
    long: 100_000,
    bytes: 160,
    fates: &[
        Expected { fate: "read, a request", most: 1000 },
        Expected { fate: "read, no request", most: 1000 },
        Expected { fate: "read_partial", most: 1000 },
        Expected { fate: "nowhere to answer to", most: 400 },
    ],
    show: |bytes| shortened(&sample(bytes).0.sent),
    case,
};

/// An event, and the choices of what is answered to it.
fn sample(bytes: &[u8]) -> (Sample, Choices<'_>) {
    let mut choices = Choices::new(bytes);
    // The answer's words first, since the bytes run out at the end.
    let words = choices.apart(24);
    (generate::event(&mut choices), words)
}

fn case(bytes: &[u8], constructs: Option<&mut Constructs>) -> Result<Fate, String> {
    let (Sample { sent, meant }, mut words) = sample(bytes);
    if let Some(constructs) = constructs {
        note(&sent, constructs);
    }
    judged(&sent, &meant, &mut words).map_err(|wrong| format!("{wrong}, in {}", shortened(&sent)))
}

fn judged(sent: &Value, meant: &Value, words: &mut Choices<'_>) -> Result<Fate, String> {
    // The runtime hands over what it parsed, so what is no JSON never comes here.
    let event = serde_json::from_slice(sent.to_string().as_bytes()).map_err(|error| format!("no JSON: {error}"))?;
    let event = unwrap_sns(event);
    if event != *meant {
        return Err(format!("taken for another event: {event}"));
    }
    let (envelope, fate) = judge::envelope(&event)?;
    let request = judge::request(&event)?;
    let Some(envelope) = envelope else {
        return Ok(fate);
    };
    answer::answers(&envelope, request.as_ref(), words)?;
    Ok(match (fate, request) {
        ("read", Some(_)) => "read, a request",
        ("read", None) => "read, no request",
        _ => fate,
    })
}

fn note(sent: &Value, constructs: &mut Constructs) {
    let text = sent.to_string();
    constructs.note("by SNS", text.starts_with("{\"Records\":[{\"EventSource\""));
    constructs.note("by SNS, and broken", text.contains("no JSON"));
    constructs.note("no object", !sent.is_object());
    constructs.note("more than 50 deep", text.contains(&"[".repeat(50)) || text.contains(&"{\"Records\":".repeat(50)));
    constructs.note("more than 4,096 bytes", text.len() > 4096);
    constructs.note("control character", text.contains("\\u0000") || text.contains("\\u001b"));
    constructs.note("not ASCII", !text.is_ascii());
    constructs.note("a timeout that is no number", text.contains("\"ServiceTimeout\":[1]"));
    for name in ["ResponseURL", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId", "RequestType"] {
        let value = sent.get(name);
        constructs.note(format!("no {name}"), sent.is_object() && value.is_none());
        constructs.note(format!("mistyped {name}"), value.is_some_and(|value| !value.is_string()));
        constructs.note(format!("empty {name}"), value.is_some_and(|value| value == ""));
        constructs.note(format!("long {name}"), value.and_then(Value::as_str).is_some_and(|text| text.len() > 1024));
    }
}

/// The event, cut: some have a hundred thousand bytes.
fn shortened(event: &Value) -> String {
    let text = event.to_string();
    let head: String = text.chars().take(4_000).collect();
    if head.len() < text.len() { format!("{head}… ({} bytes)", text.len()) } else { head }
}
