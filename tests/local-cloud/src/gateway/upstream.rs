//! The connection to the service behind a gateway. Each request has its own connection, so that no call fails because of a
//! stale connection.

use std::{net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName},
    http::request::Parts,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::form_urlencoded;

use super::{call::Call, response::ServiceResponse};

/// A service that calls are forwarded to.
#[derive(Clone)]
pub(crate) struct Upstream {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Upstream {
    /// A service with plain HTTP.
    pub(crate) const fn http(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// A service with HTTPS. `tls` verifies its certificate for its IP address.
    pub(crate) fn https(address: SocketAddr, tls: Arc<ClientConfig>) -> Self {
        Self { address, tls: Some(TlsConnector::from(tls)) }
    }

    /// Forwards a request with the original method, path, query, headers and body. The Host remains the signed one.
    ///
    /// # Errors
    /// Fails when the service cannot be reached, or closes the connection before it responds.
    pub(crate) async fn send(&self, parts: &Parts, body: Bytes) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = origin_form(&parts.uri);
        *request.headers_mut() = end_to_end(&parts.headers);

        let connect = |source| UpstreamError::Connect { address: self.address, source };
        let stream = TcpStream::connect(self.address).await.map_err(connect)?;
        // Without this, the end of a request waits 40 ms for the acknowledgement of its beginning.
        stream.set_nodelay(true).map_err(connect)?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(tls) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                let stream = tls
                    .connect(name, stream)
                    .await
                    .map_err(|source| UpstreamError::Handshake { address: self.address, source })?;
                exchange(stream, request).await
            }
        }
    }

    /// Sends a request of the gateway itself to MiniStack, as the root user of `account` in the region of `call`. A root key
    /// needs no valid signature. Returns `None` if there is no response.
    pub(crate) async fn ask(&self, account: &str, call: &Call, form: &[(String, String)]) -> Option<ServiceResponse> {
        let action = form.first().map_or("", |(_, action)| action);
        let service = if action == "GetAccessKeyInfo" { "sts" } else { &call.service };
        let region = call.region.as_deref().unwrap_or("us-east-1");
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let (parts, ()) = Request::post("/")
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, credential)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(())
            .ok()?
            .into_parts();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let asked = async { ServiceResponse::read(self.send(&parts, body.into()).await?).await };
        match asked.await {
            Ok(response) => Some(response),
            Err(error) => {
                tracing::warn!(
                    action,
                    error = &error as &dyn std::error::Error,
                    "MiniStack did not respond to the gateway"
                );
                None
            }
        }
    }
}

impl ServiceResponse {
    /// Reads a response to its end.
    pub(crate) async fn read(response: Response<Incoming>) -> Result<Self, UpstreamError> {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|source| UpstreamError::Exchange { source })?;
        Ok(Self { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// Why a call could not be forwarded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("cannot connect to the service at {address}")]
    Connect {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the TLS handshake with the service at {address} failed")]
    Handshake {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the service did not complete the request")]
    Exchange {
        #[source]
        source: hyper::Error,
    },
}

/// Returns `headers` without those of a single connection.
pub(crate) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, UpstreamError> {
    let failed = |source| UpstreamError::Exchange { source };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // The request gets the errors of the connection too.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(failed)
}

fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// RFC 9110, section 7.6.1, and Expect, because the gateway has responded to it already.
const HOP_BY_HOP: [HeaderName; 8] = [
    hyper::header::CONNECTION,
    hyper::header::EXPECT,
    HeaderName::from_static("keep-alive"),
    hyper::header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    hyper::header::TE,
    hyper::header::TRANSFER_ENCODING,
    hyper::header::UPGRADE,
];
