//! Which bars stand in one row.

use super::{ROUNDING, Span};
use std::time::Duration;

/// The lane of each span, which come in the order of their beginnings. There are just as many lanes as spans overlap
/// at the busiest moment; of those that are free, a span takes the one that has been so for longest, which leaves the
/// most room for names.
pub(super) fn lanes(spans: &[Span]) -> Vec<usize> {
    let mut ends = vec![Duration::ZERO; busiest(spans)];
    let lane = |span: &Span| {
        // None is free only if `busiest` were wrong, and then two bars lie over each other.
        let lane = (0..ends.len()).min_by_key(|&lane| ends[lane]).unwrap_or_default();
        ends[lane] = span.end;
        lane
    };
    spans.iter().map(lane).collect()
}

/// How many overlap at most.
fn busiest(spans: &[Span]) -> usize {
    let mut under_way: Vec<Duration> = Vec::new();
    let count = |span: &Span| {
        under_way.retain(|end| span.begin + ROUNDING < *end);
        under_way.push(span.end);
        under_way.len()
    };
    spans.iter().map(count).max().unwrap_or_default()
}
