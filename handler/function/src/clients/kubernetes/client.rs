//! A client of `kube` over the function's HTTP client. The default client of `kube` would add a second HTTP implementation, and
//! code that reads kubeconfig files, which Lambda does not have.

use crate::clients::http;
use ::http::{Request, Response, header};
use kube::client::{Body, ClientBuilder};
use std::time::Duration;

/// The longest time without any data from the API server. An API server that cannot be reached may not even refuse the
/// connection.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Returns a client of the API server at `endpoint`. `certificates` is the cluster's certificate authority, in PEM. `token` is
/// sent with every call. The client retries nothing, because the caller knows how much time is left.
///
/// # Errors
/// The endpoint, the certificates or the token are not valid.
pub(super) fn client(endpoint: &str, certificates: &str, token: &str) -> Result<kube::Client, BoxError> {
    let certificates = reqwest::Certificate::from_pem_bundle(certificates.as_bytes())?;
    if certificates.is_empty() {
        return Err("the cluster's certificate authority holds no certificate".into());
    }
    let mut bearer = header::HeaderValue::try_from(format!("Bearer {token}"))?;
    bearer.set_sensitive(true);
    let server = url::Url::parse(endpoint)?;
    let client = http::builder()
        .tls_certs_only(certificates)
        .read_timeout(READ_TIMEOUT)
        .default_headers([(header::AUTHORIZATION, bearer)].into_iter().collect())
        .build()?;
    let service = tower::service_fn(move |request| send(client.clone(), server.clone(), request));
    Ok(ClientBuilder::new(service, "default").build())
}

/// Sends a request of `kube` to the API server.
async fn send(
    client: reqwest::Client,
    server: url::Url,
    request: Request<Body>,
) -> Result<Response<reqwest::Body>, BoxError> {
    let (parts, body) = request.into_parts();
    // The host is always that of the API server, for any path, because the request has the token.
    let mut url = server;
    url.set_path(parts.uri.path());
    url.set_query(parts.uri.query());
    let body = body.collect_bytes().await?;
    Ok(client.request(parts.method, url).headers(parts.headers).body(body).send().await?.into())
}
