//! Statistics of the figures: spreads, slopes and exponents.

use serde::{Deserialize, Serialize};

/// Minimum, median and maximum of some runs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The minimum.
    pub(crate) min: f64,
    /// The median. For an even number of runs, the mean of the two values in the middle.
    pub(crate) median: f64,
    /// The maximum.
    pub(crate) max: f64,
    /// The number of runs.
    pub(crate) runs: usize,
}

impl Spread {
    /// Returns the spread of these values; `None` when there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { min, median: f64::midpoint(lower, upper), max, runs: sorted.len() })
    }
}

/// Returns the slope of the line through these points, by least squares. `None` when fewer than two points differ in x.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = as_f64(points.len());
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let common: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (f64::EPSILON < spread).then(|| common / spread)
}

/// Returns the exponent `k` of `cost = c · size^k`, by least squares of the logarithms. Points without a logarithm are left
/// out.
pub(crate) fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let positive = points.iter().filter(|(size, cost)| 0.0 < *size && 0.0 < *cost);
    slope(&positive.map(|(size, cost)| (size.ln(), cost.ln())).collect::<Vec<_>>())
}

/// Converts a count. Counts here are far below the limit up to which an `f64` is exact.
#[allow(clippy::cast_precision_loss, reason = "counts of calls, runs and sizes are small")]
pub(crate) const fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spread_sorts_its_values() {
        assert_eq!(Spread::of(Vec::new()), None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { min: 1.0, median: 2.0, max: 3.0, runs: 3 }));
        assert_eq!(Spread::of([4.0, 1.0]), Some(Spread { min: 1.0, median: 2.5, max: 4.0, runs: 2 }));
    }

    #[test]
    fn slope_needs_two_different_points() {
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(exponent(&[(10.0, -1.0), (100.0, 5.0)]), None, "only one has a logarithm");
    }

    proptest! {
        #[test]
        fn median_is_between_minimum_and_maximum(values in prop::collection::vec(-1e6..1e6, 1..50)) {
            let spread = Spread::of(values.iter().copied()).unwrap();
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
            let below = values.iter().filter(|value| **value < spread.median).count();
            let above = values.iter().filter(|value| spread.median < **value).count();
            prop_assert!(below <= values.len() / 2 && above <= values.len() / 2);
        }

        #[test]
        fn exponent_of_a_power_is_found(k in 0.1..3.0_f64, c in 0.01..100.0_f64) {
            let points: Vec<_> = [10.0_f64, 100.0, 1000.0].map(|size| (size, c * size.powf(k))).to_vec();
            prop_assert!((exponent(&points).unwrap() - k).abs() < 1e-6);
        }

        #[test]
        fn slope_of_a_line_is_found(a in -50.0..50.0_f64, b in -10.0..10.0_f64) {
            let points: Vec<_> = [0.0, 20.0, 50.0].map(|x| (x, a + b * x)).to_vec();
            prop_assert!((slope(&points).unwrap() - b).abs() < 1e-6);
        }
    }
}
