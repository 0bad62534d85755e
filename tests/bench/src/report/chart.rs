//! The chart: bars for the operations under the longest delay, and for the costs of a start. It supports light and dark mode.

use std::fmt::Write as _;

use super::{
    cell::{digits, megabytes, millis},
    operations::{Row, delays},
};
use crate::{
    operations::Sample,
    results::Results,
    start::Started,
    subject::{Operation, Subject},
};

/// The width of the chart, and its margin.
const WIDTH: f64 = 800.0;
const MARGIN: f64 = 20.0;

/// The height of a bar, and the distance between two bars.
const BAR: f64 = 14.0;
const STEP: f64 = 20.0;

/// The height above the bars of a panel: its title and its subtitle.
const HEAD: f64 = 52.0;

/// The width that is kept free for the text after a bar.
const TEXT: f64 = 130.0;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
struct Bar {
    class: &'static str,
    label: String,
    value: f64,
    text: String,
    /// The position of the minimum, if the bar has one.
    bound: Option<f64>,
}

/// Returns the chart as an SVG.
pub(crate) fn chart(results: &Results) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    if let Some(delay) = delays(&results.operations).last() {
        y = operations(&results.operations, *delay, y, &mut body) + 22.0;
    }
    if !results.start.is_empty() {
        y = starts(&results.start, y, &mut body) + 8.0;
    }
    let height = (y + MARGIN / 2.0).ceil();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n  \
         <title id=\"title\">Costs, compared with the alternatives</title>\n  \
         <desc id=\"desc\">{}</desc>\n{STYLE}  <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n{body}</svg>\n",
        escaped(&described(results))
    )
}

/// Draws the operations below each other, with one bar each for the function, Python and the runbook. Returns the lower end.
fn operations(samples: &[Sample], delay: u64, top: f64, body: &mut String) -> f64 {
    let shown = [(Subject::Ours, "ours"), (Subject::Python, "python"), (Subject::Runbook, "runbook")];
    let groups: Vec<(Operation, Vec<Bar>)> = Operation::ALL
        .into_iter()
        .map(|operation| {
            let bars = shown.iter().filter_map(|&(subject, class)| {
                let row = Row::of(samples, operation, subject)?;
                let value = row.under(delay)?.median;
                let bound = (subject == Subject::Ours && 0 < delay).then(|| row.bound(delay));
                Some(Bar { class, label: subject.name().to_owned(), value, text: millis(value), bound })
            });
            (operation, bars.collect())
        })
        .collect();
    let most = groups.iter().flat_map(|(_, bars)| bars).map(|bar| bar.value).fold(0.0, f64::max);
    let about =
        format!("With {delay} ms added to every call. The line is the chain of calls that must follow each other");
    heading(body, MARGIN, top, "One operation", &about);
    let (left, mut y) = (MARGIN + 275.0, top + HEAD);
    for (operation, bars) in groups.iter().filter(|(_, bars)| !bars.is_empty()) {
        text(body, "name", MARGIN, y + BAR - 3.0, operation.name());
        bars_at(body, bars, (left, 130.0), y, WIDTH - MARGIN - left - TEXT, most);
        y += STEP.mul_add(crate::statistics::as_f64(bars.len()), 10.0);
    }
    y - 10.0
}

/// Draws cold start, memory and size next to each other. Returns the lower end.
fn starts(started: &[Started], top: f64, body: &mut String) -> f64 {
    let named = |subject: Subject| started.iter().find(|started| started.subject == subject);
    let shown = [(Subject::Ours, "ours"), (Subject::Hello, "hello"), (Subject::Python, "python")];
    let ordered: Vec<_> = shown.into_iter().filter_map(|(subject, class)| Some((named(subject)?, class))).collect();
    #[allow(clippy::cast_precision_loss, reason = "bytes of files and processes")]
    let panels: [(&str, &str, Value); 3] = [
        ("Cold start", "exec to first poll", |started| Some((started.cold_ms.median, millis(started.cold_ms.median)))),
        ("Memory", "resident, idle", |started| Some((started.idle.median, megabytes(started.idle.median)))),
        ("Artifact", "zipped", |started| Some((started.zipped as f64, megabytes(started.zipped as f64)))),
    ];
    let width = (WIDTH - 2.0 * MARGIN) / 3.0;
    let mut bottom = top;
    for (index, (title, about, value)) in panels.into_iter().enumerate() {
        let left = width.mul_add(crate::statistics::as_f64(index), MARGIN);
        heading(body, left, top, title, about);
        let bars: Vec<Bar> = ordered
            .iter()
            .filter_map(|(started, class)| {
                let (value, text) = value(started)?;
                Some(Bar { class, label: short(started.subject.name()), value, text, bound: None })
            })
            .collect();
        let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
        bars_at(body, &bars, (left + 62.0, 62.0), top + HEAD, width - 62.0 - 82.0, most);
        bottom = bottom.max(STEP.mul_add(crate::statistics::as_f64(bars.len()), top + HEAD));
    }
    bottom
}

/// Reads a figure of a program, and its text.
type Value = fn(&Started) -> Option<(f64, String)>;

fn short(name: &str) -> String {
    name.split([' ', '-']).next().unwrap_or_default().to_owned()
}

/// Draws bars below each other, from `left` on, with their labels before them. The greatest value is `width` long.
fn bars_at(body: &mut String, bars: &[Bar], (left, labels): (f64, f64), top: f64, width: f64, most: f64) {
    for (index, bar) in bars.iter().enumerate() {
        let y = STEP.mul_add(crate::statistics::as_f64(index), top);
        let long = length(bar.value, most, width);
        text(body, "label", left - labels, y + BAR - 3.0, &bar.label);
        let _ = writeln!(
            body,
            "  <rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{BAR}\" rx=\"2\"/>",
            bar.class,
            digits(left),
            digits(y),
            digits(long)
        );
        let mut end = left + long;
        if let Some(bound) = bar.bound {
            let at = left + length(bound, most, width);
            let _ = writeln!(body, "  <path class=\"bound\" d=\"M{at:.1} {:.1}v{}\"/>", y - 2.0, BAR + 4.0);
            end = end.max(at);
        }
        text(body, if bar.class == "ours" { "value strong" } else { "value" }, end + 6.0, y + BAR - 3.0, &bar.text);
    }
}

/// Returns the length of a bar. It is at least 1, so that every bar is visible.
fn length(value: f64, most: f64, width: f64) -> f64 {
    if 0.0 < most { (value / most * width).clamp(1.0, width) } else { 1.0 }
}

fn heading(body: &mut String, left: f64, top: f64, title: &str, about: &str) {
    text(body, "title", left, top + 14.0, title);
    text(body, "small", left, top + 34.0, about);
}

fn text(body: &mut String, class: &str, x: f64, y: f64, text: &str) {
    let _ = writeln!(body, "  <text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
}

/// Returns the chart in words.
fn described(results: &Results) -> String {
    let mut words = Vec::new();
    if let Some(&delay) = delays(&results.operations).last() {
        for operation in Operation::ALL {
            let times: Vec<_> = [Subject::Ours, Subject::Python, Subject::Runbook]
                .into_iter()
                .filter_map(|subject| {
                    let spread = Row::of(&results.operations, operation, subject)?.under(delay)?;
                    Some(format!("{} {}", subject.name(), millis(spread.median)))
                })
                .collect();
            words.push(format!("{} with {delay} ms on every call: {}.", operation.name(), times.join(", ")));
        }
    }
    let starts = results.start.iter().filter(|it| it.subject != Subject::Baseline);
    let starts: Vec<_> = starts.map(|it| format!("{} {}", it.subject.name(), millis(it.cold_ms.median))).collect();
    if !starts.is_empty() {
        words.push(format!("Cold start: {}.", starts.join(", ")));
    }
    words.join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const STYLE: &str = r#"  <style>
    text { font: 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #1f2328; }
    .title { font-size: 15px; font-weight: 600; }
    .name, .strong { font-weight: 600; }
    .small, .label { font-size: 12px; fill: #57606a; }
    .value { font-size: 12px; }
    .page { fill: #ffffff; }
    .ours { fill: #0969da; }
    .python { fill: #8c959f; }
    .runbook { fill: #c4cbd2; }
    .hello { fill: #a5c8f0; }
    .bound { stroke: #cf222e; stroke-width: 2.5; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .small, .label { fill: #9da7b1; }
      .page { fill: #0d1117; }
      .ours { fill: #58a6ff; }
      .python { fill: #6e7681; }
      .runbook { fill: #424a53; }
      .hello { fill: #1f4b80; }
      .bound { stroke: #f85149; }
    }
  </style>
"#;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::Spread;

    fn started(subject: Subject, ms: f64) -> Started {
        let spread = |value| Spread { min: value, median: value, max: value, runs: 1 };
        Started { subject, cold_ms: spread(ms), idle: spread(9e6), peak: None, unpacked: 10_000_000, zipped: 4_000_000 }
    }

    #[test]
    fn chart_without_results_is_valid() {
        let chart = chart(&Results::new(None));
        assert!(chart.starts_with("<svg") && chart.ends_with("</svg>\n"));
        assert!(!chart.contains("class=\"ours\""));
    }

    #[test]
    fn each_program_has_three_bars() {
        let start = vec![started(Subject::Ours, 12.0), started(Subject::Python, 900.0)];
        let results = Results { start, ..Results::new(None) };
        let chart = chart(&results);
        assert_eq!(chart.matches("<rect class=\"ours\"").count(), 3);
        assert_eq!(chart.matches("<rect class=\"python\"").count(), 3);
        assert!(chart.contains("Cold start: ours 12.0 ms, Python function 900 ms."));
    }

    proptest! {
        #[test]
        fn bar_fits_its_width(value in 0.0..1e9, more in 0.0..1e9, width in 10.0..600.0) {
            let long = length(value, value + more, width);
            prop_assert!((1.0..=width).contains(&long));
        }

        #[test]
        fn longer_bar_means_greater_value(a in 0.0..1e6, b in 0.0..1e6) {
            let most = f64::max(a, b);
            prop_assert!((a <= b) == (length(a, most, 500.0) <= length(b, most, 500.0)) || (a - b).abs() * 500.0 < most * 1.1);
        }
    }
}
