//! Assigns bars to rows, so that no two bars of a row overlap.

use super::{ROUNDING, Span};
use std::time::Duration;

/// Returns the lane of each span. `spans` must be sorted by their start.
///
/// There are as many lanes as spans overlap at the busiest moment. A span gets the free lane that has been free for the longest
/// time, because this leaves the most room for labels.
pub(super) fn lanes(spans: &[Span]) -> Vec<usize> {
    let mut ends = vec![Duration::ZERO; max_overlap(spans)];
    let lane = |span: &Span| {
        // `max_overlap` guarantees a free lane. If it were wrong, two bars would overlap in the picture.
        let lane = (0..ends.len()).min_by_key(|&lane| ends[lane]).unwrap_or_default();
        ends[lane] = span.end;
        lane
    };
    spans.iter().map(lane).collect()
}

/// Returns the largest number of spans that overlap at one moment.
fn max_overlap(spans: &[Span]) -> usize {
    let mut open_ends: Vec<Duration> = Vec::new();
    let overlap = |span: &Span| {
        open_ends.retain(|end| span.begin + ROUNDING < *end);
        open_ends.push(span.end);
        open_ends.len()
    };
    spans.iter().map(overlap).max().unwrap_or_default()
}
