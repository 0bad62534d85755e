//! The chart: the time axis, the events of the run, the critical path as a strip, and the lanes of each service.

use super::super::critical::{CriticalPath, SegmentKind};
use super::super::lanes::lanes;
use super::super::{Event, EventKind, Run};
use super::axis::Axis;
use super::bar::{self, BarPosition};
use super::labels::{self, Side};
use super::words::{self, BOLD, SMALL, length, millis};
use super::xml::{Px, Xml};
use super::{LEFT, MARGIN, RIGHT, WIDTH, path, rect, write};

/// The height of a lane, in pixels.
const LANE: f64 = 23.0;
/// The space above and below the lanes of a service, in pixels.
const SPACE: f64 = 4.0;
/// The order of the services: the order in which a run first calls them. Others follow by name.
const SERVICES: [&str; 7] = ["EKS", "IAM", "EC2", "CloudFormation", "STS", "Kubernetes", "S3"];

/// A run, its critical path, and the scale.
#[derive(Clone, Copy)]
struct Chart<'a> {
    run: &'a Run,
    critical: &'a CriticalPath,
    axis: Axis,
}

/// A service with its calls.
struct Group<'a> {
    service: &'a str,
    /// Indexes in [`Run::calls`].
    calls: Vec<usize>,
    /// The lane of each call.
    lanes: Vec<usize>,
    /// The top edge.
    y: f64,
    height: f64,
}

/// Draws the chart from `y` downwards. Returns the y coordinate below it.
pub(super) fn draw(xml: &mut Xml, run: &Run, critical: &CriticalPath, y: f64) -> f64 {
    let axis = Axis::new(run.duration());
    let top = legend(xml, run, y + 12.0) + 26.0;
    let strip = top + if run.events.is_empty() { 8.0 } else { 26.0 };
    let groups = groups(run, strip + 36.0);
    let bottom = groups.last().map_or(strip, |group| group.y + group.height);

    for group in groups.iter().step_by(2) {
        rect(xml, "band", (MARGIN, group.y), (WIDTH - 2.0 * MARGIN, group.height));
    }
    for tick in axis.ticks() {
        path(xml, "grid", &format!("M{} {}V{}", Px(tick.x), Px(top), Px(bottom)));
        write(xml, "tick", tick.x, top - 6.0, &tick.label);
    }
    draw_end(xml, run, axis, top, bottom);
    draw_events(xml, run, axis, top, bottom);
    let chart = Chart { run, critical, axis };
    draw_strip(xml, chart, strip);

    let positions = positions(run, &groups, axis);
    draw_connectors(xml, chart, &positions);
    for group in &groups {
        draw_group(xml, chart, group, &positions);
    }
    bottom
}

/// Returns the services in order, each with its calls in lanes. `top` is the top edge of the first one.
fn groups(run: &Run, top: f64) -> Vec<Group<'_>> {
    let mut services: Vec<_> = run.calls.iter().map(|call| call.service.as_str()).collect();
    let known = |service: &str| SERVICES.iter().position(|known| *known == service).unwrap_or(SERVICES.len());
    services.sort_by_key(|service| (known(service), *service));
    services.dedup();
    let mut y = top;
    let group = |service| {
        let calls: Vec<_> = (0..run.calls.len()).filter(|&call| run.calls[call].service == service).collect();
        let spans: Vec<_> = calls.iter().map(|&call| run.calls[call].span).collect();
        let lanes = lanes(&spans);
        let count = lanes.iter().max().map_or(0, |most| most + 1);
        let height = (0..count).map(|_| LANE).sum::<f64>() + 2.0 * SPACE;
        let group = Group { service, calls, lanes, y, height };
        y += height;
        group
    };
    services.into_iter().map(group).collect()
}

/// Returns the position of each call. A short call gets a bar of 2 pixels, or less if the next bar of its lane starts earlier.
fn positions(run: &Run, groups: &[Group<'_>], axis: Axis) -> Vec<BarPosition> {
    let mut positions = vec![BarPosition { from: LEFT, to: LEFT, y: 0.0 }; run.calls.len()];
    for group in groups {
        let mut next: Vec<f64> = Vec::new();
        for (&call, &lane) in group.calls.iter().zip(&group.lanes).rev() {
            if next.len() <= lane {
                next.resize(lane + 1, RIGHT);
            }
            let span = run.calls[call].span;
            let from = axis.x(span.begin);
            let to = axis.x(span.end).max((from + 2.0).min(next[lane])).max(from + 0.5);
            next[lane] = from;
            let y = group.y + SPACE + (0..lane).map(|_| LANE).sum::<f64>() + LANE / 2.0;
            positions[call] = BarPosition { from, to, y };
        }
    }
    positions
}

fn draw_group(xml: &mut Xml, Chart { run, critical, axis }: Chart<'_>, group: &Group<'_>, positions: &[BarPosition]) {
    let y = group.y + SPACE + LANE / 2.0 + 4.0;
    write(xml, "name", MARGIN + 8.0, y, &words::cut(group.service, SMALL * BOLD, LEFT - MARGIN - 48.0));
    write(xml, "muted right", LEFT - 14.0, y, &group.calls.len().to_string());
    let link = |call: usize| critical.links.iter().position(|link| link.call == call).map(|link| link + 1);
    for &call in &group.calls {
        let (number, position) = (link(call), positions[call]);
        let call = &run.calls[call];
        xml.open("g", &[("class", &"call")]);
        xml.text("title", &[], &bar::title_text(run, call, number));
        bar::draw(xml, call, axis, position, number.is_some());
        xml.close();
    }
    let lanes = group.lanes.iter().max().map_or(0, |most| most + 1);
    for lane in 0..lanes {
        let calls: Vec<_> = group.calls.iter().zip(&group.lanes).filter(|(_, other)| **other == lane).collect();
        let bars: Vec<_> = calls.iter().map(|(call, _)| label_bar(run, **call, positions[**call])).collect();
        for ((call, _), label) in calls.iter().zip(labels::place(&bars, LEFT, RIGHT + MARGIN - 8.0)) {
            let (is_write, position) = (run.calls[**call].is_write(), positions[**call]);
            let is_inside = label.as_ref().is_some_and(|label| label.side == Side::Inside);
            if let Some(number) = link(**call).filter(|_| !is_inside && run.calls[**call].attempts.len() < 2) {
                draw_number(xml, number, is_write, position);
            }
            let Some(label) = label else { continue };
            let class = match label.side {
                Side::Inside if is_write => "label inside on-write",
                Side::Inside => "label inside",
                Side::Left => "label right",
                Side::Right => "label",
            };
            write(xml, class, label.x, position.y + 3.8, &label.text);
        }
    }
}

/// Returns the bar of a call for the placement of its label. The bar of a failed call is extended, because its cross is wider.
fn label_bar(run: &Run, call: usize, position: BarPosition) -> labels::Bar {
    let call = &run.calls[call];
    let cross = if call.error.is_some() { 5.0 } else { 0.0 };
    let can_contain_label = call.attempts.len() < 2;
    labels::Bar { from: position.from, to: position.to + cross, can_contain_label, names: bar::names(call) }
}

/// Draws lines from the end of each link to the start of the next.
fn draw_connectors(xml: &mut Xml, Chart { critical, axis, .. }: Chart<'_>, positions: &[BarPosition]) {
    for pair in critical.links.windows(2) {
        let (from, to) = (positions[pair[0].call], positions[pair[1].call]);
        let d = format!("M{} {}H{}V{}", Px(axis.x(pair[0].span.end)), Px(from.y), Px(to.from - 1.0), Px(to.y));
        path(xml, "connector", &d);
    }
}

/// Draws the critical path as one strip of calls, waits and own time.
fn draw_strip(xml: &mut Xml, Chart { run, critical, axis }: Chart<'_>, y: f64) {
    write(xml, "name", MARGIN + 8.0, y + 14.0, "Critical path");
    write(xml, "muted right", LEFT - 14.0, y + 14.0, &critical.links.len().to_string());
    for segment in &critical.segments {
        let (from, to) = (axis.x(segment.span.begin), axis.x(segment.span.end));
        let (begin, end) = (millis(segment.span.begin), millis(segment.span.end));
        let when = format!("{} ms: from {begin} to {end} ms", millis(segment.span.length()));
        xml.open("g", &[]);
        match segment.kind {
            SegmentKind::Call(link) => {
                let call = &run.calls[critical.links[link].call];
                xml.text("title", &[], &bar::title_text(run, call, Some(link + 1)));
                let height = if call.is_write() { 18.0 } else { 14.0 };
                rect(xml, bar::class(call), (from, y + 10.0 - height / 2.0), (to - from, height));
                draw_number(xml, link + 1, call.is_write(), BarPosition { from, to, y: y + 10.0 });
            }
            SegmentKind::Wait => {
                xml.text("title", &[], &format!("waiting, {when}"));
                rect(xml, "wait", (from, y + 5.0), (to - from, 10.0));
            }
            SegmentKind::Own => {
                xml.text("title", &[], &format!("the function's own time, {when}"));
                rect(xml, "own", (from, y + 8.0), (to - from, 4.0));
            }
        }
        xml.close();
    }
    path(xml, "connector", &format!("M{} {}H{}", Px(LEFT), Px(y + 23.0), Px(axis.x(run.duration()))));
}

/// Draws the number of a link inside its bar, if it fits.
fn draw_number(xml: &mut Xml, number: usize, is_write: bool, position: BarPosition) {
    let (BarPosition { from, to, y }, number) = (position, number.to_string());
    if words::width(&number, 10.5) + 2.0 <= to - from {
        let class = if is_write { "number on-write" } else { "number" };
        write(xml, class, f64::midpoint(from, to), y + 3.6, &number);
    }
}

/// Draws a line where the run ends, or where the log ends if the run has no outcome.
fn draw_end(xml: &mut Xml, run: &Run, axis: Axis, top: f64, bottom: f64) {
    let x = axis.x(run.duration());
    let class = if run.outcome.is_some() { "end" } else { "broken" };
    path(xml, class, &format!("M{} {}V{}", Px(x), Px(top - 3.0), Px(bottom)));
    if run.outcome.is_none() {
        write(xml, "failed right", x - 5.0, bottom - 6.0, "the log ends here");
    }
}

/// Draws plans as vertical lines through the chart, and backoffs and warnings in the row below the axis.
fn draw_events(xml: &mut Xml, run: &Run, axis: Axis, top: f64, bottom: f64) {
    let y = top + 13.0;
    let mut taken = LEFT;
    // SVG paints in the order of the document. Backoffs are first, so that they do not cover labels.
    let is_backoff = |event: &&Event| matches!(event.kind, EventKind::Backoff { .. });
    let backoffs = run.events.iter().filter(is_backoff);
    for Event { at, kind } in backoffs.chain(run.events.iter().filter(|event| !is_backoff(event))) {
        let x = axis.x(*at);
        xml.open("g", &[]);
        match kind {
            EventKind::Plan { steps } => {
                let name =
                    format!("plan: {}", words::count(u64::try_from(steps.len()).unwrap_or(u64::MAX), "step", "steps"));
                let title = format!("{name}, at {} ms\n{}", millis(*at), steps.join("\n"));
                xml.text("title", &[], title.trim_end());
                path(xml, "plan", &format!("M{} {}V{}", Px(x), Px(top), Px(bottom)));
                let width = words::width(&name, SMALL * BOLD);
                let text = if x + 5.0 + width <= RIGHT { x + 5.0 } else { x - 5.0 - width };
                if taken <= text {
                    write(xml, "label plan-name", text, y + 4.0, &name);
                    taken = text + width + 6.0;
                }
            }
            EventKind::Backoff { length: backoff, reason } => {
                let title = format!("backoff of {} from {} ms\n{reason}", length(*backoff), millis(*at));
                xml.text("title", &[], &title);
                rect(xml, "wait", (x, y - 4.0), (axis.x(*at + *backoff) - x, 8.0));
            }
            EventKind::Warning(text) => {
                xml.text("title", &[], &format!("warning at {} ms\n{text}", millis(*at)));
                let d = format!("M{} {}l6.5 11h-13z", Px(x), Px(y - 6.0));
                path(xml, "warning", &d);
            }
        }
        xml.close();
    }
}

/// Draws the legend. Returns the y coordinate below it.
fn legend(xml: &mut Xml, run: &Run, y: f64) -> f64 {
    let mut x = MARGIN;
    let mut entry = |xml: &mut Xml, symbol: &dyn Fn(&mut Xml, f64), width: f64, text: &str| {
        symbol(xml, x);
        write(xml, "muted", x + width + 6.0, y + 4.0, text);
        x += width + words::width(text, SMALL) + 26.0;
    };
    entry(xml, &|xml, x| rect(xml, "read", (x, y - 6.5), (24.0, 13.0)), 24.0, "read");
    entry(xml, &|xml, x| rect(xml, "write", (x, y - 9.0), (24.0, 18.0)), 24.0, "write");
    let cross = |xml: &mut Xml, x: f64| {
        let d = format!("M{x0} {}l7 7M{x0} {}l7 -7", Px(y - 3.5), Px(y + 3.5), x0 = Px(x + 1.0));
        path(xml, "cross", &d);
    };
    entry(xml, &cross, 9.0, "failed");
    entry(xml, &|xml, x| rect(xml, "wait", (x, y - 4.0), (24.0, 8.0)), 24.0, "wait before a retry");
    entry(xml, &|xml, x| rect(xml, "link", (x, y - 7.0), (24.0, 14.0)), 24.0, "on the critical path");
    entry(xml, &|xml, x| rect(xml, "own", (x, y - 2.0), (24.0, 4.0)), 24.0, "the function's own time");
    if run.events.iter().any(|event| matches!(event.kind, EventKind::Plan { .. })) {
        let plan = |xml: &mut Xml, x: f64| path(xml, "plan", &format!("M{} {}v20", Px(x + 2.0), Px(y - 10.0)));
        entry(xml, &plan, 4.0, "plan");
    }
    if run.events.iter().any(|event| matches!(event.kind, EventKind::Warning(_))) {
        let warning =
            |xml: &mut Xml, x: f64| path(xml, "warning", &format!("M{} {}l6.5 11h-13z", Px(x + 6.5), Px(y - 6.0)));
        entry(xml, &warning, 13.0, "warning");
    }
    y + 9.0
}
