//! The one HTTP client: AWS's services, the answer and the Kubernetes API are asked through it, by HTTP/1.1 alone. Each
//! library's own would be a second and third of them in the binary.

use crate::error::chain::chain;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::{Client, ClientBuilder, header, redirect};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait for a connection: one that hangs is tried again long before Lambda's own end.
const CONNECT: Duration = Duration::from_secs(5);

/// What the audit logs of Kubernetes and S3 tell of who called; the SDK tells AWS's other services more.
const USER_AGENT: &str = concat!("karpenter-prereqs/", env!("CARGO_PKG_VERSION"));

/// What the function's clients have in common: they go by no proxy.
pub(crate) fn builder() -> ClientBuilder {
    proxied().no_proxy()
}

/// What all clients have in common. None follows a redirect, which would carry what is signed for one host elsewhere.
fn proxied() -> ClientBuilder {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that builds it")]
    Client::builder().redirect(redirect::Policy::none()).http1_only().connect_timeout(CONNECT).user_agent(USER_AGENT)
}

/// The client for AWS's services and the answer. A clone is another handle on the same, with the same connections.
///
/// It is made when it is first asked for: the root certificates take longer than all else that comes before the first
/// event. The AWS SDK takes this as its client, and sees itself to the time that an attempt may take.
#[derive(Clone)]
pub struct Http {
    made: Arc<Mutex<Option<Client>>>,
    builder: fn() -> ClientBuilder,
}

/// Why there is no client: the machine has no root certificates, or they cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot create an HTTPS client from the root certificates (SSL_CERT_FILE, if set): {0}")]
pub struct NoClient(String);

impl Http {
    /// A client that is not made yet.
    #[allow(clippy::new_without_default, reason = "it is more than an empty value")]
    pub fn new() -> Self {
        Self { made: Arc::default(), builder }
    }

    /// The same by the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`), for a person's machine.
    pub fn by_proxies() -> Self {
        Self { made: Arc::default(), builder: proxied }
    }

    /// Begins to make it on a thread of its own, beside what comes next.
    pub fn make_ahead(&self) {
        let ahead = self.clone();
        std::thread::spawn(move || drop(ahead.client()));
    }

    /// The client, made by now. A failure is not kept: the next call tries again.
    pub(crate) fn client(&self) -> Result<Client, NoClient> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*made {
            return Ok(client.clone());
        }
        let client = (self.builder)().build().map_err(|error| NoClient(chain(&error)))?;
        *made = Some(client.clone());
        Ok(client)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client();
        HttpConnectorFuture::new(async move {
            let client = client.map_err(|none| ConnectorError::user(none.into()))?;
            let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            if is_another_try(request.headers()) {
                request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                .map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.execute(request).await.map_err(|error| failed(error.without_url()))?;
            let (status, headers) = (response.status(), response.headers().clone());
            // Whole, so that a connection that breaks within an answer is a connection that breaks.
            let body = response.bytes().await.map_err(|error| failed(error.without_url()))?;
            let mut answer = HttpResponse::new(status.into(), SdkBody::from(body));
            for (name, value) in &headers {
                if let Ok(value) = value.to_str() {
                    answer.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(answer)
        })
    }
}

/// Whether the SDK makes a call again. What failed may have been the far end of this very connection, so a further try gets
/// another one.
fn is_another_try(headers: &header::HeaderMap) -> bool {
    let attempt = headers.get("amz-sdk-request").and_then(|value| value.to_str().ok());
    attempt.is_some_and(|attempt| !attempt.starts_with("attempt=1;") && attempt != "attempt=1")
}

/// A failure as the SDK tells them apart: what is neither the request's fault nor slowness is the connection's, which heals.
fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
