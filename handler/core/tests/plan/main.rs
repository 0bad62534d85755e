//! Plans against a model of the world, whose problems are AWS's own: whatever was there and whatever is wanted, a plan
//! leads there in every order that its needs allow, and its release leads back, to the byte.

#![allow(clippy::unwrap_used, reason = "a panic is a failure with its place, in a helper as in a test")]

mod adopt;
mod at_once;
mod aws;
mod comes_and_goes;
mod cut;
mod documents;
mod every_order;
mod existing;
mod history;
mod karpenter_versions;
mod life;
mod limits;
mod meanwhile;
mod model;
mod moments;
mod pass_role;
mod problems;
mod properties;
mod replace;
mod share;
mod simulated;
mod stands;
mod update;
mod whose;
mod worlds;

use life::Outcome;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// `PROPTEST_CASES` makes them more.
const CASES: u32 = 1_000;

/// Bytes that choose an order of steps.
fn orders() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..24)
}

/// Proves the property on at least [`CASES`] values. Values that are refused on the way prove little: of 100, so many at least
/// must come to the end.
fn prove<S: Strategy>(strategy: &S, percent: u32, property: impl Fn(S::Value) -> Outcome) {
    let came_to_the_end = Cell::new(0_u32);
    // A failure prints its value: it belongs among the examples, not in a file of seeds.
    let default = ProptestConfig::default();
    let cases = CASES.max(default.cases);
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..default };
    let result = TestRunner::new(config).run(strategy, |value| {
        came_to_the_end.set(came_to_the_end.get() + u32::from(property(value)?));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let share = came_to_the_end.get() * 100 / cases;
    assert!(percent <= share, "only {share} of 100 came to the end");
}
