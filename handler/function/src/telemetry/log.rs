//! The log: JSON lines to standard output, without secrets.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The start of the names of this project's crates, whose lines follow the log level. Other crates stay at WARN, because they may
/// log whole requests with tokens and presigned URLs. For example, the Lambda runtime logs the event at TRACE. A release build
/// does not even contain the events below INFO (`release_max_level_info` in `Cargo.toml`), and this project has none.
const OURS: &str = "karpenter_prereqs";

/// Writes the tracing events of the process to standard output as JSON lines. `level` is Lambda's `AWS_LAMBDA_LOG_LEVEL`. If it
/// is absent or not a level, the level is INFO.
pub fn install(level: Option<&str>) {
    let level = level.and_then(|level| level.parse::<tracing::Level>().ok()).unwrap_or(tracing::Level::INFO);
    // The target of an event begins with the name of its crate, so this filter matches the program, the library and the core.
    let filter = Targets::new().with_default(tracing::Level::WARN).with_target(OURS, level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    tracing_subscriber::registry().with(lines).with(filter).init();
}

/// Writes one line to standard output, at every log level. Errors are ignored, because a log that cannot be written must not fail
/// the run.
pub(crate) fn write_line(line: impl Display) {
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// Returns whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
