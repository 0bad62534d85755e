//! The header: the operation, its result, the figures, and what failed.

use super::super::{Run, Step};
use super::words::{self, BOLD, SMALL, count, length};
use super::xml::{Px, Xml};
use super::{MARGIN, RIGHT, WIDTH, write};

/// The font size of the title, in pixels.
const TITLE: f64 = 20.0;
/// The height of a line of text, in pixels.
const LINE: f64 = 17.0;
/// The maximum number of lines for the reason of a failure. A reason has up to 4,096 bytes. The `<title>` of the badge has all of
/// it.
const MOST_LINES: usize = 5;

/// Draws the header at the top of the picture. Returns the y coordinate below it.
pub(super) fn draw(xml: &mut Xml, run: &Run) -> f64 {
    let mut y = MARGIN + 18.0;
    let badge = badge(run);
    let badge_width = words::width(&badge, SMALL * BOLD) + 20.0;
    let title = words::cut(&title(run), TITLE * BOLD, WIDTH - 2.0 * MARGIN - badge_width - 16.0);
    write(xml, "title", MARGIN, y, &title);
    xml.open("g", &[]);
    if let Some(reason) = run.outcome.as_ref().and_then(|outcome| outcome.reason.as_deref()) {
        xml.text("title", &[], reason);
    }
    let class = match run.status() {
        "SUCCESS" if is_delivered(run) => "ok",
        "FAILED" => "bad",
        _ => "odd",
    };
    xml.leaf(
        "rect",
        &[
            ("class", &class),
            ("x", &Px(RIGHT - badge_width)),
            ("y", &Px(y - 17.0)),
            ("width", &Px(badge_width)),
            ("height", &22),
            ("rx", &11),
        ],
    );
    write(xml, "badge", RIGHT - badge_width / 2.0, y - 2.0, &badge);
    xml.close();
    y += 22.0;
    for line in words::wrap(&facts(run).join(" · "), SMALL, RIGHT - MARGIN, 3) {
        write(xml, "muted", MARGIN, y, &line);
        y += LINE;
    }
    for (class, text) in notes(run) {
        y += 3.0;
        for line in words::wrap(&text, SMALL, RIGHT - MARGIN, MOST_LINES) {
            write(xml, class, MARGIN, y, &line);
            y += LINE;
        }
    }
    y
}

/// Draws the text that replaces the chart if the log has no calls. Returns the y coordinate below it.
pub(super) fn no_calls(xml: &mut Xml, y: f64) -> f64 {
    write(xml, "head", MARGIN, y + 24.0, "The log has no calls of this run.");
    let why =
        format!("Version {} of the function logs each call when it ends, at level INFO.", env!("CARGO_PKG_VERSION"));
    write(xml, "muted", MARGIN, y + 24.0 + LINE, &why);
    y + 24.0 + 2.0 * LINE
}

/// Returns the title: operation, resource and stack.
pub(super) fn title(run: &Run) -> String {
    format!("{} of {} in stack {}", run.operation, run.logical_resource_id, run.stack_name())
}

/// Returns the figures of the run, its start, and the id of the request.
pub(super) fn facts(run: &Run) -> Vec<String> {
    let number = |number: usize, one, many| count(u64::try_from(number).unwrap_or(u64::MAX), one, many);
    let mut facts = vec![
        number(run.calls.len(), "call", "calls"),
        number(run.writes(), "write", "writes"),
        count(run.retries(), "retry", "retries"),
        number(run.failed_calls(), "failed call", "failed calls"),
    ];
    if !run.steps.is_empty() {
        let done = run.steps.iter().filter(|step| step.error.is_none()).count();
        facts.push(number(done, "step done", "steps done"));
        if done < run.steps.len() {
            facts.push(number(run.steps.len() - done, "failed step", "failed steps"));
        }
    }
    facts.push(format!("began {}", run.began.strftime("%Y-%m-%d %H:%M:%S%.3f UTC")));
    if !run.request_id.is_empty() {
        facts.push(format!("request {}", run.request_id));
    }
    facts
}

fn is_delivered(run: &Run) -> bool {
    run.outcome.as_ref().is_some_and(|outcome| outcome.delivered)
}

fn badge(run: &Run) -> String {
    let delivery = if run.outcome.is_some() && !is_delivered(run) { ", not delivered" } else { "" };
    // A log can contain any status, of any length.
    words::cut(&format!("{}{delivery} · {}", run.status(), length(run.duration())), SMALL, 240.0)
}

/// Returns what went wrong, each text with its CSS class.
fn notes(run: &Run) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    match &run.outcome {
        None => notes.push((
            "odd",
            "The log ends before the run: the function was killed, still runs, or the log is incomplete. Calls that \
             were in progress are not shown."
                .to_owned(),
        )),
        Some(outcome) => notes.extend(outcome.reason.iter().map(|reason| ("", reason.clone()))),
    }
    let failed = |step: &Step| Some(format!("Failed step: {}: {}", step.name, step.error.as_deref()?));
    let reason = run.outcome.as_ref().and_then(|outcome| outcome.reason.as_deref()).unwrap_or_default();
    // The reason usually contains the error of the step that ended the run.
    let is_unreported = |step: &&Step| step.error.as_deref().is_some_and(|error| !reason.contains(error));
    notes.extend(run.steps.iter().filter(is_unreported).filter_map(failed).take(3).map(|text| ("muted", text)));
    notes
}
