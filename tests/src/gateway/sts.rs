//! The way by which aws-iam-authenticator reaches STS.
//!
//! The authenticator takes a token for no other host than the real one, `sts.<region>.amazonaws.com`,
//! but it honours `HTTPS_PROXY` and `SSL_CERT_FILE`. So this proxy accepts its CONNECT, ends TLS in the
//! host's name, passes the presigned GET to `MiniStack`, Host and all, so that the signature holds,
//! and gives the answer as JSON, which real STS does and `MiniStack` does not.

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
    answer::{Answer, element},
    call::Call,
    exchange::Exchange,
    journal::Journal,
    rules::Rules,
    server::{Body, Connection, Server, Stop, acceptor, serve_connection, whole},
    upstream::Upstream,
};

/// The proxy that stands for the real STS. Dropped, it stops.
pub struct StsProxy {
    url: String,
    journal: Journal,
    rules: Rules,
    _server: Server,
}

impl StsProxy {
    /// Starts the proxy before `MiniStack` at `upstream`. `tls` must present a certificate for each
    /// STS host that is asked for: a wildcard covers one label only, so `*.amazonaws.com` does not
    /// cover `sts.us-east-1.amazonaws.com`.
    ///
    /// # Errors
    /// No port of 127.0.0.1 can be bound.
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

    /// The calls that came through: token checks, and nothing of the function's own.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Rules for these calls: an STS that throttles or hangs, say.
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
            tracing::warn!(method = %request.method(), host, "the STS proxy is for CONNECT to STS only");
            let mut refusal = Response::new(whole("CONNECT to an STS host, nothing else\n"));
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            return refusal;
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

/// Turns the XML answer of `GetCallerIdentity` into the JSON one. Refusals stay as they are: the
/// authenticator looks at their status alone.
fn as_json(call: &Call, answer: &mut Answer) {
    if !call.is("sts", "GetCallerIdentity") || !answer.status.is_success() {
        return;
    }
    let body = caller_identity(&answer.text());
    answer.set_json(&body);
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
    fn the_answer_is_the_same_in_json() {
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
    fn only_sts_is_let_through() {
        assert!(is_sts("sts.us-east-1.amazonaws.com"));
        assert!(is_sts("sts.cn-north-1.amazonaws.com.cn"));
        assert!(!is_sts("iam.amazonaws.com"));
        assert!(!is_sts("sts.us-east-1.amazonaws.com.example.org"));
    }
}
