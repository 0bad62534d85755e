//! The PUT of the response to a URL that fails.

use std::{io, net::TcpListener, time::Duration};

use local_cloud::{
    lambda::{
        Behaviour::{self, Accept, AcceptThenReset, Hang, Reset, Slow, Status},
        Event, Function, FunctionOptions, Invocation, Outcome, Resource, ResponseBucket, ResponseUrl,
    },
    tools,
};
use serde_json::json;

/// A function without a cloud, and a server for responses. Its events have invalid properties, so that it needs no call to AWS.
pub(super) struct Standalone {
    pub(super) responses: ResponseBucket,
    pub(super) function: Function,
    pub(super) resource: Resource,
    _folder: tempfile::TempDir,
}

impl Standalone {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = FunctionOptions {
            // Nothing listens there, so that a call to AWS would fail.
            endpoint_url: Some(closed_url().unwrap()),
            ..FunctionOptions::new(tools::bootstrap().unwrap(), folder.path())
        };
        let function = Function::start(options).await.unwrap();
        let resource = Resource::new("111122223333", "us-east-1", "platform", "Prereqs").service_timeout(600);
        Self { responses: ResponseBucket::start(None).await.unwrap(), function, resource, _folder: folder }
    }

    /// Returns an event that gets a response without a call to AWS.
    pub(super) fn event(&self) -> Event {
        self.resource.create(&json!({"Clustername": "demo"}))
    }

    async fn invoke(&mut self, event: &Event, url: &ResponseUrl, limit: Duration) -> Invocation {
        self.function.invoke(&event.with_response_url(url), limit).await.unwrap()
    }
}

/// Returns the URL of a port at which nothing listens.
fn closed_url() -> io::Result<String> {
    Ok(format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

/// S3 first rejects the PUT, resets the connection, hangs or is slow. The function repeats the PUT with the same bytes until it
/// succeeds, and returns success to Lambda.
#[tokio::test]
async fn rejected_response_is_sent_again_unchanged() {
    let mut standalone = Standalone::start().await;
    let scripts: [&[Behaviour]; 7] = [
        &[Status(403), Accept],
        &[Status(503), Status(503), Status(500), Accept],
        &[Reset, Accept],
        &[AcceptThenReset, Accept],
        &[Hang, Accept],
        &[Slow(Duration::from_millis(1500))],
        &[Status(503), Reset, Hang, AcceptThenReset, Accept],
    ];
    for script in scripts {
        let event = standalone.event();
        let url = standalone.responses.expect(event.ids());
        standalone.responses.script(&url, script.iter().copied());
        let invocation = standalone.invoke(&event, &url, Duration::from_secs(30)).await;
        assert!(invocation.returned(), "{script:?}: {:?}\n{}", invocation.outcome, invocation.log_text());
        let response = standalone.responses.take(&url, Duration::from_millis(100)).await.unwrap();
        // This also checks that each PUT has the same bytes.
        response.assert_sound();
        assert!(response.reason.unwrap().contains("`Clustername`"));
        assert_eq!(standalone.responses.puts(&url).len(), script.len(), "{script:?}");
    }
}

/// If S3 accepts no PUT, the function returns an error to Lambda before the deadline, so that Lambda delivers the event again.
/// The redelivery gets a response.
#[tokio::test]
async fn undeliverable_response_fails_invocation_in_time() {
    let mut standalone = Standalone::start().await;
    let limit = Duration::from_secs(5);
    for never in [Status(403), Status(503), Reset, Hang] {
        let event = standalone.event();
        let url = standalone.responses.expect(event.ids());
        standalone.responses.script(&url, [never; 500]);
        let invocation = standalone.invoke(&event, &url, limit).await;
        let Outcome::Error(error) = &invocation.outcome else { panic!("{never:?}: {:?}", invocation.outcome) };
        assert!(error["errorMessage"].as_str().unwrap().contains("response"), "{error}");
        assert!(invocation.duration < limit, "{:?}", invocation.duration);
        assert!(1 < standalone.responses.puts(&url).len(), "{never:?} is not retried");

        standalone.responses.script(&url, []);
        let again = standalone.invoke(&event, &url, limit).await;
        assert!(again.returned(), "{:?}", again.outcome);
        standalone.responses.take(&url, Duration::from_millis(100)).await.unwrap().assert_sound();
    }
}

/// If the port of the response URL is closed, the function returns an error to Lambda too. Neither the error nor the log has the
/// signature in the URL.
#[tokio::test]
async fn closed_response_url_fails_invocation_in_time() {
    let mut standalone = Standalone::start().await;
    let event = standalone.event();
    let url = standalone.responses.expect(event.ids());
    let mut raw = event.with_response_url(&url);
    let closed = format!("{}/key?X-Amz-Signature={}", closed_url().unwrap(), url.secret());
    raw["ResponseURL"] = json!(closed);
    let limit = Duration::from_secs(4);
    let invocation = standalone.function.invoke(&raw, limit).await.unwrap();
    let Outcome::Error(error) = &invocation.outcome else { panic!("{:?}", invocation.outcome) };
    assert!(invocation.duration < limit);
    for text in [error.to_string(), invocation.log_text()] {
        assert!(!text.contains(url.secret()), "{text}");
    }
}
