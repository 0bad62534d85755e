//! The sweep: each operation runs many times, each time with one fault of one of its calls. In every case, CloudFormation
//! must get a correct response, and no object may remain in the end.
//!
//! ```text
//!  operations × targets × faults = cases ──► shards ──► SweepRunner ──► RunTrace ──► judge ──► Verdict ──► Summary
//!                                            (order)                                           (record)
//! ```
//!
//! | Type | Content |
//! |---|---|
//! | [`Operation`] | An operation, and the state before it |
//! | [`Target`] | A call of an operation, by what is the same in every cloud |
//! | [`Fault`] | A fault of a call, and the function's timeout under it |
//! | [`SweepRunner`] | One cloud that runs [`Case`]s. [`shards`] runs several at the same time |
//! | [`RunTrace`], [`Verdict`] | The result of a case, and its judgement |
//! | [`Record`] | The verdicts on disk, so that a sweep can be interrupted |
//! | [`Summary`] | The totals |

mod faults;
mod judge;
mod operations;
mod order;
mod record;
mod runner;
pub mod shards;
mod summary;
mod targets;
mod trace;

pub use self::{
    faults::Fault,
    judge::Verdict,
    operations::Operation,
    order::shuffled,
    record::Record,
    runner::{InjectedFaults, SweepRunner},
    summary::Summary,
    targets::Target,
    trace::{Baseline, Case, RunTrace},
};
