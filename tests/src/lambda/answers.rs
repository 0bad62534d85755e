//! What stands for S3's presigned URLs: takes the PUTs, keeps them all, misbehaves as told, and
//! judges them.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::Ipv4Addr,
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
    answer::{self, Answer, Put},
    event::EventIds,
    random_hex,
};
use crate::gateway::server::{Body, Connection, Cut, Server, whole};

/// The bucket of all answers. Dropped, it is gone.
#[derive(Debug)]
pub struct Answers {
    base: String,
    shared: Arc<Shared>,
    _server: Server,
}

/// A presigned URL that one answer may be PUT to.
#[derive(Clone)]
pub struct ResponseUrl {
    url: String,
    signature: String,
}

/// What an URL does with the next PUT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// Stores it.
    Accept,
    /// Refuses it with this status.
    Status(u16),
    /// Stores it after this time.
    Slow(Duration),
    /// Resets the connection.
    Reset,
    /// Stores it and resets the connection, so that the sender cannot know.
    AcceptThenReset,
    /// Never answers.
    Hang,
}

/// No answer came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer was stored within {bound:?}, after {puts} PUTs")]
pub struct Unanswered {
    /// How long it was waited for.
    pub bound: Duration,
    /// How many PUTs came and were not stored.
    pub puts: usize,
}

impl Answers {
    /// Opens the bucket on a port of localhost, over TLS where `tls` is given (its certificate must
    /// be for `localhost`).
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start(tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://localhost:{}", listener.local_addr()?.port());
        let shared = Arc::new(Shared { slots: Mutex::default(), changed: watch::Sender::new(()) });
        let slots = Arc::clone(&shared);
        let server =
            Server::start(listener, tls, move |request, connection, _| Arc::clone(&slots).handle(request, connection));
        Ok(Self { base, shared, _server: server })
    }

    /// A fresh URL for the answer to the event of these ids, signed now.
    pub fn expect(&self, ids: &EventIds) -> ResponseUrl {
        self.expect_signed_at(ids, SystemTime::now())
    }

    /// The same, signed at another time: for an event that was under way for long.
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

    /// What the URL does with its next PUTs, one after the other; those after them it stores.
    pub fn script(&self, url: &ResponseUrl, behaviours: impl IntoIterator<Item = Behaviour>) {
        if let Some(slot) = self.shared.slots().get_mut(&url.signature) {
            slot.script = behaviours.into_iter().collect();
        }
    }

    /// All PUTs to the URL so far, stored or not.
    pub fn puts(&self, url: &ResponseUrl) -> Vec<Put> {
        let slots = self.shared.slots();
        slots.get(&url.signature).map(|slot| slot.puts.clone()).unwrap_or_default()
    }

    /// Waits for the answer, and judges it.
    ///
    /// # Errors
    /// None is stored within `bound`.
    pub async fn take(&self, url: &ResponseUrl, bound: Duration) -> Result<Answer, Unanswered> {
        self.take_after(url, 0, bound).await
    }

    /// The same of what came after the first `earlier` PUTs: the answer to an event that was delivered again long
    /// after it was answered.
    ///
    /// # Errors
    /// As [`Answers::take`].
    pub async fn take_after(&self, url: &ResponseUrl, earlier: usize, bound: Duration) -> Result<Answer, Unanswered> {
        let mut changed = self.shared.changed.subscribe();
        let answered = time::timeout(bound, async {
            loop {
                if let Some(answer) = self.shared.answer(&url.signature, earlier) {
                    return answer;
                }
                // Cannot fail: this value holds the sender.
                let _ = changed.changed().await;
            }
        });
        answered.await.map_err(|_| Unanswered { bound, puts: self.puts(url).len() })
    }
}

impl ResponseUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// What must be in no log and in no Reason: whoever has it can answer in the function's place.
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
    /// Path and query as they were given out.
    target: String,
    script: VecDeque<Behaviour>,
    puts: Vec<Put>,
    /// Paths and queries that were altered on the way.
    strays: Vec<String>,
}

impl Shared {
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, Cut> {
        let (parts, body) = request.into_parts();
        // A sender that leaves in the middle has not sent an answer.
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let signature = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "X-Amz-Signature")
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let Some(behaviour) = self.arrived(&signature, target) else {
            return Ok(refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
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
                Ok(refusal(status, code))
            }
            Behaviour::Reset | Behaviour::AcceptThenReset => Err(connection.reset()),
            Behaviour::Hang => std::future::pending().await,
        }
    }

    /// What to do with a request. None if its URL is not one of those given out: then its signature
    /// does not hold.
    fn arrived(&self, signature: &str, target: &str) -> Option<Behaviour> {
        let mut slots = self.slots();
        let slot = slots.get_mut(signature)?;
        if slot.target != target {
            slot.strays.push(target.to_owned());
            return None;
        }
        Some(slot.script.pop_front().unwrap_or(Behaviour::Accept))
    }

    fn answer(&self, signature: &str, earlier: usize) -> Option<Answer> {
        let slots = self.slots();
        let slot = slots.get(signature)?;
        answer::read(&slot.ids, slot.puts.get(earlier..)?, &slot.strays)
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

fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>refused</Message></Error>"
    );
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/xml"));
    response
}

/// Begins every signature, so that one is recognised wherever it turns up.
const SIGNATURE_START: &str = "5ec2e7";

/// As `SigV4` encodes a path, but the slash with it: an ARN is one name here.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lambda::Resource;

    struct Sent {
        answers: Answers,
        url: ResponseUrl,
        body: String,
        client: reqwest::Client,
    }

    impl Sent {
        async fn new() -> Self {
            let answers = Answers::start(None).await.unwrap();
            let event = Resource::new("111122223333", "us-east-1", "demo", "Prereqs").create(&json!({}));
            let ids = event.ids();
            let body = json!({
                "Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": ids.stack_id,
                "RequestId": ids.request_id, "LogicalResourceId": ids.logical_resource_id,
            });
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).build().unwrap();
            Self { url: answers.expect(ids), answers, body: body.to_string(), client }
        }

        async fn put(&self, url: &str, body: String) -> Result<u16, reqwest::Error> {
            let sent = self.client.put(url).header(CONTENT_TYPE, "").body(body).send().await?;
            Ok(sent.status().as_u16())
        }

        async fn again(&self) -> Result<u16, reqwest::Error> {
            self.put(self.url.as_str(), self.body.clone()).await
        }

        async fn taken(&self) -> Result<Answer, Unanswered> {
            self.answers.take(&self.url, Duration::from_millis(50)).await
        }
    }

    #[tokio::test]
    async fn a_good_put_is_taken() {
        let sent = Sent::new().await;
        assert_eq!(sent.again().await.unwrap(), 200);
        let answer = sent.taken().await.unwrap();
        answer.assert_sound();
        assert!(answer.succeeded());
        assert_eq!(answer.physical_resource_id, "p");
        assert!(sent.url.as_str().contains("%3Astack%2Fdemo%2F"), "{:?}", sent.url);
        assert!(sent.url.as_str().contains(sent.url.secret()));
    }

    #[tokio::test]
    async fn a_bad_put_is_told() {
        let sent = Sent::new().await;
        sent.put(sent.url.as_str(), "{}".to_owned()).await.unwrap();
        assert!(!sent.taken().await.unwrap().violations.is_empty());
    }

    #[tokio::test]
    async fn an_altered_url_is_refused_and_told() {
        let sent = Sent::new().await;
        let decoded = sent.url.as_str().replace("%3A", ":");
        assert_eq!(sent.put(&decoded, sent.body.clone()).await.unwrap(), 403);
        assert!(sent.taken().await.is_err());
        sent.again().await.unwrap();
        let violations = sent.taken().await.unwrap().violations;
        assert!(violations[0].contains("altered"), "{violations:?}");
    }

    #[tokio::test]
    async fn the_script_is_followed_to_its_end() {
        let sent = Sent::new().await;
        sent.answers
            .script(&sent.url, [Behaviour::Status(403), Behaviour::Status(503), Behaviour::Reset, Behaviour::Hang]);
        assert_eq!(sent.again().await.unwrap(), 403);
        assert_eq!(sent.again().await.unwrap(), 503);
        assert!(sent.again().await.unwrap_err().is_request());
        assert!(sent.again().await.unwrap_err().is_timeout());
        assert!(sent.taken().await.is_err(), "nothing was stored so far");
        assert_eq!(sent.again().await.unwrap(), 200);
        let answer = sent.taken().await.unwrap();
        answer.assert_sound();
        assert_eq!(answer.puts.len(), 5);
    }

    #[tokio::test]
    async fn the_first_that_is_stored_counts_and_the_rest_must_equal_it() {
        let sent = Sent::new().await;
        sent.answers.script(&sent.url, [Behaviour::AcceptThenReset]);
        assert!(sent.again().await.is_err());
        let other = sent.body.replace("\"p\"", "\"q\"");
        assert_eq!(sent.put(sent.url.as_str(), other).await.unwrap(), 200);
        let answer = sent.taken().await.unwrap();
        assert_eq!(answer.physical_resource_id, "p");
        assert_eq!(answer.violations, ["PUT 2 has another body than the first"]);
    }
}
