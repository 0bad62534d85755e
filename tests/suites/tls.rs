//! Every connection over TLS, as in production: to AWS, to Kubernetes, and to the URL of the answer.

use std::{
    io::Read as _,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use local_cloud::{
    CloudOptions, ClusterOptions,
    lambda::{Function, FunctionOptions, Outcome, Resource},
    pki::Pki,
    scenario::{AWS_AUTH, CLUSTER, Scenario},
    tools,
};
use serde_json::{Value, json};

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

async fn scenario() -> Scenario {
    let options = CloudOptions { tls: true, ..CloudOptions::default() };
    let scenario = Scenario::start_with(options, ClusterOptions::default()).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    scenario
}

/// With AWS, Kubernetes and S3 behind TLS under an authority that the function trusts, Create and Delete do their
/// work: the production HTTP clients are what runs.
#[tokio::test]
async fn create_and_delete_work_over_tls_alone() {
    let mut scenario = scenario().await;
    assert!(scenario.cloud.gateway().url().starts_with("https://"));
    let before = scenario.world().await.unwrap();
    let event = scenario.resource.create(&properties());
    assert!(scenario.responses.expect(event.ids()).as_str().starts_with("https://"));
    let created = scenario.send(&event).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    for service in ["iam", "ec2", "eks", "cloudformation", "kubernetes"] {
        assert!(created.calls.iter().any(|call| call.service == service), "{service}");
    }
    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A server that no trusted authority vouches for is told nothing: no call reaches AWS, no answer reaches S3, and
/// Lambda is told that the answer could not be delivered.
#[tokio::test]
async fn an_authority_that_is_not_trusted_is_told_nothing() {
    let mut scenario = scenario().await;
    let other = tempfile::tempdir().unwrap();
    let other = Pki::new(other.path()).unwrap();
    let creator = scenario.cluster.creator_role_arn.clone();
    scenario.restart(&creator, |options| options.ca_file = Some(other.ca_path())).await.unwrap();
    let mark = scenario.cloud.gateway().journal().position();
    let event = scenario.resource.create(&properties());
    let url = scenario.responses.expect(event.ids());
    let invocation = scenario.function.invoke(&event.with_response_url(&url), Duration::from_secs(12)).await.unwrap();
    let Outcome::Error(error) = &invocation.outcome else { panic!("{:?}", invocation.outcome) };
    assert!(error.to_string().contains("answer"), "{error}");
    let calls: Vec<_> = scenario.cloud.gateway().journal().since(mark).iter().map(ToString::to_string).collect();
    assert!(calls.is_empty(), "{calls:?}");
    assert!(scenario.responses.puts(&url).is_empty());
}

/// A port that keeps the first byte of each connection, and never says anything.
struct Listener {
    port: u16,
    first_bytes: Arc<Mutex<Vec<Option<u8>>>>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let first_bytes: Arc<Mutex<Vec<Option<u8>>>> = Arc::default();
        let kept = Arc::clone(&first_bytes);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut byte = [0];
                let said = stream.read(&mut byte).is_ok_and(|read| read == 1);
                kept.lock().unwrap().push(said.then_some(byte[0]));
            }
        });
        Self { port, first_bytes }
    }

    /// The first byte of each connection; `None` where none came before it was closed.
    fn seen(&self) -> Vec<Option<u8>> {
        self.first_bytes.lock().unwrap().clone()
    }
}

/// A function alone, its AWS endpoint at this URL or the real one.
async fn alone(endpoint_url: Option<String>) -> (Function, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = FunctionOptions { endpoint_url, ..FunctionOptions::new(tools::bootstrap().unwrap(), folder.path()) };
    (Function::start(options).await.unwrap(), folder)
}

fn event_for(url: &str) -> Value {
    let event = Resource::new("111122223333", "us-east-1", "platform", "Prereqs").create(&json!({"Cluster": "demo"}));
    json!({
        "RequestType": "Create", "ResponseURL": url, "StackId": event.ids().stack_id, "RequestId": event.ids().request_id,
        "LogicalResourceId": "Prereqs", "ResourceType": "Custom::KarpenterPrereqs", "ResourceProperties": {"Cluster": "demo"},
    })
}

/// Nothing is ever sent in plain text where TLS is asked for, also when TLS does not come about.
#[tokio::test]
async fn there_is_no_way_back_to_plain_text() {
    let listener = Listener::start();
    let url = format!("https://127.0.0.1:{}", listener.port);
    let (mut function, _folder) = alone(Some(url.clone())).await;
    let mut event = event_for(&format!("{url}/key?X-Amz-Signature=0"));
    event["ResourceProperties"] = properties();
    let invocation = function.invoke(&event, Duration::from_secs(8)).await.unwrap();
    assert!(matches!(invocation.outcome, Outcome::Error(_)), "{:?}", invocation.outcome);
    // A call that the deadline ends may leave a connection in which nothing was said.
    let said: Vec<u8> = listener.seen().into_iter().flatten().collect();
    // 0x16 begins a TLS handshake.
    assert!(1 < said.len() && said.iter().all(|byte| *byte == 0x16), "{said:?}");
}

/// Against the real AWS an answer goes to no host but S3's: whoever can invoke the function cannot have it call
/// another. No connection is made, and the error says which host it was.
#[tokio::test]
async fn an_answer_goes_to_no_host_but_s3() {
    let listener = Listener::start();
    let port = listener.port;
    let (mut function, _folder) = alone(None).await;
    for (url, words) in [
        (
            format!("https://127.0.0.1:{port}/key?X-Amz-Signature=0"),
            "`127.0.0.1`, which is no S3 host under `amazonaws.com`",
        ),
        (format!("https://localhost:{port}/b.s3.us-east-1.amazonaws.com/key"), "`localhost`, which is no S3 host"),
        (format!("https://b.s3.us-east-1.amazonaws.com@127.0.0.1:{port}/key"), "`127.0.0.1`, which is no S3 host"),
        (format!("https://127.0.0.1:{port}\\@b.s3.us-east-1.amazonaws.com/key"), "`127.0.0.1`, which is no S3 host"),
        (format!("http://127.0.0.1:{port}/key"), "not an https URL"),
        ("http://b.s3.us-east-1.amazonaws.com/key".to_owned(), "not an https URL"),
        ("https://b.s3.cn-north-1.amazonaws.com.cn/key".to_owned(), "which is no S3 host under `amazonaws.com`"),
    ] {
        let invocation = function.invoke(&event_for(&url), Duration::from_secs(10)).await.unwrap();
        let Outcome::Error(error) = &invocation.outcome else { panic!("{url}: {:?}", invocation.outcome) };
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains(words) && message.contains("nothing is sent to it"), "{message}");
    }
    assert_eq!(listener.seen(), []);

    // The same process and URL with a custom endpoint do connect: what was seen above is the guard.
    let (mut function, _folder) = alone(Some(format!("https://127.0.0.1:{port}"))).await;
    let event = event_for(&format!("https://127.0.0.1:{port}/key"));
    function.invoke(&event, Duration::from_secs(3)).await.unwrap();
    assert!(!listener.seen().is_empty());
}
