//! The PUT to the presigned URL.

use crate::clients::http::{Http, NoClient};
use crate::error::chain::chain;
use crate::retry::response;
use crate::telemetry::calls::{ANSWER, Calls};
use crate::telemetry::event::log_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::request::response_url::ResponseUrl;
use reqwest::{StatusCode, header};
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for one PUT: S3 takes these few bytes at once, or not at all.
const ATTEMPT_MOST: Duration = Duration::from_secs(10);

/// Why the answer did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// S3 answered with something else than success.
    #[error("S3 refused the PUT of the response with {0}")]
    Status(StatusCode),
    /// No answer came.
    #[error("the PUT of the response failed")]
    Connection(#[source] reqwest::Error),
    /// There is no client to send it with.
    #[error(transparent)]
    NoClient(NoClient),
    /// The time was up.
    #[error("the response could not be delivered before the deadline")]
    OutOfTime,
}

impl Undelivered {
    fn code(&self) -> String {
        match self {
            Self::Status(status) => status.as_u16().to_string(),
            Self::Connection(_) | Self::NoClient(_) | Self::OutOfTime => "no response".to_owned(),
        }
    }
}

/// Puts the body, again and again until it is there or the time is up; the first that arrives counts, and all are
/// the same.
///
/// # Errors
/// The last failure, or [`Undelivered::OutOfTime`].
pub(crate) async fn put(
    http: &Http,
    url: &ResponseUrl,
    body: &str,
    until: Instant,
    calls: &Calls,
) -> Result<(), Undelivered> {
    let client = http.client().map_err(Undelivered::NoClient)?;
    let left = until.saturating_duration_since(Instant::now());
    // A PUT that hangs leaves time for others.
    let attempt = (left / 4).clamp(Duration::from_millis(200), ATTEMPT_MOST);
    let put = || async {
        // In the older form of the URL the content type is part of what was signed, and it was signed empty.
        let request = client.put(url.expose()).header(header::CONTENT_TYPE, "").timeout(attempt).body(body.to_owned());
        let sent = async {
            let response = request.send().await.map_err(|error| Undelivered::Connection(error.without_url()))?;
            if response.status().is_success() { Ok(()) } else { Err(Undelivered::Status(response.status())) }
        };
        calls.watched(ANSWER, Undelivered::code, sent).await
    };
    let retried = put.retry(response(left)).notify(|error, after| {
        log_retry("the response was not delivered", Some(&chain(error)), after);
    });
    tokio::time::timeout_at(until, retried).await.unwrap_or(Err(Undelivered::OutOfTime))
}
