//! The sweep: each operation is run again and again, each time with one fault of one of its calls, and whatever
//! happens, CloudFormation is answered, told the truth, and rid of everything in the end.
//!
//! ```text
//!  operations × targets × faults = cases ──► shards ──► Bench ──► Course ──► judge ──► Verdict ──► Tally
//!                                            (order)                                   (record)
//! ```
//!
//! [`Operation`] says what is swept and what stands before it; [`Target`] names each call of a run without a fault, by
//! what is the same in every cloud; [`Fault`] is what happens to it, and how long the function has then. [`Bench`] is
//! one cloud that runs [`Case`]s, [`shards`] several of them side by side. A [`Course`] is judged into a [`Verdict`];
//! [`Record`] keeps those on disk, so that a sweep can be interrupted, and [`Tally`] adds them up.

mod bench;
mod course;
mod faults;
mod judge;
mod operations;
mod order;
mod record;
pub mod shards;
mod tally;
mod targets;

pub use self::{
    bench::{Bench, Sabotage},
    course::{Case, Clean, Course},
    faults::Fault,
    judge::Verdict,
    operations::Operation,
    order::mixed,
    record::Record,
    tally::Tally,
    targets::Target,
};
