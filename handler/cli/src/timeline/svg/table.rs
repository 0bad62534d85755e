//! The tables: the critical path, and the time of each service.

use super::super::critical::{CriticalPath, PathLink, SegmentKind};
use super::super::{Call, Run};
use super::words::{self, SMALL, length, millis};
use super::xml::{Px, Xml};
use super::{MARGIN, RIGHT, bar, path, rect, write};
use std::time::Duration;

/// The height of a row, in pixels.
const ROW: f64 = 19.0;
/// The maximum number of links in the table. Of a longer path, only the longest links are shown.
const MOST_ROWS: usize = 30;
// The x coordinates of the columns: the right edge of a column of numbers, the left edge of a column of text.
const NUMBER: f64 = MARGIN + 24.0;
const AT: f64 = NUMBER + 62.0;
const SERVICE: f64 = AT + 18.0;
const OPERATION: f64 = SERVICE + 102.0;
const STEP: f64 = OPERATION + 212.0;
const BEFORE: f64 = STEP + 320.0;
const MS: f64 = BEFORE + 66.0;
const BAR: f64 = MS + 10.0;
const BAR_WIDTH: f64 = 40.0;
// The x coordinates of the second table.
const BY_SERVICE: f64 = 916.0;
const CALLS: f64 = RIGHT - 126.0;
const TRIES: f64 = RIGHT - 80.0;
const ON_PATH: f64 = RIGHT;

/// Draws the tables from `y` downwards. Returns the y coordinate below them.
pub(super) fn draw(xml: &mut Xml, run: &Run, critical: &CriticalPath, y: f64) -> f64 {
    let y = shares(xml, run, critical, y + 34.0);
    let links = links(xml, run, critical, y);
    let services = services(xml, run, critical, y);
    let note = "The critical path is computed from the end of the run backwards: the call that ended last, then the \
                call that ended last before it began, and so on. `before it` is the function's own time and its \
                backoffs. The log shows when calls ran, not what they waited for, so parallel chains can look like \
                one. Times are in ms.";
    let mut y = links.max(services) + 10.0;
    for line in words::wrap(note, SMALL, RIGHT - MARGIN, 3) {
        y += 16.0;
        write(xml, "muted", MARGIN, y, &line);
    }
    y
}

/// Draws one line with the shares of calls, waits and own time.
fn shares(xml: &mut Xml, run: &Run, critical: &CriticalPath, y: f64) -> f64 {
    let whole = run.duration();
    let calls = critical.sum(|kind| matches!(kind, SegmentKind::Call(_)));
    let waits = critical.sum(|kind| kind == SegmentKind::Wait);
    let own = critical.sum(|kind| kind == SegmentKind::Own);
    let text = format!(
        "Critical path: {} = calls {} + waits {} + own time {}",
        length(whole),
        share(calls, whole),
        share(waits, whole),
        share(own, whole)
    );
    write(xml, "head", MARGIN, y, &text);
    y + 26.0
}

fn share(part: Duration, whole: Duration) -> String {
    let percent = part.as_secs_f64() / whole.as_secs_f64().max(1e-9) * 100.0;
    format!("{} ({percent:.0} %)", length(part))
}

fn links(xml: &mut Xml, run: &Run, critical: &CriticalPath, top: f64) -> f64 {
    let heads = [("", "service", SERVICE), ("", "operation", OPERATION), ("", "step of the plan", STEP)];
    let numbers =
        [(" right", "#", NUMBER), (" right", "at", AT), (" right", "before it", BEFORE), (" right", "call", MS)];
    for (class, text, x) in heads.into_iter().chain(numbers) {
        write(xml, &format!("muted{class}"), x, top, text);
    }
    let end = BAR + BAR_WIDTH;
    path(xml, "grid", &format!("M{} {}H{}", Px(MARGIN), Px(top + 6.0), Px(end)));
    let shown = longest(&critical.links);
    let longest = critical.links.iter().map(|link| link.span.length()).max().unwrap_or_default();
    let mut y = top + ROW + 2.0;
    for (number, link) in critical.links.iter().enumerate().filter(|(number, _)| shown[*number]) {
        xml.open("g", &[("class", &"row")]);
        xml.text("title", &[], &bar::title_text(run, &run.calls[link.call], Some(number + 1)));
        write(xml, "muted right", NUMBER, y, &(number + 1).to_string());
        row(xml, run, *link, longest, y);
        xml.close();
        y += ROW;
    }
    let hidden: Vec<_> =
        critical.links.iter().zip(&shown).filter(|(_, shown)| !**shown).map(|(link, _)| link).collect();
    if !hidden.is_empty() {
        write(xml, "muted", SERVICE, y, &format!("{} shorter links", hidden.len()));
        write(xml, "muted right", BEFORE, y, &millis(hidden.iter().map(|link| link.before).sum()));
        write(xml, "muted right", MS, y, &millis(hidden.iter().map(|link| link.span.length()).sum()));
        y += ROW;
    }
    sum(xml, run, critical, y)
}

/// Draws the last rows: the time after the last link, and the total, which is the duration of the run.
fn sum(xml: &mut Xml, run: &Run, critical: &CriticalPath, mut y: f64) -> f64 {
    let called: Duration = critical.links.iter().map(|link| link.span.length()).sum();
    let before: Duration = critical.links.iter().map(|link| link.before).sum();
    let after = run.duration().saturating_sub(called + before);
    if !after.is_zero() {
        write(xml, "muted", SERVICE, y, if run.outcome.is_some() { "to the outcome" } else { "to the end of the log" });
        write(xml, "right", BEFORE, y, &millis(after));
        y += ROW;
    }
    path(xml, "grid", &format!("M{} {}H{}", Px(MARGIN), Px(y - 13.0), Px(BAR + BAR_WIDTH)));
    write(xml, "name", SERVICE, y + 2.0, &format!("{} total", millis(run.duration())));
    write(xml, "name right", BEFORE, y + 2.0, &millis(before + after));
    write(xml, "name right", MS, y + 2.0, &millis(called));
    y + 2.0
}

/// Draws the columns of a link, except its number. `longest` is the time of the longest link, whose bar has the full width.
fn row(xml: &mut Xml, run: &Run, link: PathLink, longest: Duration, y: f64) {
    let call = &run.calls[link.call];
    write(xml, "muted right", AT, y, &millis(link.span.begin));
    write(xml, "", SERVICE, y, &words::cut(&call.service, SMALL, OPERATION - SERVICE - 6.0));
    let names = bar::names(call);
    let room = STEP - OPERATION - 8.0;
    let fits = names.iter().find(|name| words::width(name, SMALL) <= room);
    let name = words::cut(fits.unwrap_or(&names[names.len() - 1]), SMALL, room);
    write(xml, if call.error.is_some() { "failed" } else { "" }, OPERATION, y, &name);
    write(xml, "muted", STEP, y, &words::cut(&step(run, call), SMALL, BEFORE - STEP - 52.0));
    write(xml, "right", BEFORE, y, &millis(link.before));
    write(xml, "right", MS, y, &millis(link.span.length()));
    let share = link.span.length().as_secs_f64() / longest.as_secs_f64().max(1e-9);
    rect(xml, bar::class(call), (BAR, y - 8.0), ((share * BAR_WIDTH).max(0.5), 8.0));
}

fn step(run: &Run, call: &Call) -> String {
    match run.steps_of(call).as_slice() {
        [] => String::new(),
        [step] => without_arns(&step.name),
        several => format!("one of {} parallel steps", several.len()),
    }
}

/// Shortens ARNs to `…/` and their last part, which distinguishes them.
fn without_arns(text: &str) -> String {
    let short =
        |word: &str| match word.trim_start_matches('`').strip_prefix("arn:").and_then(|arn| arn.rsplit_once('/')) {
            Some((_, last)) => format!("{}…/{last}", if word.starts_with('`') { "`" } else { "" }),
            None => word.to_owned(),
        };
    text.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

/// Returns which links are among the [`MOST_ROWS`] longest.
fn longest(links: &[PathLink]) -> Vec<bool> {
    let mut order: Vec<_> = (0..links.len()).collect();
    order.sort_by_key(|&link| (std::cmp::Reverse(links[link].span.length()), link));
    let mut shown = vec![false; links.len()];
    for link in order.into_iter().take(MOST_ROWS) {
        shown[link] = true;
    }
    shown
}

fn services(xml: &mut Xml, run: &Run, critical: &CriticalPath, top: f64) -> f64 {
    let mut services: Vec<_> = run.calls.iter().map(|call| call.service.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let time_on_path = |service: &str| -> Duration {
        let is_of_service = |link: &usize| run.calls[critical.links[*link].call].service == service;
        (0..critical.links.len()).filter(is_of_service).map(|link| critical.call_time(link)).sum()
    };
    let mut rows: Vec<_> = services.into_iter().map(|service| (time_on_path(service), service)).collect();
    // The sort is stable: services with equal time stay in the order of their names.
    rows.sort_by_key(|(on_path, _)| std::cmp::Reverse(*on_path));
    write(xml, "muted", BY_SERVICE, top, "service");
    for (text, x) in [("calls", CALLS), ("tries", TRIES), ("on the path", ON_PATH)] {
        write(xml, "muted right", x, top, text);
    }
    path(xml, "grid", &format!("M{} {}H{}", Px(BY_SERVICE), Px(top + 6.0), Px(RIGHT)));
    let mut y = top + ROW + 2.0;
    for (on_path, service) in rows {
        let calls = || run.calls.iter().filter(|call| call.service == service);
        let tries: u64 = calls().map(|call| u64::from(call.tries)).sum();
        write(xml, "", BY_SERVICE, y, &words::cut(service, SMALL, CALLS - BY_SERVICE - 34.0));
        write(xml, "right", CALLS, y, &calls().count().to_string());
        write(xml, "right", TRIES, y, &tries.to_string());
        write(xml, "right", ON_PATH, y, &millis(on_path));
        y += ROW;
    }
    y - ROW
}
