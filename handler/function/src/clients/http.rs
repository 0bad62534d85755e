//! The HTTP client for AWS, for the response and for the Kubernetes API. It speaks HTTP/1.1 only.
//!
//! The AWS SDK and `kube` each have a default client. Without this one, the binary would contain three HTTP implementations.

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

/// The longest time for opening a connection. It leaves time to retry a connection that hangs before Lambda's deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The user agent that the audit logs of Kubernetes and S3 show. For other services the SDK sets its own user agent.
const USER_AGENT: &str = concat!("karpenter-prereqs/", env!("CARGO_PKG_VERSION"));

/// Returns the settings of the function's clients. They use no proxy.
pub(crate) fn builder() -> ClientBuilder {
    builder_with_proxies().no_proxy()
}

/// Returns the settings of all clients. No client follows a redirect, because it would send a request that is signed for one host
/// to another host.
fn builder_with_proxies() -> ClientBuilder {
    #[allow(clippy::disallowed_methods, reason = "the only place that builds a client")]
    Client::builder()
        .redirect(redirect::Policy::none())
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(USER_AGENT)
}

/// The client for AWS and for the response. Clones share one client and its connections.
///
/// The client is created on first use, because loading the root certificates takes longer than everything else before the first
/// event. The AWS SDK uses this as its HTTP client, and limits the time of each attempt itself.
#[derive(Clone)]
pub struct Http {
    client: Arc<Mutex<Option<Client>>>,
    builder: fn() -> ClientBuilder,
}

/// The client cannot be created: the machine has no root certificates, or they cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot create an HTTPS client from the root certificates (SSL_CERT_FILE, if set): {0}")]
pub struct ClientError(String);

impl Http {
    /// Returns a client that uses no proxy. It is created on first use.
    #[allow(clippy::new_without_default, reason = "a default would hide that it uses no proxy")]
    pub fn new() -> Self {
        Self { client: Arc::default(), builder }
    }

    /// Returns a client that uses the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`), for a user's machine. It is created
    /// on first use.
    pub fn with_proxies() -> Self {
        Self { client: Arc::default(), builder: builder_with_proxies }
    }

    /// Begins to create the client in another thread, and returns at once.
    pub fn prewarm(&self) {
        let http = self.clone();
        std::thread::spawn(move || drop(http.client()));
    }

    /// Returns the client, and creates it if it does not exist yet. After a failure the next call retries.
    ///
    /// # Errors
    /// The root certificates could not be loaded.
    pub(crate) fn client(&self) -> Result<Client, ClientError> {
        let mut created = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*created {
            return Ok(client.clone());
        }
        let client = (self.builder)().build().map_err(|error| ClientError(chain(&error)))?;
        *created = Some(client.clone());
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
            let client = client.map_err(|error| ConnectorError::user(error.into()))?;
            let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            if is_retry(request.headers()) {
                request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))
                .map_err(|error| ConnectorError::user(error.into()))?;
            let received = client.execute(request).await.map_err(|error| connector_error(error.without_url()))?;
            let (status, headers) = (received.status(), received.headers().clone());
            // The whole body is read here. A connection that breaks within a response is then a connection error, which the SDK
            // retries.
            let body = received.bytes().await.map_err(|error| connector_error(error.without_url()))?;
            let mut response = HttpResponse::new(status.into(), SdkBody::from(body));
            for (name, value) in &headers {
                if let Ok(value) = value.to_str() {
                    response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}

/// Returns whether the SDK retries a call. A retry uses another connection, because the server at the other end of the first
/// connection may be the one that fails.
fn is_retry(headers: &header::HeaderMap) -> bool {
    let attempt = headers.get("amz-sdk-request").and_then(|value| value.to_str().ok());
    attempt.is_some_and(|attempt| !attempt.starts_with("attempt=1;") && attempt != "attempt=1")
}

/// Returns the error with the kind that decides whether the SDK retries it. An error that is neither a time-out nor in the
/// request is an error of the connection, which the SDK retries.
fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
