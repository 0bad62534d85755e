//! Simulates S3's presigned URLs. It stores and checks the PUTs, and fails them on request.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use http_body_util::BodyExt as _;
use hyper::{Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE};
use jiff::{Timestamp, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::watch, time};
use url::form_urlencoded;

use super::{
    event::EventIds,
    random_hex,
    response::{self, CfnResponse, Put},
};
use crate::gateway::server::{Body, CloseConnection, Connection, Server, whole};

/// The bucket of all responses. Dropping it stops the server.
#[derive(Debug)]
pub struct ResponseBucket {
    base: String,
    shared: Arc<Shared>,
    _server: Server,
}

/// A presigned URL for one response.
#[derive(Clone)]
pub struct ResponseUrl {
    url: String,
    signature: String,
}

/// What a URL does with the next PUT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// Stores it.
    Accept,
    /// Rejects it with this status.
    Status(u16),
    /// Stores it after this time.
    Slow(Duration),
    /// Resets the connection.
    Reset,
    /// Stores it and resets the connection, so that the sender does not know the result.
    AcceptThenReset,
    /// Never responds.
    Hang,
}

/// No response arrived in time.
#[derive(Debug, thiserror::Error)]
#[error("no response was stored within {bound:?}, after {puts} PUTs")]
pub struct NoResponse {
    /// The maximum time to wait.
    pub bound: Duration,
    /// The number of PUTs that were not stored.
    pub puts: usize,
}

impl ResponseBucket {
    /// Opens the bucket on a port of localhost, with TLS if `tls` is given. Its certificate must be for `localhost`.
    ///
    /// # Errors
    /// Fails when no port is free.
    pub async fn start(tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://localhost:{}", listener.local_addr()?.port());
        Ok(Self::serve(listener, base, tls))
    }

    /// Opens the bucket at this address, which `host` resolves to. The URLs have the host without a port, so the port must be
    /// that of HTTPS: 443. The certificate of `tls` must be for the host.
    ///
    /// # Errors
    /// Fails when the address is not free.
    pub async fn start_at(address: SocketAddr, host: &str, tls: Arc<ServerConfig>) -> io::Result<Self> {
        Ok(Self::serve(TcpListener::bind(address).await?, format!("https://{host}"), Some(tls)))
    }

    fn serve(listener: TcpListener, base: String, tls: Option<Arc<ServerConfig>>) -> Self {
        let shared = Arc::new(Shared { slots: Mutex::default(), changed: watch::Sender::new(()) });
        let slots = Arc::clone(&shared);
        let server =
            Server::start(listener, tls, move |request, connection, _| Arc::clone(&slots).handle(request, connection));
        Self { base, shared, _server: server }
    }

    /// Returns a new URL for the response to the event with these ids, signed now.
    pub fn expect(&self, ids: &EventIds) -> ResponseUrl {
        self.expect_signed_at(ids, SystemTime::now())
    }

    /// Returns a new URL with another time of signing, for an event that has been running for a long time.
    pub fn expect_signed_at(&self, ids: &EventIds, at: SystemTime) -> ResponseUrl {
        let signature = format!("{SIGNATURE_START}{}", random_hex(64 - SIGNATURE_START.len()));
        let date = Timestamp::try_from(at).unwrap_or_default().to_zoned(TimeZone::UTC);
        let key = format!("{}|{}|{}", ids.stack_id, ids.logical_resource_id, ids.request_id);
        let target = format!(
            "/{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={}&X-Amz-SignedHeaders=host\
             &X-Amz-Expires=7200&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F{}%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Signature={signature}",
            utf8_percent_encode(&key, UNRESERVED),
            date.strftime("%Y%m%dT%H%M%SZ"),
            date.strftime("%Y%m%d"),
        );
        let url = ResponseUrl { url: format!("{}{target}", self.base), signature: signature.clone() };
        let slot = Slot { ids: ids.clone(), target, script: VecDeque::new(), puts: Vec::new(), strays: Vec::new() };
        self.shared.slots().insert(signature, slot);
        url
    }

    /// Sets what the URL does with its next PUTs, one after the other. It stores later ones.
    pub fn script(&self, url: &ResponseUrl, behaviours: impl IntoIterator<Item = Behaviour>) {
        if let Some(slot) = self.shared.slots().get_mut(&url.signature) {
            slot.script = behaviours.into_iter().collect();
        }
    }

    /// Returns all PUTs to the URL so far, stored or not.
    pub fn puts(&self, url: &ResponseUrl) -> Vec<Put> {
        let slots = self.shared.slots();
        slots.get(&url.signature).map(|slot| slot.puts.clone()).unwrap_or_default()
    }

    /// Waits for the response, and checks it.
    ///
    /// # Errors
    /// [`NoResponse`] when none is stored within `bound`.
    pub async fn take(&self, url: &ResponseUrl, bound: Duration) -> Result<CfnResponse, NoResponse> {
        self.take_after(url, 0, bound).await
    }

    /// Waits for the response after the first `earlier` PUTs, for an event that was delivered again long after its response.
    ///
    /// # Errors
    /// As [`ResponseBucket::take`].
    pub async fn take_after(
        &self,
        url: &ResponseUrl,
        earlier: usize,
        bound: Duration,
    ) -> Result<CfnResponse, NoResponse> {
        let mut changed = self.shared.changed.subscribe();
        let stored = time::timeout(bound, async {
            loop {
                if let Some(response) = self.shared.response(&url.signature, earlier) {
                    return response;
                }
                // Cannot fail, because this value owns the sender.
                let _ = changed.changed().await;
            }
        });
        stored.await.map_err(|_| NoResponse { bound, puts: self.puts(url).len() })
    }
}

impl ResponseUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The signature, which no log and no Reason may contain, because it allows to respond in place of the function.
    pub fn secret(&self) -> &str {
        &self.signature
    }

    #[cfg(test)]
    pub(crate) fn test(url: &str) -> Self {
        Self { url: url.to_owned(), signature: String::new() }
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[derive(Debug)]
struct Shared {
    /// By signature.
    slots: Mutex<BTreeMap<String, Slot>>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Slot {
    ids: EventIds,
    /// Path and query of the URL.
    target: String,
    script: VecDeque<Behaviour>,
    puts: Vec<Put>,
    /// Paths and queries that were altered by the sender.
    strays: Vec<String>,
}

impl Shared {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, CloseConnection> {
        let (parts, body) = request.into_parts();
        // A sender that leaves in the middle has sent no response.
        let body = body.collect().await.map_err(|_| CloseConnection)?.to_bytes();
        let signature = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "X-Amz-Signature")
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let Some(behaviour) = self.arrived(&signature, target) else {
            return Ok(error_response(StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
        };
        let put = Put {
            at: SystemTime::now(),
            method: parts.method,
            headers: parts.headers,
            body,
            stored: matches!(behaviour, Behaviour::Accept | Behaviour::AcceptThenReset | Behaviour::Slow(_)),
        };
        if let Behaviour::Slow(delay) = behaviour {
            time::sleep(delay).await;
        }
        self.keep(&signature, put);
        match behaviour {
            Behaviour::Accept | Behaviour::Slow(_) => Ok(Response::new(whole(""))),
            Behaviour::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let code = if status == StatusCode::FORBIDDEN { "AccessDenied" } else { "SlowDown" };
                Ok(error_response(status, code))
            }
            Behaviour::Reset | Behaviour::AcceptThenReset => Err(connection.reset()),
            Behaviour::Hang => std::future::pending().await,
        }
    }

    /// Returns what to do with a request; `None` if it is not one of the bucket's URLs, because its signature is then
    /// invalid.
    fn arrived(&self, signature: &str, target: &str) -> Option<Behaviour> {
        let mut slots = self.slots();
        let slot = slots.get_mut(signature)?;
        if slot.target != target {
            slot.strays.push(target.to_owned());
            return None;
        }
        Some(slot.script.pop_front().unwrap_or(Behaviour::Accept))
    }

    fn response(&self, signature: &str, earlier: usize) -> Option<CfnResponse> {
        let slots = self.slots();
        let slot = slots.get(signature)?;
        response::read(&slot.ids, slot.puts.get(earlier..)?, &slot.strays)
    }

    fn keep(&self, signature: &str, put: Put) {
        if let Some(slot) = self.slots().get_mut(signature) {
            slot.puts.push(put);
        }
        self.changed.send_replace(());
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error_response(status: StatusCode, code: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>refused</Message></Error>"
    );
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/xml"));
    response
}

/// Every signature begins with this, so that it is recognised everywhere.
const SIGNATURE_START: &str = "5ec2e7";

/// Encoded like a `SigV4` path, but with the slash, because an ARN is one path segment here.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lambda::Resource;

    struct Fixture {
        responses: ResponseBucket,
        url: ResponseUrl,
        body: String,
        client: reqwest::Client,
    }

    impl Fixture {
        async fn new() -> Self {
            let responses = ResponseBucket::start(None).await.unwrap();
            let event = Resource::new("111122223333", "us-east-1", "demo", "Prereqs").create(&json!({}));
            let ids = event.ids();
            let body = json!({
                "Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": ids.stack_id,
                "RequestId": ids.request_id, "LogicalResourceId": ids.logical_resource_id,
            });
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).build().unwrap();
            Self { url: responses.expect(ids), responses, body: body.to_string(), client }
        }

        async fn put(&self, url: &str, body: String) -> Result<u16, reqwest::Error> {
            let response = self.client.put(url).header(CONTENT_TYPE, "").body(body).send().await?;
            Ok(response.status().as_u16())
        }

        async fn put_body(&self) -> Result<u16, reqwest::Error> {
            self.put(self.url.as_str(), self.body.clone()).await
        }

        async fn take(&self) -> Result<CfnResponse, NoResponse> {
            self.responses.take(&self.url, Duration::from_millis(50)).await
        }
    }

    #[tokio::test]
    async fn good_put_is_accepted() {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.put_body().await.unwrap(), 200);
        let response = fixture.take().await.unwrap();
        response.assert_sound();
        assert!(response.succeeded());
        assert_eq!(response.physical_resource_id, "p");
        assert!(fixture.url.as_str().contains("%3Astack%2Fdemo%2F"), "{:?}", fixture.url);
        assert!(fixture.url.as_str().contains(fixture.url.secret()));
    }

    #[tokio::test]
    async fn bad_put_has_violations() {
        let fixture = Fixture::new().await;
        fixture.put(fixture.url.as_str(), "{}".to_owned()).await.unwrap();
        assert!(!fixture.take().await.unwrap().violations.is_empty());
    }

    #[tokio::test]
    async fn altered_url_is_rejected_and_reported() {
        let fixture = Fixture::new().await;
        let decoded = fixture.url.as_str().replace("%3A", ":");
        assert_eq!(fixture.put(&decoded, fixture.body.clone()).await.unwrap(), 403);
        assert!(fixture.take().await.is_err());
        fixture.put_body().await.unwrap();
        let violations = fixture.take().await.unwrap().violations;
        assert!(violations[0].contains("altered"), "{violations:?}");
    }

    #[tokio::test]
    async fn script_is_followed_to_its_end() {
        let fixture = Fixture::new().await;
        fixture
            .responses
            .script(&fixture.url, [Behaviour::Status(403), Behaviour::Status(503), Behaviour::Reset, Behaviour::Hang]);
        assert_eq!(fixture.put_body().await.unwrap(), 403);
        assert_eq!(fixture.put_body().await.unwrap(), 503);
        assert!(fixture.put_body().await.unwrap_err().is_request());
        assert!(fixture.put_body().await.unwrap_err().is_timeout());
        assert!(fixture.take().await.is_err(), "nothing was stored so far");
        assert_eq!(fixture.put_body().await.unwrap(), 200);
        let response = fixture.take().await.unwrap();
        response.assert_sound();
        assert_eq!(response.puts.len(), 5);
    }

    #[tokio::test]
    async fn first_stored_put_counts_and_others_must_be_equal() {
        let fixture = Fixture::new().await;
        fixture.responses.script(&fixture.url, [Behaviour::AcceptThenReset]);
        assert!(fixture.put_body().await.is_err());
        let other = fixture.body.replace("\"p\"", "\"q\"");
        assert_eq!(fixture.put(fixture.url.as_str(), other).await.unwrap(), 200);
        let response = fixture.take().await.unwrap();
        assert_eq!(response.physical_resource_id, "p");
        assert_eq!(response.violations, ["PUT 2 has another body than the first"]);
    }
}
