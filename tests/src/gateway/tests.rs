//! The gateway on the wire, before a small service of this file's own.

use std::{
    error::Error as _,
    io::ErrorKind,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, StreamBody};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use reqwest::{Certificate, Client, Proxy, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{
    server::{Body, Connection, Cut, whole},
    *,
};
use crate::pki::Pki;

/// A service that answers with what it was asked, and counts.
struct Echo {
    address: SocketAddr,
    seen: Arc<AtomicUsize>,
    /// Where requests with the query `held` wait.
    held: Hold,
    _server: Server,
}

impl Echo {
    async fn new(tls: Option<Arc<ServerConfig>>) -> Self {
        let bound = Bound::new().await.unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let held = Hold::new();
        let (counted, door) = (Arc::clone(&seen), held.clone());
        let answer = move |request: Request<Incoming>, _: Connection, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            echo(request, door.clone())
        };
        Self { address: bound.address, seen, held, _server: Server::start(bound.listener, tls, answer) }
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

async fn echo(request: Request<Incoming>, held: Hold) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    if parts.uri.query() == Some("held") {
        held.wait().await;
    }
    if parts.uri.query() == Some("watch=true") {
        let first = futures::stream::iter([Ok(hyper::body::Frame::data("first".into()))]);
        let endless = futures::StreamExt::chain(first, futures::stream::pending());
        return Ok(Response::new(StreamBody::new(endless).boxed_unsync()));
    }
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let headers: Value =
        parts.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let answer = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "body": body.to_vec(),
    });
    Ok(Response::new(whole(answer.to_string())))
}

/// A gateway before an [`Echo`], and a client of it.
struct Bench {
    echo: Echo,
    gateway: Gateway,
    client: Client,
    // It holds the certificate's files.
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new(tls: bool) -> Self {
        let (folder, pki) = pki();
        let echo = Echo::new(None).await;
        let config = tls.then(|| pki.server("gateway", &["127.0.0.1"]).unwrap().server_config().unwrap());
        let gateway = Gateway::serve(Gateway::bind().await.unwrap(), echo.address, config);
        Self { echo, gateway, client: client(&pki), _folder: folder }
    }

    /// Strikes every call with `effect`, makes one, and gives its end.
    async fn struck(&self, effect: Effect) -> Result<reqwest::Response, reqwest::Error> {
        let rule = self.gateway.rules().add(When::any(), effect);
        let answer = self.call("iam").await;
        assert_eq!(rule.hits(), 1);
        answer
    }

    async fn call(&self, service: &str) -> Result<reqwest::Response, reqwest::Error> {
        self.request(service).send().await
    }

    fn request(&self, service: &str) -> reqwest::RequestBuilder {
        self.client
            .post(self.gateway.url())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential=k/d/r/{service}/aws4_request, Signature=0"))
            .body("Action=CreateRole&RoleName=r")
    }
}

fn pki() -> (tempfile::TempDir, Pki) {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(folder.path()).unwrap();
    (folder, pki)
}

fn builder(pki: &Pki) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = Certificate::from_pem(pki.ca_pem().as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([ca]).timeout(PATIENCE).retry(reqwest::retry::never())
}

fn client(pki: &Pki) -> Client {
    builder(pki).build().unwrap()
}

fn io_error(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

const PATIENCE: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_call_goes_on_as_it_came() {
    for tls in [false, true] {
        let bench = Bench::new(tls).await;
        let target = "/a%2Fb//c%20d?x=%7B&y";
        let sent = bench
            .client
            .put(format!("{}{target}", bench.gateway.url()))
            .header("host", "bucket.example.org")
            .header("x-amz-date", "d")
            .body(vec![0, 255, 13, 10]);
        let echoed: Value = serde_json::from_str(&sent.send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(echoed["method"], "PUT");
        assert_eq!(echoed["target"], target);
        assert_eq!(echoed["headers"]["host"], "bucket.example.org");
        assert_eq!(echoed["headers"]["x-amz-date"], "d");
        assert_eq!(echoed["headers"]["content-length"], "4");
        assert_eq!(echoed["body"], json!([0, 255, 13, 10]));
        assert_eq!(bench.gateway.journal().calls()[0].status, Some(200));
    }
}

#[tokio::test]
async fn connections_are_cut_reset_and_left_hanging() {
    for tls in [false, true] {
        let bench = Bench::new(tls).await;
        let error = bench.struck(Effect::CutBefore).await.unwrap_err();
        assert!(!error.is_timeout() && io_error(&error) != Some(ErrorKind::ConnectionReset), "{error:?}");
        assert_eq!(bench.echo.seen(), 0);

        bench.gateway.rules().clear();
        let error = bench.struck(Effect::Reset).await.unwrap_err();
        assert_eq!(io_error(&error), Some(ErrorKind::ConnectionReset), "{error:?}");
        assert_eq!(bench.echo.seen(), 0);

        bench.gateway.rules().clear();
        assert!(bench.struck(Effect::Hang).await.unwrap_err().is_timeout());
        assert_eq!(bench.echo.seen(), 0);

        bench.gateway.rules().clear();
        let error = bench.struck(Effect::CutAfter).await.unwrap_err();
        assert!(!error.is_timeout(), "{error:?}");
        assert_eq!(bench.echo.seen(), 1);

        assert!(bench.gateway.journal().settled(PATIENCE).await);
        let ends: Vec<_> = bench.gateway.journal().calls().iter().map(|call| (call.fault, call.status)).collect();
        assert_eq!(
            ends,
            [(Some("cut before"), None), (Some("reset"), None), (Some("hung"), None), (Some("cut after"), Some(200))]
        );
    }
}

#[tokio::test]
async fn each_service_throttles_and_breaks_in_its_own_words() {
    let bench = Bench::new(false).await;
    for (effect, expected) in [
        (
            Effect::Throttle,
            [("iam", 400, "Throttling"), ("ec2", 503, "RequestLimitExceeded"), ("eks", 429, "ThrottlingException")],
        ),
        (
            Effect::Error500,
            [("iam", 500, "ServiceFailure"), ("ec2", 500, "InternalError"), ("eks", 500, "ServerException")],
        ),
    ] {
        bench.gateway.rules().clear();
        bench.gateway.rules().add(When::any(), effect);
        for (service, status, code) in expected {
            assert_eq!(bench.call(service).await.unwrap().status(), status);
            let call = bench.gateway.journal().calls().pop().unwrap();
            assert_eq!((call.status, call.error_code.as_deref()), (Some(status), Some(code)));
        }
    }
    assert_eq!(bench.echo.seen(), 0);
}

#[tokio::test]
async fn answers_are_delayed_refused_and_rewritten() {
    let bench = Bench::new(false).await;
    bench.gateway.rules().add(When::any(), Effect::Delay(Duration::from_millis(60)));
    bench
        .gateway
        .rules()
        .add(When::call("iam", "CreateRole").once(), Effect::refuse(409, "EntityAlreadyExists", "there already"));
    bench.gateway.rules().add(
        When::call("iam", "CreateRole"),
        Effect::rewrite(|call, answer| {
            answer.status = StatusCode::CREATED;
            answer.set_json(&json!({"seq": call.seq}));
        }),
    );
    let begun = Instant::now();
    let refused = bench.call("iam").await.unwrap();
    assert!(Duration::from_millis(60) <= begun.elapsed());
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("<Code>EntityAlreadyExists</Code>"));
    let rewritten = bench.call("iam").await.unwrap();
    assert_eq!(rewritten.status(), 201);
    assert_eq!(rewritten.text().await.unwrap(), r#"{"seq":2}"#);
    assert_eq!(bench.call("ec2").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_held_call_waits_for_the_test() {
    let bench = Bench::new(false).await;
    let (before, after) = (Hold::new(), Hold::new());
    bench.gateway.rules().add(When::any(), Effect::HoldBefore(before.clone()));
    bench.gateway.rules().add(When::any(), Effect::HoldAfter(after.clone()));
    let call = tokio::spawn(bench.request("iam").send());
    before.reached().await;
    assert_eq!(bench.echo.seen(), 0);
    before.release();
    after.reached().await;
    assert_eq!(bench.echo.seen(), 1);
    assert!(!call.is_finished());
    after.release();
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

/// AWS does what it was asked though nobody waits for the answer.
#[tokio::test]
async fn a_call_outlives_its_caller() {
    let bench = Bench::new(false).await;
    let call = tokio::spawn(bench.client.get(format!("{}/?held", bench.gateway.url())).send());
    bench.echo.held.reached().await;
    call.abort();
    // Time for the gateway to see that the caller is gone. With less of it the test is only weaker.
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.echo.held.release();
    assert!(bench.gateway.journal().settled(PATIENCE).await);
    assert_eq!(bench.gateway.journal().calls()[0].status, Some(200));
}

#[tokio::test]
async fn a_cluster_looks_as_it_was_set() {
    let bench = Bench::new(false).await;
    let rewrite = ClusterRewrite { endpoint: Some("https://e".to_owned()), ..ClusterRewrite::default() };
    bench.gateway.set_cluster("c", rewrite);
    for (cluster, endpoint) in [("c", json!("https://e")), ("d", Value::Null)] {
        let answer = bench
            .client
            .get(format!("{}/clusters/{cluster}", bench.gateway.url()))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=k/d/r/eks/aws4_request, Signature=0");
        let body: Value = serde_json::from_str(&answer.send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(body["cluster"]["endpoint"], endpoint);
    }
}

#[tokio::test]
async fn a_dropped_gateway_is_gone() {
    let bench = Bench::new(false).await;
    assert_eq!(bench.call("iam").await.unwrap().status(), 200);
    let request = bench.request("iam");
    drop(bench.gateway);
    // The kept connection or a new one: either is refused, once the server has seen the end.
    let begun = Instant::now();
    while request.try_clone().unwrap().send().await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it still answers");
    }
}

#[tokio::test]
async fn kubernetes_calls_are_recorded_struck_and_streamed() {
    let (_folder, pki) = pki();
    let serve = |name| pki.server(name, &["127.0.0.1"]).unwrap().server_config().unwrap();
    let echo = Echo::new(Some(serve("apiserver"))).await;
    let (journal, rules) = (Journal::new(), Rules::new());
    let gateway = KubernetesGateway::serve(
        Gateway::bind().await.unwrap(),
        serve("gateway"),
        echo.address,
        pki.client_config().unwrap(),
        journal.clone(),
        rules.clone(),
    );
    let client = client(&pki);
    let map = format!("{}/api/v1/namespaces/kube-system/configmaps/aws-auth", gateway.url());
    let sent = client.put(&map).bearer_auth("k8s-aws-v1.t").body("{}").send().await.unwrap();
    let echoed: Value = serde_json::from_str(&sent.text().await.unwrap()).unwrap();
    assert_eq!(echoed["headers"]["authorization"], "Bearer k8s-aws-v1.t");
    assert!(journal.writes()[0].is("kubernetes", "update"));

    let conflict = Effect::refuse(409, "Conflict", "the object has been modified");
    rules.add(When::call("kubernetes", "update").with("name", "aws-auth"), conflict);
    let refused = client.put(&map).body("{}").send().await.unwrap();
    assert_eq!(refused.status(), 409);
    let status: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!((&status["kind"], &status["reason"]), (&json!("Status"), &json!("Conflict")));

    let mut watch = client.get(format!("{}/api/v1/nodes?watch=true", gateway.url())).send().await.unwrap();
    assert_eq!(watch.chunk().await.unwrap().unwrap(), "first");
}

#[tokio::test]
async fn the_sts_proxy_is_reached_by_connect_alone() {
    let (_folder, pki) = pki();
    let host = "sts.us-east-1.amazonaws.com";
    let echo = Echo::new(None).await;
    let tls = pki.server("sts", &[host]).unwrap().server_config().unwrap();
    let proxy = StsProxy::start(echo.address, tls).await.unwrap();
    let client = builder(&pki).proxy(Proxy::https(proxy.url()).unwrap()).build().unwrap();

    // The one identity there is: the service's answer has no XML to take another from.
    let query = "Action=GetCallerIdentity&X-Amz-Credential=k%2Fd%2Fus-east-1%2Fsts%2Faws4_request";
    let answer = client.get(format!("https://{host}/?{query}")).send().await.unwrap();
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(body["GetCallerIdentityResponse"]["GetCallerIdentityResult"].is_object(), "{body}");
    let call = proxy.journal().calls().pop().unwrap();
    assert!(call.is("sts", "GetCallerIdentity"), "{call}");

    proxy.rules().add(When::any(), Effect::refuse(403, "InvalidClientTokenId", "no such key"));
    assert_eq!(client.get(format!("https://{host}/?{query}")).send().await.unwrap().status(), 403);

    let elsewhere = client.get("https://iam.amazonaws.com/").send().await.unwrap_err();
    assert!(elsewhere.is_connect(), "{elsewhere:?}");
    let direct = client.request(Method::GET, proxy.url()).send().await.unwrap();
    assert_eq!(direct.status(), 403);
}
