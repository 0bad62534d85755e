//! What a run reports about itself: each call, each step, and its figures.

pub(crate) mod calls;
pub mod event;
pub mod log;
pub(crate) mod metrics;
pub(crate) mod sdk;
