//! Time → place.

use super::{LEFT, RIGHT};
use std::time::Duration;

/// The scale of a picture.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    seconds: f64,
}

/// A place on the axis that is named.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) label: String,
}

impl Axis {
    /// From 0 to a little after `end`, so that the end is seen to be one.
    pub(super) fn new(end: Duration) -> Self {
        Self { seconds: end.as_secs_f64().max(1e-3) * 1.015 }
    }

    /// Where `at` is; what lies outside of the picture is at its edge.
    pub(super) fn x(self, at: Duration) -> f64 {
        LEFT + (at.as_secs_f64() / self.seconds).min(1.0) * (RIGHT - LEFT)
    }

    /// Ten or fewer, at round times.
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
            // Rounded first: a sum of tenths is rarely a tenth.
            label: format!("{} {unit}", (seconds * per_second * 1e4).round() / 1e4),
        };
        (0_u32..=10).map(|index| f64::from(index) * step).take_while(|at| *at <= self.seconds).map(tick).collect()
    }
}
