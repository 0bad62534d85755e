//! Time → position on the axis.

use super::{LEFT, RIGHT};
use std::time::Duration;

/// The scale of a picture.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    seconds: f64,
}

/// A labelled position on the axis.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
}

impl Axis {
    /// Returns an axis from 0 to 1.5 % after `end`, so that the end is visible.
    pub(super) fn new(end: Duration) -> Self {
        Self { seconds: end.as_secs_f64().max(1e-3) * 1.015 }
    }

    /// Returns the x coordinate of a time. A time after the axis is at its right edge.
    pub(super) fn x(self, at: Duration) -> f64 {
        LEFT + (at.as_secs_f64() / self.seconds).min(1.0) * (RIGHT - LEFT)
    }

    /// Returns 4 to 11 ticks at round times.
    pub(super) fn ticks(self) -> Vec<Tick> {
        let mut step = 1e-4;
        for factor in [2.0, 2.5, 2.0].iter().cycle() {
            if self.seconds / step <= 10.0 {
                break;
            }
            step *= factor;
        }
        let (unit, per_second) = if self.seconds < 2.0 { ("ms", 1e3) } else { ("s", 1.0) };
        let tick = |seconds: f64| Tick {
            x: LEFT + seconds / self.seconds * (RIGHT - LEFT),
            // A multiple of a decimal fraction is not exact, and would print many digits.
            label: format!("{} {unit}", (seconds * per_second * 1e4).round() / 1e4),
        };
        (0_u32..=10).map(|index| f64::from(index) * step).take_while(|at| *at <= self.seconds).map(tick).collect()
    }
}
