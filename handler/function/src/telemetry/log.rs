//! JSON lines to standard output, and nothing in them that is secret.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The crates whose lines follow the level that is asked for. Others may print requests whole, with tokens and
/// presigned URLs (the Lambda runtime prints the event at TRACE), so they are kept at WARN whatever is asked for.
const OURS: &str = "karpenter_prereqs";

/// Sends the process's tracing to standard output as JSON lines. `level` is Lambda's `AWS_LAMBDA_LOG_LEVEL`; absent
/// or unknown, it is INFO.
pub fn install(level: Option<&str>) {
    let level = level.and_then(|level| level.parse::<tracing::Level>().ok()).unwrap_or(tracing::Level::INFO);
    // By the beginning of the target: that of the library and the core too.
    let filter = Targets::new().with_default(tracing::Level::WARN).with_target(OURS, level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
}

/// Writes one line to standard output, whatever the log level is. A log that cannot be written must not fail the run.
pub(crate) fn write_line(line: impl Display) {
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// Milliseconds, as a number that a log's readers can sum up.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
