//! Lambda's Runtime API (version 2018-06-01) for one process. A restarted process gets a new API, so that the last poll of a
//! dead process cannot take the next event.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http_body_util::BodyExt as _;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex as AsyncMutex, mpsc, oneshot, watch},
};

use super::random_hex;
use crate::gateway::server::{Body, CloseConnection, Server, whole};

/// The API, on a port of its own. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    offers: mpsc::UnboundedSender<Offer>,
    shared: Arc<Shared>,
    _server: Server,
}

/// The final report of the process on an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Report {
    Response(Value),
    Error(Value),
}

impl RuntimeApi {
    /// Starts the API.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (offers, offered) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            offered: AsyncMutex::new(offered),
            polling: watch::Sender::new(false),
            current: Mutex::new(None),
        });
        let requests = Arc::clone(&shared);
        let server = Server::start(listener, None, move |request, _, _| Arc::clone(&requests).handle(request));
        Ok(Self { address, offers, shared, _server: server })
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the process polls for an event.
    pub(crate) async fn polled(&self) {
        let mut polling = self.shared.polling.subscribe();
        // Cannot fail, because this value owns the sender.
        let _ = polling.wait_for(|polling| *polling).await;
    }

    /// Offers an event to the process. The receiver gets its report.
    pub(crate) fn offer(
        &self,
        request_id: &str,
        function_arn: &str,
        event: &Value,
        timeout: Duration,
    ) -> oneshot::Receiver<Report> {
        let (report, reported) = oneshot::channel();
        let deadline = SystemTime::now() + timeout;
        let offer = Offer {
            request_id: request_id.to_owned(),
            function_arn: function_arn.to_owned(),
            deadline: deadline.duration_since(UNIX_EPOCH).unwrap_or_default(),
            event: event.to_string().into(),
            report,
        };
        // Cannot fail, because `shared` owns the receiver.
        let _ = self.offers.send(offer);
        reported
    }
}

#[derive(Debug)]
struct Shared {
    offered: AsyncMutex<mpsc::UnboundedReceiver<Offer>>,
    polling: watch::Sender<bool>,
    current: Mutex<Option<(String, oneshot::Sender<Report>)>>,
}

#[derive(Debug)]
struct Offer {
    request_id: String,
    function_arn: String,
    deadline: Duration,
    event: Bytes,
    report: oneshot::Sender<Report>,
}

impl Shared {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, CloseConnection> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let path = path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        let steps: Vec<&str> = path.split('/').collect();
        let body = request.into_body().collect().await.map_err(|_| CloseConnection)?.to_bytes();
        match (method, steps.as_slice()) {
            (Method::GET, ["invocation", "next"]) => self.next().await,
            (Method::POST, ["invocation", id, "response"]) => Ok(self.report(id, Report::Response(parse(&body)))),
            (Method::POST, ["invocation", id, "error"]) => Ok(self.report(id, Report::Error(parse(&body)))),
            (Method::POST, ["init", "error"]) => {
                tracing::warn!(error = %String::from_utf8_lossy(&body), "the function's initialisation failed");
                Ok(status(StatusCode::ACCEPTED, ACCEPTED))
            }
            _ => Ok(status(StatusCode::NOT_FOUND, r#"{"errorType":"NotFound"}"#)),
        }
    }

    async fn next(&self) -> Result<Response<Body>, CloseConnection> {
        let mut offered = self.offered.lock().await;
        self.polling.send_replace(true);
        let offer = offered.recv().await.ok_or(CloseConnection)?;
        self.polling.send_replace(false);
        let response = Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &offer.request_id)
            .header("Lambda-Runtime-Deadline-Ms", offer.deadline.as_millis().to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", &offer.function_arn)
            .header("Lambda-Runtime-Trace-Id", format!("Root=1-{}-{};Sampled=0", random_hex(8), random_hex(24)))
            .body(whole(offer.event))
            .map_err(|_| CloseConnection)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((offer.request_id, offer.report));
        Ok(response)
    }

    fn report(&self, request_id: &str, report: Report) -> Response<Body> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.take_if(|(id, _)| id == request_id) {
            Some((_, reporter)) => {
                // The receiver is dropped at the deadline.
                let _ = reporter.send(report);
                status(StatusCode::ACCEPTED, ACCEPTED)
            }
            None => status(StatusCode::BAD_REQUEST, r#"{"errorType":"InvalidRequestID"}"#),
        }
    }
}

fn parse(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn status(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response
}

const ACCEPTED: &str = r#"{"status":"OK"}"#;
