//! What determined how long a run took.
//!
//! The critical path is read from the run's end backwards: the last call that ended, then, each time, the call that
//! ended last before the present one began. The function does little but wait for calls, and after several side by
//! side it waits for the slowest; so what ended last before a call began is most likely what the call waited for, and
//! making a link shorter makes the run shorter, until another call is the slowest.
//!
//! It may err, since the log tells when calls were made and not why. Two chains side by side that do not wait for
//! each other look like one where a call of the one happens to end just before a call of the other begins. What held
//! a call back need not be a call: computing, a back-off, a limit on how many run at once. Where a back-off is in the
//! log it counts as waiting; everything else between two links is called the function's own time.

use super::{Call, ROUNDING, Run, Span, What};
use std::time::Duration;

/// The calls that a run waited for, and the time between them.
#[derive(Debug, Default)]
pub(super) struct CriticalPath {
    /// In order; they do not overlap.
    pub(super) links: Vec<Link>,
    /// Every moment of the run, once, in order.
    pub(super) stretches: Vec<Stretch>,
}

/// A call on the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    /// Its place in [`Run::calls`].
    pub(super) call: usize,
    /// The call's span, less what of it overlaps the link before by rounding.
    pub(super) span: Span,
    /// How long the function took, or waited by its own decision, before it.
    pub(super) before: Duration,
}

/// A piece of the run's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// From and to.
    pub(super) span: Span,
    /// What the time went into.
    pub(super) kind: Kind,
}

/// What time goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A call, by the link's place in the path.
    Call(usize),
    /// Waiting between two tries of a call, or before a step is tried again.
    Wait,
    /// What is left: the function's own time.
    Own,
}

impl CriticalPath {
    /// Reads it out of `run`.
    pub(super) fn of(run: &Run) -> Self {
        let pauses = pauses(run);
        let mut path = Self::default();
        let mut now = Duration::ZERO;
        for call in chain(&run.calls) {
            let Span { begin, end } = run.calls[call].span;
            let span = Span { begin: begin.max(now), end: end.max(now) };
            path.gap(Span { begin: now, end: span.begin }, &pauses);
            path.call(&run.calls[call], span);
            path.links.push(Link { call, span, before: span.begin.saturating_sub(now) });
            now = span.end;
        }
        path.gap(Span { begin: now, end: run.duration().max(now) }, &pauses);
        path
    }

    /// How much of the run's time went into what `is` says.
    pub(super) fn sum(&self, is: impl Fn(Kind) -> bool) -> Duration {
        self.stretches.iter().filter(|stretch| is(stretch.kind)).map(|stretch| stretch.span.length()).sum()
    }

    /// The time of a link that went into calls, without the waits between its tries.
    pub(super) fn called(&self, link: usize) -> Duration {
        self.sum(|kind| kind == Kind::Call(link))
    }

    fn push(&mut self, begin: Duration, end: Duration, kind: Kind) {
        if begin < end {
            self.stretches.push(Stretch { span: Span { begin, end }, kind });
        }
    }

    /// Own time, but for the pauses in it.
    fn gap(&mut self, gap: Span, pauses: &[Span]) {
        let mut now = gap.begin;
        for pause in pauses {
            let (begin, end) = (pause.begin.clamp(now, gap.end), pause.end.clamp(now, gap.end));
            self.push(now, begin, Kind::Own);
            self.push(begin, end, Kind::Wait);
            now = end;
        }
        self.push(now, gap.end, Kind::Own);
    }

    fn call(&mut self, call: &Call, span: Span) {
        let kind = Kind::Call(self.links.len());
        let mut now = span.begin;
        for (index, attempt) in call.attempts.iter().enumerate() {
            let (begin, end) = (attempt.begin.clamp(now, span.end), attempt.end.clamp(now, span.end));
            self.push(now, begin, if index == 0 { kind } else { Kind::Wait });
            self.push(begin, end, kind);
            now = end;
        }
        self.push(now, span.end, kind);
    }
}

/// The path's calls, first to last.
fn chain(calls: &[Call]) -> Vec<usize> {
    let mut by_end: Vec<_> = (0..calls.len()).collect();
    by_end.sort_by_key(|&call| (calls[call].span.end, calls[call].span.begin, call));
    let mut chain: Vec<usize> = Vec::new();
    for &call in by_end.iter().rev() {
        let follows = chain.last().is_none_or(|&next| calls[call].span.end <= calls[next].span.begin + ROUNDING);
        if follows {
            chain.push(call);
        }
    }
    chain.reverse();
    chain
}

/// The function's own waits, in order.
fn pauses(run: &Run) -> Vec<Span> {
    let pause = |moment: &super::Moment| match moment.what {
        What::Pause { length, .. } => Some(Span { begin: moment.at, end: moment.at + length }),
        _ => None,
    };
    run.moments.iter().filter_map(pause).collect()
}
