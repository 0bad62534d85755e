//! Text → log lines of the function, in any form in which the AWS CLI prints a log.

use jiff::Timestamp;
use serde_json::{Deserializer, Map, Value};

/// A log line of the function: a JSON object with a timestamp, a level and a message.
pub(super) struct Line {
    /// The log stream; empty if the text does not name it. A stream has one run at a time.
    pub(super) stream: String,
    /// The line number in the text, from 1, for error messages. If the line is inside a JSON document, the number of the
    /// document's first line.
    pub(super) number: usize,
    /// The time, by the clock of the function.
    pub(super) timestamp: Timestamp,
    /// `INFO`, `WARN` …
    pub(super) level: String,
    /// The kind of the line, for example `call`.
    pub(super) message: String,
    /// All fields of the object, including the ones above.
    pub(super) fields: Map<String, Value>,
}

/// Returns the log lines of the function in `text`. Skips everything else: text that is not a JSON object, such as the lines
/// START and REPORT of Lambda, and objects without timestamp, level or message.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, prefix, object) in objects(text) {
        match object.get("events") {
            Some(Value::Array(events)) => {
                for event in events {
                    lines.extend(event.as_object().into_iter().flat_map(|event| lines_of_event(event, number)));
                }
            }
            // `--query events` prints the events without the surrounding document.
            _ if is_cloudwatch_event(&object) => lines.extend(lines_of_event(&object, number)),
            _ => lines.extend(line(stream(prefix), number, object)),
        }
    }
    lines
}

/// Returns the JSON objects in `text`, each with the number of its first line and the text before it on that line. An object may
/// span several lines, as in a pretty-printed document.
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

fn is_cloudwatch_event(object: &Map<String, Value>) -> bool {
    object.get("message").is_some_and(Value::is_string) && !object.contains_key("level")
}

/// Returns the log lines in the message of an event, as `aws logs filter-log-events` prints it.
fn lines_of_event(event: &Map<String, Value>, number: usize) -> Vec<Line> {
    let message = event.get("message").and_then(Value::as_str).unwrap_or_default();
    let name = event.get("logStreamName").and_then(Value::as_str);
    let objects = objects(message).into_iter();
    objects.filter_map(|(_, prefix, object)| line(name.unwrap_or_else(|| stream(prefix)), number, object)).collect()
}

/// Returns the name of the log stream in the text before a line, for example
/// `2026-11-26T02:10:00.123000+00:00 2026/11/26/[$LATEST]0a1b `. Stream names of Lambda begin with the date, in slashes. Empty if
/// there is none.
fn stream(prefix: &str) -> &str {
    prefix.split_whitespace().rfind(|word| word.contains('/')).unwrap_or_default()
}

fn line(stream: &str, number: usize, fields: Map<String, Value>) -> Option<Line> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let timestamp = text("timestamp")?.parse().ok()?;
    let (level, message) = (text("level")?.to_owned(), text("message")?.to_owned());
    Some(Line { stream: stream.to_owned(), number, timestamp, level, message, fields })
}
