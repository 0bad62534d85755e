//! What a run reports about itself: log lines for each call and each step, and metrics.

pub(crate) mod calls;
pub mod event;
pub mod log;
pub(crate) mod metrics;
pub(crate) mod sdk;
