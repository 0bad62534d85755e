//! The PUT to the presigned URL.

use backon::{ExponentialBuilder, Retryable};
use karpenter_prereqs_core::response_url::ResponseUrl;
use reqwest::{Client, StatusCode, header};
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for one PUT: S3 takes these few bytes at once, or not at all.
const ATTEMPT_MOST: Duration = Duration::from_secs(10);

/// The longest waits after the first PUT that failed, and between any two: CloudFormation waits, and so do people.
const FIRST_DELAY_MOST: Duration = Duration::from_millis(500);
const DELAY_MOST: Duration = Duration::from_secs(10);

/// Why the answer did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// S3 answered with something else than success.
    #[error("S3 answered the PUT of the answer with {0}")]
    Status(StatusCode),
    /// No answer came.
    #[error("the PUT of the answer failed")]
    Connection(#[source] reqwest::Error),
    /// The time was up.
    #[error("the answer could not be delivered in time")]
    OutOfTime,
}

/// Puts the body, again and again until it is there or the time is up; the first that arrives counts, and all are
/// the same.
///
/// # Errors
/// The last failure, or [`Undelivered::OutOfTime`].
pub(crate) async fn put(client: &Client, url: &ResponseUrl, body: &str, until: Instant) -> Result<(), Undelivered> {
    let left = until.saturating_duration_since(Instant::now());
    // A PUT that hangs leaves time for others.
    let attempt = (left / 4).clamp(Duration::from_millis(200), ATTEMPT_MOST);
    let put = || async {
        // In the older form of the URL the content type is part of what was signed, and it was signed empty.
        let request = client.put(url.expose()).header(header::CONTENT_TYPE, "").timeout(attempt).body(body.to_owned());
        let response = request.send().await.map_err(|error| Undelivered::Connection(error.without_url()))?;
        if response.status().is_success() { Ok(()) } else { Err(Undelivered::Status(response.status())) }
    };
    let backoff = ExponentialBuilder::new()
        .with_min_delay((left / 200).min(FIRST_DELAY_MOST))
        .with_max_delay((left / 10).min(DELAY_MOST))
        .without_max_times()
        .with_jitter();
    let retried = put.retry(backoff).notify(|error, after| {
        tracing::warn!(
            error = crate::error::chain(error),
            after_ms = crate::log::millis(after),
            "the answer is sent again"
        );
    });
    tokio::time::timeout_at(until, retried).await.unwrap_or(Err(Undelivered::OutOfTime))
}
