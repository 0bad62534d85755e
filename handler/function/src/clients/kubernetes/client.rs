//! Kubernetes' client over the function's HTTP client. Kubernetes' own would bring a second one, and what it reads of
//! kubeconfig files, which Lambda has not.

use crate::clients::http;
use ::http::{Request, Response, header};
use kube::client::{Body, ClientBuilder};
use std::time::Duration;

/// How long an API server that is out of reach may say nothing at all.
const READ: Duration = Duration::from_secs(15);

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A client of the API server at this endpoint, which these certificates vouch for (PEM), with this token. It makes no
/// call again: when to is for the caller, who knows the time that there is.
///
/// # Errors
/// When the endpoint, the certificates or the token is none.
pub(super) fn client(endpoint: &str, certificates: &str, token: &str) -> Result<kube::Client, Broken> {
    let certificates = reqwest::Certificate::from_pem_bundle(certificates.as_bytes())?;
    if certificates.is_empty() {
        return Err("the cluster's certificate authority holds no certificate".into());
    }
    let mut bearer = header::HeaderValue::try_from(format!("Bearer {token}"))?;
    bearer.set_sensitive(true);
    let server = url::Url::parse(endpoint)?;
    let client = http::builder()
        .tls_certs_only(certificates)
        .read_timeout(READ)
        .default_headers([(header::AUTHORIZATION, bearer)].into_iter().collect())
        .build()?;
    let service = tower::service_fn(move |request| answered(client.clone(), server.clone(), request));
    Ok(ClientBuilder::new(service, "default").build())
}

async fn answered(
    client: reqwest::Client,
    server: url::Url,
    request: Request<Body>,
) -> Result<Response<reqwest::Body>, Broken> {
    let (parts, body) = request.into_parts();
    // Never another host's, whatever the path looks like: the token goes with it.
    let mut url = server;
    url.set_path(parts.uri.path());
    url.set_query(parts.uri.query());
    let body = body.collect_bytes().await?;
    Ok(client.request(parts.method, url).headers(parts.headers).body(body).send().await?.into())
}
