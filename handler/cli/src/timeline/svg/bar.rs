//! A call as a bar, and the text of its `<title>`.

use super::super::{Call, Run, Span};
use super::axis::Axis;
use super::words::{self, millis};
use super::xml::Xml;
use super::{path, rect};

/// Where a call is drawn, in pixels.
#[derive(Clone, Copy)]
pub(super) struct BarPosition {
    /// The left edge.
    pub(super) from: f64,
    /// The right edge: the end of the call, or a little later so that a short call is visible.
    pub(super) to: f64,
    /// The middle of its lane.
    pub(super) y: f64,
}

/// The height of the bar of a read, in pixels.
const READ_HEIGHT: f64 = 13.0;
/// The height of the bar of a write, in pixels.
const WRITE_HEIGHT: f64 = 18.0;

/// Returns the CSS class of a bar: `write` or `read`.
pub(super) fn class(call: &Call) -> &'static str {
    if call.is_write() { "write" } else { "read" }
}

/// Returns the possible labels of a bar, the most detailed first.
pub(super) fn names(call: &Call) -> Vec<String> {
    let tries = if 1 < call.tries { format!(" ×{}", call.tries) } else { String::new() };
    let plain = format!("{}{tries}", call.operation);
    match &call.error {
        Some(error) => vec![format!("{plain} · {error}"), plain],
        None => vec![plain],
    }
}

/// Draws the attempts of a call and the waits between them. Adds a cross if the call failed, and a frame if it is a link of the
/// critical path.
pub(super) fn draw(xml: &mut Xml, call: &Call, axis: Axis, position: BarPosition, is_link: bool) {
    let height = if call.is_write() { WRITE_HEIGHT } else { READ_HEIGHT };
    let top = position.y - height / 2.0;
    for wait in waits(call) {
        let from = axis.x(wait.begin);
        rect(xml, "wait", (from, position.y - 4.0), ((axis.x(wait.end) - from).max(0.0), 8.0));
    }
    if call.attempts.is_empty() {
        rect(xml, class(call), (position.from, top), (position.to - position.from, height));
    }
    for attempt in &call.attempts {
        let from = axis.x(attempt.begin);
        let to = axis.x(attempt.end).max(from + 1.5).min(position.to.max(from + 0.5));
        rect(xml, class(call), (from, top), (to - from, height));
    }
    if is_link {
        let (x, width) = (position.from - 2.0, position.to - position.from + 4.0);
        rect(xml, "link", (x, top - 2.0), (width, height + 4.0));
    }
    if call.error.is_some() {
        let d = format!(
            "M{x0} {y0}L{x1} {y1}M{x0} {y1}L{x1} {y0}",
            x0 = super::Px(position.to - 3.5),
            x1 = super::Px(position.to + 3.5),
            y0 = super::Px(position.y - 3.5),
            y1 = super::Px(position.y + 3.5)
        );
        path(xml, "cross-back", &d);
        path(xml, "cross", &d);
    }
}

/// Returns the waits between the attempts.
fn waits(call: &Call) -> impl Iterator<Item = Span> {
    call.attempts.windows(2).map(|pair| Span { begin: pair[0].end, end: pair[1].begin })
}

/// Returns everything that is known about a call, one fact a line. `link` is its number on the critical path, from 1.
pub(super) fn title_text(run: &Run, call: &Call, link: Option<usize>) -> String {
    let kind = if call.is_write() { "write" } else { "read" };
    let (begin, end) = (millis(call.span.begin), millis(call.span.end));
    let mut lines = vec![
        format!("{} {}", call.service, call.operation),
        format!("{kind}, {} ms: from {begin} to {end} ms", millis(call.span.length())),
    ];
    lines.extend(call.error.iter().map(|error| format!("error: {error}")));
    if 1 < call.tries {
        lines.push(words::count(call.tries, "attempt", "attempts"));
        let attempt = |attempt: &Span| format!("at {} for {} ms", millis(attempt.begin), millis(attempt.length()));
        lines.extend(call.attempts.iter().map(attempt));
    }
    match run.steps_of(call).as_slice() {
        [] => {}
        [step] => lines.push(format!("step: {}", step.name)),
        several => {
            lines.push(format!("one of {} parallel steps:", several.len()));
            lines.extend(several.iter().take(8).map(|step| step.name.clone()));
        }
    }
    lines.extend(link.map(|number| format!("link {number} of the critical path")));
    lines.join("\n")
}
