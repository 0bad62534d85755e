//! The proxy through which aws-iam-authenticator calls STS.
//!
//! The authenticator accepts only tokens for the real host, `sts.<region>.amazonaws.com`, but it uses `HTTPS_PROXY` and
//! `SSL_CERT_FILE`. This proxy accepts its CONNECT, and terminates TLS with a certificate of the host's name. It forwards the
//! presigned GET to MiniStack with the original Host, so that the signature remains valid. It converts the response to JSON,
//! because real STS returns JSON and MiniStack does not.

use std::{io, net::SocketAddr, sync::Arc};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use super::{
    Bound,
    call::Call,
    exchange::Exchange,
    journal::Journal,
    response::{ServiceResponse, element},
    rules::Rules,
    server::{Body, Connection, Server, Stop, acceptor, serve_connection, whole},
    upstream::Upstream,
};

/// The proxy in place of the real STS. Dropping it stops it.
pub struct StsProxy {
    url: String,
    journal: Journal,
    rules: Rules,
    _server: Server,
}

impl StsProxy {
    /// Starts the proxy in front of MiniStack at `upstream`. `tls` must have a certificate for each STS host. A wildcard
    /// covers only one label, so `*.amazonaws.com` does not cover `sts.us-east-1.amazonaws.com`.
    ///
    /// # Errors
    /// Fails when no port of 127.0.0.1 is free.
    pub async fn start(upstream: SocketAddr, tls: Arc<ServerConfig>) -> io::Result<Self> {
        let (journal, rules) = (Journal::new(), Rules::new());
        let proxy = Arc::new(Proxy {
            tls: acceptor(tls),
            exchange: Arc::new(Exchange {
                upstream: Upstream::http(upstream),
                journal: journal.clone(),
                rules: rules.clone(),
                identify: Call::aws,
                strict: None,
                rewrite: Some(Arc::new(as_json)),
            }),
        });
        let bound = Bound::new().await?;
        let url = bound.url(false);
        let server = Server::start(bound.listener, None, move |request, _, stop| {
            let proxy = Arc::clone(&proxy);
            async move { Ok(proxy.connect(request, stop)) }
        });
        Ok(Self { url, journal, rules, _server: server })
    }

    /// The value for `HTTPS_PROXY`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The calls through the proxy. These are verifications of tokens, and no calls of the function.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The rules for these calls. A test can make STS throttle or hang.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }
}

struct Proxy {
    tls: TlsAcceptor,
    exchange: Arc<Exchange>,
}

impl Proxy {
    fn connect(&self, request: Request<Incoming>, stop: Stop) -> Response<Body> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if request.method() != Method::CONNECT || !is_sts(&host) {
            tracing::warn!(method = %request.method(), host, "the STS proxy accepts only CONNECT to STS");
            let mut forbidden = Response::new(whole("only CONNECT to an STS host is allowed\n"));
            *forbidden.status_mut() = StatusCode::FORBIDDEN;
            return forbidden;
        }
        let (tls, exchange) = (self.tls.clone(), Arc::clone(&self.exchange));
        tokio::spawn(async move {
            let Ok(tunnel) = hyper::upgrade::on(request).await else {
                return;
            };
            let io = match tls.accept(TokioIo::new(tunnel)).await {
                Ok(io) => io,
                Err(error) => {
                    return tracing::warn!(%error, host, "TLS handshake failed in the STS proxy");
                }
            };
            let handler = |request, connection, _| Arc::clone(&exchange).handle(request, connection);
            serve_connection(io, Connection::default(), handler, stop).await;
        });
        Response::new(whole(""))
    }
}

fn is_sts(host: &str) -> bool {
    host.starts_with("sts.") && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
}

/// Converts the XML response of `GetCallerIdentity` to JSON. Error responses are unchanged, because the authenticator reads
/// only their status.
fn as_json(call: &Call, response: &mut ServiceResponse) {
    if !call.is("sts", "GetCallerIdentity") || !response.status.is_success() {
        return;
    }
    let body = caller_identity(&response.text());
    response.set_json(&body);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

fn caller_identity(xml: &str) -> Value {
    json!({
        "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {
                "Account": element(xml, "Account"),
                "Arn": element(xml, "Arn"),
                "UserId": element(xml, "UserId"),
            },
            "ResponseMetadata": { "RequestId": element(xml, "RequestId") },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_response_equals_xml_response() {
        let xml = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
                   <Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn><UserId>AROA:s</UserId>\
                   <Account>111122223333</Account></GetCallerIdentityResult>\
                   <ResponseMetadata><RequestId>1-2</RequestId></ResponseMetadata></GetCallerIdentityResponse>";
        assert_eq!(
            caller_identity(xml),
            json!({"GetCallerIdentityResponse": {
                "GetCallerIdentityResult": {
                    "Account": "111122223333",
                    "Arn": "arn:aws:sts::111122223333:assumed-role/r/s",
                    "UserId": "AROA:s",
                },
                "ResponseMetadata": {"RequestId": "1-2"},
            }})
        );
    }

    #[test]
    fn only_sts_hosts_are_accepted() {
        assert!(is_sts("sts.us-east-1.amazonaws.com"));
        assert!(is_sts("sts.cn-north-1.amazonaws.com.cn"));
        assert!(!is_sts("iam.amazonaws.com"));
        assert!(!is_sts("sts.us-east-1.amazonaws.com.example.org"));
    }
}
