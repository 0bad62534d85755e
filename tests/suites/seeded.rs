//! Shared by the suites whose cases come from a seed.

use proptest::{prelude::ProptestConfig, test_runner::RngSeed};
use std::env;

/// Returns the number in the environment variable `name`, or `default` if the variable is not set.
///
/// Panics if the value is not a number.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Returns the proptest configuration of one seed.
///
/// A seed is one case, so that a failed seed can be repeated alone. A failure is shrunk in at most 60 steps, because each
/// step repeats the operations on the local cloud.
pub(crate) fn config(seed: u64) -> ProptestConfig {
    ProptestConfig {
        cases: 1,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    }
}
