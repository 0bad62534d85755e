//! Text → the function's lines, however the log was fetched.

use jiff::Timestamp;
use serde_json::{Deserializer, Map, Value};

/// A line that tracing wrote.
pub(super) struct Line {
    /// The log stream, or nothing where the text does not tell: one stream holds one run at a time.
    pub(super) stream: String,
    /// Where in the text, for messages; the beginning of the document where the line is an event in one.
    pub(super) number: usize,
    /// By the function's clock.
    pub(super) timestamp: Timestamp,
    /// `INFO`, `WARN` …
    pub(super) level: String,
    /// What kind of line it is.
    pub(super) message: String,
    /// All of it.
    pub(super) fields: Map<String, Value>,
}

/// The lines of the function in `text`. What is no JSON object (Lambda's START and REPORT), or has no timestamp,
/// level and message, is another's.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, prefix, object) in objects(text) {
        match object.get("events") {
            Some(Value::Array(events)) => {
                for event in events {
                    lines.extend(event.as_object().into_iter().flat_map(|event| of_event(event, number)));
                }
            }
            // An event on its own: a list of them, as `--query events` prints it.
            _ if is_event(&object) => lines.extend(of_event(&object, number)),
            _ => lines.extend(line(stream(prefix), number, object)),
        }
    }
    lines
}

/// The JSON objects in `text`, each with its line's number and what stands before it there. An object may go over
/// many lines, as a printed document does.
fn objects(text: &str) -> Vec<(usize, &str, Map<String, Value>)> {
    let mut objects = Vec::new();
    let (mut rest, mut number) = (text, 1);
    while !rest.is_empty() {
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let mut taken = line.len();
        if let Some(brace) = line.find('{') {
            let mut values = Deserializer::from_str(&rest[brace..]).into_iter::<Map<String, Value>>();
            if let Some(Ok(object)) = values.next() {
                let end = brace + values.byte_offset();
                taken = rest[end..].find('\n').map_or(rest.len(), |newline| end + newline + 1);
                objects.push((number, &line[..brace], object));
            }
        }
        number += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    objects
}

fn is_event(object: &Map<String, Value>) -> bool {
    object.get("message").is_some_and(Value::is_string) && !object.contains_key("level")
}

/// What `filter-log-events` gives as an event: its message is the line.
fn of_event(event: &Map<String, Value>, number: usize) -> Vec<Line> {
    let message = event.get("message").and_then(Value::as_str).unwrap_or_default();
    let name = event.get("logStreamName").and_then(Value::as_str);
    let objects = objects(message).into_iter();
    objects.filter_map(|(_, prefix, object)| line(name.unwrap_or_else(|| stream(prefix)), number, object)).collect()
}

/// `2026-11-26T02:10:00.123000+00:00 2026/11/26/[$LATEST]0a1b ` → the name of Lambda's log stream, which begins with
/// the date, in slashes.
fn stream(prefix: &str) -> &str {
    prefix.split_whitespace().rfind(|word| word.contains('/')).unwrap_or_default()
}

fn line(stream: &str, number: usize, fields: Map<String, Value>) -> Option<Line> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let timestamp = text("timestamp")?.parse().ok()?;
    let (level, message) = (text("level")?.to_owned(), text("message")?.to_owned());
    Some(Line { stream: stream.to_owned(), number, timestamp, level, message, fields })
}
