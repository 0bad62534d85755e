//! The way to the service behind a gateway: one connection a request, so that no call fails only
//! because a kept connection had gone stale.

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

use super::{answer::Answer, call::Call};

/// A service that calls are passed on to.
#[derive(Clone)]
pub(crate) struct Upstream {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Upstream {
    /// A service that speaks plain HTTP.
    pub(crate) const fn http(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// A service that speaks HTTPS, its certificate checked for its IP address by `tls`.
    pub(crate) fn https(address: SocketAddr, tls: Arc<ClientConfig>) -> Self {
        Self { address, tls: Some(TlsConnector::from(tls)) }
    }

    /// Sends a request on, with its method, path, query, headers and body as they came. The Host
    /// stays the one that the caller signed.
    ///
    /// # Errors
    /// The service cannot be reached, or closes before it answers.
    pub(crate) async fn send(&self, parts: &Parts, body: Bytes) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = origin_form(&parts.uri);
        *request.headers_mut() = end_to_end(&parts.headers);

        let connect = |source| UpstreamError::Connect { address: self.address, source };
        let stream = TcpStream::connect(self.address).await.map_err(connect)?;
        // Or the end of a request would wait for the service to acknowledge its beginning, 40 ms.
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

    /// Asks `MiniStack` something of the gateway's own, as the root of `account`, in the region of
    /// `call`: such a key needs no valid signature. None if there is no answer.
    pub(crate) async fn ask(&self, account: &str, call: &Call, form: &[(String, String)]) -> Option<Answer> {
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
        let asked = async { Answer::read(self.send(&parts, body.into()).await?).await };
        match asked.await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(action, error = &error as &dyn std::error::Error, "question not answered");
                None
            }
        }
    }
}

impl Answer {
    /// An answer, read to its end.
    pub(crate) async fn read(response: Response<Incoming>) -> Result<Self, UpstreamError> {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|source| UpstreamError::Exchange { source })?;
        Ok(Self { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// Why a call could not be passed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("connect to the service at {address}")]
    Connect {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("shake hands with the service at {address}")]
    Handshake {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("exchange a request with the service")]
    Exchange {
        #[source]
        source: hyper::Error,
    },
}

/// `headers` without those that belong to one connection.
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
    // Its errors reach the request too.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(failed)
}

fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// RFC 9110, section 7.6.1; and Expect, which this side has answered already.
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
