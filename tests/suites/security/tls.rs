//! Connections over TLS, as in production: to AWS, to Kubernetes and to the response URL.

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

/// Create and Delete succeed with the function's own HTTP clients, if AWS, Kubernetes and S3 have certificates of an authority
/// that the function trusts.
#[tokio::test]
async fn create_and_delete_succeed_over_tls() {
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

/// The function sends nothing to a server whose certificate has an untrusted authority. No call reaches AWS, no response reaches
/// S3, and the invocation fails because the response could not be delivered.
#[tokio::test]
async fn untrusted_authority_gets_no_request() {
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
    assert!(error.to_string().contains("response"), "{error}");
    let calls: Vec<_> = scenario.cloud.gateway().journal().since(mark).iter().map(ToString::to_string).collect();
    assert!(calls.is_empty(), "{calls:?}");
    assert!(scenario.responses.puts(&url).is_empty());
}

/// A port that records the first byte of each connection, and sends nothing.
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
        // The thread ends with the process of the test.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut byte = [0];
                let has_byte = stream.read(&mut byte).is_ok_and(|read| read == 1);
                kept.lock().unwrap().push(has_byte.then_some(byte[0]));
            }
        });
        Self { port, first_bytes }
    }

    /// Returns the first byte of each connection, or `None` for a connection that was closed without a byte.
    fn seen(&self) -> Vec<Option<u8>> {
        self.first_bytes.lock().unwrap().clone()
    }
}

/// Starts a function without a cloud. Its AWS endpoint is this URL, or the real one if `None`.
async fn standalone_function(endpoint_url: Option<String>) -> (Function, tempfile::TempDir) {
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

/// If the TLS handshake fails, the function does not send plain text instead.
#[tokio::test]
async fn tls_failure_never_falls_back_to_plain_text() {
    let listener = Listener::start();
    let url = format!("https://127.0.0.1:{}", listener.port);
    let (mut function, _folder) = standalone_function(Some(url.clone())).await;
    let mut event = event_for(&format!("{url}/key?X-Amz-Signature=0"));
    event["ResourceProperties"] = properties();
    let invocation = function.invoke(&event, Duration::from_secs(8)).await.unwrap();
    assert!(matches!(invocation.outcome, Outcome::Error(_)), "{:?}", invocation.outcome);
    // A connection may have no byte, if the deadline ended its call first.
    let first_bytes: Vec<u8> = listener.seen().into_iter().flatten().collect();
    // 0x16 is the first byte of a TLS handshake.
    assert!(1 < first_bytes.len() && first_bytes.iter().all(|byte| *byte == 0x16), "{first_bytes:?}");
}

/// With the real AWS endpoint, the function sends responses only to hosts of S3. So a caller who can invoke the function cannot
/// make it call another host. No connection is opened, and the error names the host.
#[tokio::test]
async fn response_goes_only_to_s3_hosts() {
    let listener = Listener::start();
    let port = listener.port;
    let (mut function, _folder) = standalone_function(None).await;
    for (url, words) in [
        (
            format!("https://127.0.0.1:{port}/key?X-Amz-Signature=0"),
            "`127.0.0.1`, which is not an S3 host under `amazonaws.com`",
        ),
        (format!("https://localhost:{port}/b.s3.us-east-1.amazonaws.com/key"), "`localhost`, which is not an S3 host"),
        (format!("https://b.s3.us-east-1.amazonaws.com@127.0.0.1:{port}/key"), "`127.0.0.1`, which is not an S3 host"),
        (
            format!("https://127.0.0.1:{port}\\@b.s3.us-east-1.amazonaws.com/key"),
            "`127.0.0.1`, which is not an S3 host",
        ),
        (format!("http://127.0.0.1:{port}/key"), "not an https URL"),
        ("http://b.s3.us-east-1.amazonaws.com/key".to_owned(), "not an https URL"),
        ("https://b.s3.cn-north-1.amazonaws.com.cn/key".to_owned(), "which is not an S3 host under `amazonaws.com`"),
    ] {
        let invocation = function.invoke(&event_for(&url), Duration::from_secs(10)).await.unwrap();
        let Outcome::Error(error) = &invocation.outcome else { panic!("{url}: {:?}", invocation.outcome) };
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains(words) && message.contains("nothing is sent to it"), "{message}");
    }
    assert_eq!(listener.seen(), []);

    // With a custom endpoint, the function does connect to such a URL. So the check of the host prevented the connections above.
    let (mut function, _folder) = standalone_function(Some(format!("https://127.0.0.1:{port}"))).await;
    let event = event_for(&format!("https://127.0.0.1:{port}/key"));
    function.invoke(&event, Duration::from_secs(3)).await.unwrap();
    assert!(!listener.seen().is_empty());
}
