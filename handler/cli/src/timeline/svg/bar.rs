//! One call as a bar, and what its `<title>` says.

use super::super::{Call, Run, Span};
use super::axis::Axis;
use super::words::{self, millis};
use super::xml::Xml;
use super::{path, rect};

/// Where a call is drawn.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its left edge.
    pub(super) from: f64,
    /// Its right edge: its end, or a little more so that it can be seen.
    pub(super) to: f64,
    /// The middle of its lane.
    pub(super) y: f64,
}

/// The heights of reads and of writes.
const READ: f64 = 13.0;
const WRITE: f64 = 18.0;

/// The class of a call's bar.
pub(super) fn class(call: &Call) -> &'static str {
    if call.is_write() { "write" } else { "read" }
}

/// The names that a bar may carry.
pub(super) fn names(call: &Call) -> Vec<String> {
    let tries = if 1 < call.tries { format!(" ×{}", call.tries) } else { String::new() };
    let plain = format!("{}{tries}", call.operation);
    match &call.error {
        Some(error) => vec![format!("{plain} · {error}"), plain],
        None => vec![plain],
    }
}

/// Draws a call's tries, the waits between them, its cross when it was refused, and its frame when it is a link of
/// the critical path.
pub(super) fn draw(xml: &mut Xml, call: &Call, axis: Axis, place: Place, is_link: bool) {
    let height = if call.is_write() { WRITE } else { READ };
    let top = place.y - height / 2.0;
    for wait in waits(call) {
        let from = axis.x(wait.begin);
        rect(xml, "wait", (from, place.y - 4.0), ((axis.x(wait.end) - from).max(0.0), 8.0));
    }
    if call.attempts.is_empty() {
        rect(xml, class(call), (place.from, top), (place.to - place.from, height));
    }
    for attempt in &call.attempts {
        let from = axis.x(attempt.begin);
        let to = axis.x(attempt.end).max(from + 1.5).min(place.to.max(from + 0.5));
        rect(xml, class(call), (from, top), (to - from, height));
    }
    if is_link {
        let (x, width) = (place.from - 2.0, place.to - place.from + 4.0);
        rect(xml, "link", (x, top - 2.0), (width, height + 4.0));
    }
    if call.error.is_some() {
        let d = format!(
            "M{x0} {y0}L{x1} {y1}M{x0} {y1}L{x1} {y0}",
            x0 = super::Px(place.to - 3.5),
            x1 = super::Px(place.to + 3.5),
            y0 = super::Px(place.y - 3.5),
            y1 = super::Px(place.y + 3.5)
        );
        path(xml, "cross-back", &d);
        path(xml, "cross", &d);
    }
}

/// Between the tries.
fn waits(call: &Call) -> impl Iterator<Item = Span> {
    call.attempts.windows(2).map(|pair| Span { begin: pair[0].end, end: pair[1].begin })
}

/// All that is known of a call. `link` is its number on the critical path.
pub(super) fn told(run: &Run, call: &Call, link: Option<usize>) -> String {
    let kind = if call.is_write() { "write" } else { "read" };
    let (begin, end) = (millis(call.span.begin), millis(call.span.end));
    let mut lines = vec![
        format!("{} {}", call.service, call.operation),
        format!("{kind}, {} ms: from {begin} to {end} ms", millis(call.span.length())),
    ];
    lines.extend(call.error.iter().map(|error| format!("refused: {error}")));
    if 1 < call.tries {
        lines.push(words::count(call.tries, "try", "tries"));
        let attempt = |attempt: &Span| format!("at {} for {} ms", millis(attempt.begin), millis(attempt.length()));
        lines.extend(call.attempts.iter().map(attempt));
    }
    match run.steps_of(call).as_slice() {
        [] => {}
        [step] => lines.push(format!("step: {}", step.name)),
        several => {
            lines.push(format!("one of {} steps side by side:", several.len()));
            lines.extend(several.iter().take(8).map(|step| step.name.clone()));
        }
    }
    lines.extend(link.map(|number| format!("link {number} of the critical path")));
    lines.join("\n")
}
