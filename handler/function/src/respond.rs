//! The PUT of the response to the presigned URL.

use crate::clients::http::{ClientError, Http};
use crate::error::chain::chain;
use crate::retry::response;
use crate::telemetry::calls::{Calls, RESPONSE};
use crate::telemetry::event::log_retry;
use backon::Retryable as _;
use karpenter_prereqs_core::request::response_url::ResponseUrl;
use reqwest::{StatusCode, header};
use std::time::Duration;
use tokio::time::Instant;

/// The longest time for one PUT. The body has at most 4,096 bytes, so a PUT that takes longer will not succeed.
const MAX_ATTEMPT_TIME: Duration = Duration::from_secs(10);

/// Why the response was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// S3 returned another status than success.
    #[error("S3 refused the PUT of the response with {0}")]
    Status(StatusCode),
    /// There was no connection, or no response of S3.
    #[error("the PUT of the response failed")]
    Connection(#[source] reqwest::Error),
    /// The HTTP client could not be created.
    #[error(transparent)]
    Client(ClientError),
    /// The deadline passed.
    #[error("the response could not be delivered before the deadline")]
    OutOfTime,
}

impl DeliveryError {
    fn code(&self) -> String {
        match self {
            Self::Status(status) => status.as_u16().to_string(),
            Self::Connection(_) | Self::Client(_) | Self::OutOfTime => "no response".to_owned(),
        }
    }
}

/// Puts the body to the presigned URL, and retries every error until `deadline`. CloudFormation uses the first body that arrives.
/// Repeated PUTs are harmless, because all have the same body.
///
/// # Errors
/// The last failure, or [`DeliveryError::OutOfTime`].
pub(crate) async fn put(
    http: &Http,
    url: &ResponseUrl,
    body: &str,
    deadline: Instant,
    calls: &Calls,
) -> Result<(), DeliveryError> {
    let client = http.client().map_err(DeliveryError::Client)?;
    let time_left = deadline.saturating_duration_since(Instant::now());
    // A quarter, so that a PUT that hangs leaves time for others.
    let attempt_time = (time_left / 4).clamp(Duration::from_millis(200), MAX_ATTEMPT_TIME);
    let put = || async {
        // The older form of the URL (Signature Version 2) signs the content type, and signs it as empty.
        let request =
            client.put(url.expose()).header(header::CONTENT_TYPE, "").timeout(attempt_time).body(body.to_owned());
        let sent = async {
            let response = request.send().await.map_err(|error| DeliveryError::Connection(error.without_url()))?;
            if response.status().is_success() { Ok(()) } else { Err(DeliveryError::Status(response.status())) }
        };
        calls.recorded(RESPONSE, DeliveryError::code, sent).await
    };
    let retried = put.retry(response(time_left)).notify(|error, after| {
        log_retry("the response was not delivered", Some(&chain(error)), after);
    });
    tokio::time::timeout_at(deadline, retried).await.unwrap_or(Err(DeliveryError::OutOfTime))
}
