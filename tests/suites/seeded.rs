//! What runs by seeds have in common.

use proptest::{prelude::ProptestConfig, test_runner::RngSeed};
use std::env;

/// A number from the environment.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

/// Each seed is a run of its own, so that it can be seen again by itself.
pub(crate) fn config(seed: u64) -> ProptestConfig {
    ProptestConfig {
        cases: 1,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    }
}
