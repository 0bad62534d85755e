//! The critical path: the calls that determined how long a run took.
//!
//! The path is computed from the end of the run backwards. It starts with the call that ended last. The call before it is the
//! call that ended last before it began, and so on. The function mostly waits for calls, and after parallel calls it waits for
//! the slowest. So the call that ended last is most likely the call that the next one waited for. If a call on the path gets
//! shorter, the run gets shorter, until another call is the slowest.
//!
//! The path can be wrong, because the log shows when calls ran, not what they waited for:
//!
//! - Two parallel chains that do not depend on each other look like one, if a call of the first ends just before a call of the
//!   second begins.
//! - A call can also wait for computation, for a backoff, or for the limit of parallel calls. A backoff that is in the log counts
//!   as a wait. All other time between two calls counts as the function's own time.

use super::{Call, Event, EventKind, ROUNDING, Run, Span};
use std::time::Duration;

/// The calls that a run waited for, and the time between them.
#[derive(Debug, Default)]
pub(super) struct CriticalPath {
    /// The calls on the path, in order. They do not overlap.
    pub(super) links: Vec<PathLink>,
    /// The run, divided by what the time went into: in order, without gaps and overlaps.
    pub(super) segments: Vec<Segment>,
}

/// A call on the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PathLink {
    /// The index in [`Run::calls`].
    pub(super) call: usize,
    /// The time of the call. It starts no earlier than the previous link ends, although rounded times can overlap.
    pub(super) span: Span,
    /// The time between the previous link and this one.
    pub(super) before: Duration,
}

/// A part of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Segment {
    /// Its time; never empty.
    pub(super) span: Span,
    /// What the time went into.
    pub(super) kind: SegmentKind,
}

/// What the time of a segment went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentKind {
    /// A call, by its index in [`CriticalPath::links`].
    Call(usize),
    /// A wait between two attempts of a call, or a backoff of the function.
    Wait,
    /// The function's own time: everything else.
    Own,
}

impl CriticalPath {
    /// Computes the path of a run.
    pub(super) fn from_run(run: &Run) -> Self {
        let backoffs = backoffs(run);
        let mut path = Self::default();
        let mut now = Duration::ZERO;
        for call in path_calls(&run.calls) {
            let Span { begin, end } = run.calls[call].span;
            let span = Span { begin: begin.max(now), end: end.max(now) };
            path.add_gap(Span { begin: now, end: span.begin }, &backoffs);
            path.add_call(&run.calls[call], span);
            path.links.push(PathLink { call, span, before: span.begin.saturating_sub(now) });
            now = span.end;
        }
        path.add_gap(Span { begin: now, end: run.duration().max(now) }, &backoffs);
        path
    }

    /// Returns the total time of the segments whose kind satisfies `is`.
    pub(super) fn sum(&self, is: impl Fn(SegmentKind) -> bool) -> Duration {
        self.segments.iter().filter(|segment| is(segment.kind)).map(|segment| segment.span.length()).sum()
    }

    /// Returns the time of a link, without the waits between its attempts.
    pub(super) fn call_time(&self, link: usize) -> Duration {
        self.sum(|kind| kind == SegmentKind::Call(link))
    }

    fn push(&mut self, begin: Duration, end: Duration, kind: SegmentKind) {
        if begin < end {
            self.segments.push(Segment { span: Span { begin, end }, kind });
        }
    }

    /// Adds the time between two links: waits during backoffs, own time otherwise.
    fn add_gap(&mut self, gap: Span, backoffs: &[Span]) {
        let mut now = gap.begin;
        for backoff in backoffs {
            let (begin, end) = (backoff.begin.clamp(now, gap.end), backoff.end.clamp(now, gap.end));
            self.push(now, begin, SegmentKind::Own);
            self.push(begin, end, SegmentKind::Wait);
            now = end;
        }
        self.push(now, gap.end, SegmentKind::Own);
    }

    /// Adds the attempts of a call, with the waits between them.
    fn add_call(&mut self, call: &Call, span: Span) {
        let kind = SegmentKind::Call(self.links.len());
        let mut now = span.begin;
        for (index, attempt) in call.attempts.iter().enumerate() {
            let (begin, end) = (attempt.begin.clamp(now, span.end), attempt.end.clamp(now, span.end));
            self.push(now, begin, if index == 0 { kind } else { SegmentKind::Wait });
            self.push(begin, end, kind);
            now = end;
        }
        self.push(now, span.end, kind);
    }
}

/// Returns the indexes of the calls on the path, in order.
fn path_calls(calls: &[Call]) -> Vec<usize> {
    let mut by_end: Vec<_> = (0..calls.len()).collect();
    by_end.sort_by_key(|&call| (calls[call].span.end, calls[call].span.begin, call));
    let mut path: Vec<usize> = Vec::new();
    for &call in by_end.iter().rev() {
        let is_before = path.last().is_none_or(|&next| calls[call].span.end <= calls[next].span.begin + ROUNDING);
        if is_before {
            path.push(call);
        }
    }
    path.reverse();
    path
}

/// Returns the backoffs of the function, in order.
fn backoffs(run: &Run) -> Vec<Span> {
    let backoff = |event: &Event| match event.kind {
        EventKind::Backoff { length, .. } => Some(Span { begin: event.at, end: event.at + length }),
        _ => None,
    };
    run.events.iter().filter_map(backoff).collect()
}
