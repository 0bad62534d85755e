//! Tests of plans against a model of IAM, EC2, EKS and aws-auth in memory.
//!
//! The model enforces the services' own rules. From any account and any properties, a plan reconciles in every order that its
//! dependencies allow. Its teardown restores the account exactly, aws-auth byte for byte.
//!
//! | Module | Content |
//! |---|---|
//! | `model`, `aws` | The account in memory; what each write does to it, and which writes the services reject |
//! | `properties`, `generators` | Random properties and random accounts |
//! | `harness`, `consistency` | Applies plans; what must be true after each run |
//! | `interleavings` | Explores every order of the calls of concurrent runs |
//! | the others | The tests, one module for each question |

#![allow(clippy::unwrap_used, reason = "a panic fails the test and shows its location, in helpers too")]

mod adoption;
mod aws;
mod concurrent_create_delete;
mod concurrent_deliveries;
mod concurrent_update_rollback;
mod consistency;
mod crash_recovery;
mod documents;
mod external_changes;
mod generators;
mod harness;
mod history;
mod idempotence;
mod interleavings;
mod invariants_during_apply;
mod karpenter_versions;
mod limits;
mod model;
mod ownership;
mod pass_role;
mod problems;
mod properties;
mod replacement;
mod shared_tags;
mod sharing;
mod simulation;
mod update_in_place;

use harness::PropResult;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;

/// The number of cases of each property. The environment variable `PROPTEST_CASES` can only raise it.
const CASES: u32 = 1_000;

/// Generates the bytes that choose an order of steps, see [`harness::Run::order`].
fn orders() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..24)
}

/// Checks the property on at least [`CASES`] values of the strategy.
///
/// A case that a preflight problem ends early checks little. So the check also fails if fewer than `min_percent` of all cases are
/// checked to their end.
fn check_property<S: Strategy>(strategy: &S, min_percent: u32, property: impl Fn(S::Value) -> PropResult) {
    let completed = Cell::new(0_u32);
    // No file of seeds is written: a failure prints its value, and the value belongs among the examples.
    let default = ProptestConfig::default();
    let cases = CASES.max(default.cases);
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..default };
    let result = TestRunner::new(config).run(strategy, |value| {
        completed.set(completed.get() + u32::from(property(value)?));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let percent = completed.get() * 100 / cases;
    assert!(min_percent <= percent, "only {percent} percent of the cases were checked to their end");
}
