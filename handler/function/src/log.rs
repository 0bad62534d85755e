//! JSON lines to standard output, and nothing in them that is secret.

use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// The crates whose lines follow the level that is asked for. Others may print requests whole, with tokens and
/// presigned URLs (the Lambda runtime prints the event at TRACE), so they are kept at WARN whatever is asked for.
const OURS: &str = "karpenter_prereqs";

/// Sends the process's tracing to standard output as JSON lines. `level` is Lambda's `AWS_LAMBDA_LOG_LEVEL`; absent
/// or unknown, it is INFO.
pub fn install(level: Option<&str>) {
    let level = level.and_then(|level| level.parse::<tracing::Level>().ok()).unwrap_or(tracing::Level::INFO);
    let filter = EnvFilter::new(format!("warn,{OURS}={level},{OURS}_function={level}"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_target(false)
        .init();
}

/// Milliseconds, as a number that a log's readers can sum up.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
