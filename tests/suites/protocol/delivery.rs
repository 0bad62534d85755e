//! The PUT of the answer to a URL that misbehaves.

use std::{io, net::TcpListener, time::Duration};

use local_cloud::{
    lambda::{
        ResponseBucket,
        Behaviour::{self, Accept, AcceptThenReset, Hang, Reset, Slow, Status},
        Event, Function, FunctionOptions, Invocation, Outcome, Resource, ResponseUrl,
    },
    tools,
};
use serde_json::json;

/// A function with nothing around it but the bucket of answers: the event that it gets is wrong by itself.
pub(super) struct Alone {
    pub(super) responses: ResponseBucket,
    pub(super) function: Function,
    pub(super) resource: Resource,
    _folder: tempfile::TempDir,
}

impl Alone {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = FunctionOptions {
            // Nobody is there: a call to AWS would be seen as an error.
            endpoint_url: Some(nowhere().unwrap()),
            ..FunctionOptions::new(tools::bootstrap().unwrap(), folder.path())
        };
        let function = Function::start(options).await.unwrap();
        let resource = Resource::new("111122223333", "us-east-1", "platform", "Prereqs").service_timeout(600);
        Self { responses: ResponseBucket::start(None).await.unwrap(), function, resource, _folder: folder }
    }

    /// An event that is answered without any call to AWS.
    pub(super) fn event(&self) -> Event {
        self.resource.create(&json!({"Clustername": "demo"}))
    }

    async fn invoke(&mut self, event: &Event, url: &ResponseUrl, limit: Duration) -> Invocation {
        self.function.invoke(&event.with_response_url(url), limit).await.unwrap()
    }
}

/// A URL of a port that nobody listens at.
fn nowhere() -> io::Result<String> {
    Ok(format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

/// Whatever S3 does at first, the answer arrives, with the same bytes each time, and Lambda is told that all is well.
#[tokio::test]
async fn an_answer_that_is_not_taken_at_first_is_put_again() {
    let mut alone = Alone::start().await;
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
        let event = alone.event();
        let url = alone.responses.expect(event.ids());
        alone.responses.script(&url, script.iter().copied());
        let invocation = alone.invoke(&event, &url, Duration::from_secs(30)).await;
        assert!(invocation.returned(), "{script:?}: {:?}\n{}", invocation.outcome, invocation.log_text());
        let response = alone.responses.take(&url, Duration::from_millis(100)).await.unwrap();
        // That each PUT has the first one's bytes is among what is judged.
        response.assert_sound();
        assert!(response.reason.unwrap().contains("`Clustername`"));
        assert_eq!(alone.responses.puts(&url).len(), script.len(), "{script:?}");
    }
}

/// When S3 takes no answer at all, Lambda is told before the deadline, so that it delivers the event again; the event
/// delivered again is answered.
#[tokio::test]
async fn an_answer_that_cannot_be_delivered_fails_the_invocation_in_time() {
    let mut alone = Alone::start().await;
    let limit = Duration::from_secs(5);
    for never in [Status(403), Status(503), Reset, Hang] {
        let event = alone.event();
        let url = alone.responses.expect(event.ids());
        alone.responses.script(&url, [never; 500]);
        let invocation = alone.invoke(&event, &url, limit).await;
        let Outcome::Error(error) = &invocation.outcome else { panic!("{never:?}: {:?}", invocation.outcome) };
        assert!(error["errorMessage"].as_str().unwrap().contains("answer"), "{error}");
        assert!(invocation.duration < limit, "{:?}", invocation.duration);
        assert!(1 < alone.responses.puts(&url).len(), "{never:?} is tried again");

        alone.responses.script(&url, []);
        let again = alone.invoke(&event, &url, limit).await;
        assert!(again.returned(), "{:?}", again.outcome);
        alone.responses.take(&url, Duration::from_millis(100)).await.unwrap().assert_sound();
    }
}

/// Where the address of the answer is closed, Lambda is told too, and no part of the URL's query.
#[tokio::test]
async fn an_address_that_nobody_listens_at_fails_the_invocation_in_time() {
    let mut alone = Alone::start().await;
    let event = alone.event();
    let url = alone.responses.expect(event.ids());
    let mut raw = event.with_response_url(&url);
    let closed = format!("{}/key?X-Amz-Signature={}", nowhere().unwrap(), url.secret());
    raw["ResponseURL"] = json!(closed);
    let limit = Duration::from_secs(4);
    let invocation = alone.function.invoke(&raw, limit).await.unwrap();
    let Outcome::Error(error) = &invocation.outcome else { panic!("{:?}", invocation.outcome) };
    assert!(invocation.duration < limit);
    for text in [error.to_string(), invocation.log_text()] {
        assert!(!text.contains(url.secret()), "{text}");
    }
}
