//! Tests of the gateway over the network, in front of a small service.

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
    server::{Body, CloseConnection, Connection, whole},
    *,
};
use crate::pki::Pki;

/// A service that returns its request, and counts requests.
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
        let handler = move |request: Request<Incoming>, _: Connection, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            echo(request, door.clone())
        };
        Self { address: bound.address, seen, held, _server: Server::start(bound.listener, tls, handler) }
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

async fn echo(request: Request<Incoming>, held: Hold) -> Result<Response<Body>, CloseConnection> {
    let (parts, body) = request.into_parts();
    if parts.uri.query() == Some("held") {
        held.wait().await;
    }
    if parts.uri.query() == Some("watch=true") {
        let first = futures::stream::iter([Ok(hyper::body::Frame::data("first".into()))]);
        let endless = futures::StreamExt::chain(first, futures::stream::pending());
        return Ok(Response::new(StreamBody::new(endless).boxed_unsync()));
    }
    let body = body.collect().await.map_err(|_| CloseConnection)?.to_bytes();
    let headers: Value =
        parts.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let response = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "body": body.to_vec(),
    });
    Ok(Response::new(whole(response.to_string())))
}

/// A gateway in front of an [`Echo`], and a client.
struct Setup {
    echo: Echo,
    gateway: Gateway,
    client: Client,
    // It contains the certificate's files.
    _folder: tempfile::TempDir,
}

impl Setup {
    async fn new(tls: bool) -> Self {
        let (folder, pki) = pki();
        let echo = Echo::new(None).await;
        let config = tls.then(|| pki.server("gateway", &["127.0.0.1"]).unwrap().server_config().unwrap());
        let gateway = Gateway::serve(Gateway::bind().await.unwrap(), echo.address, config);
        Self { echo, gateway, client: client(&pki), _folder: folder }
    }

    /// Applies `effect` to a call, and returns the result of the call.
    async fn call_with(&self, effect: Effect) -> Result<reqwest::Response, reqwest::Error> {
        let rule = self.gateway.rules().add(When::any(), effect);
        let response = self.call("iam").await;
        assert_eq!(rule.hits(), 1);
        response
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
    Client::builder().no_proxy().tls_certs_only([ca]).timeout(CLIENT_TIMEOUT).retry(reqwest::retry::never())
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

const CLIENT_TIMEOUT: Duration = Duration::from_millis(700);

#[tokio::test]
async fn call_is_forwarded_unchanged() {
    for tls in [false, true] {
        let setup = Setup::new(tls).await;
        let target = "/a%2Fb//c%20d?x=%7B&y";
        let sent = setup
            .client
            .put(format!("{}{target}", setup.gateway.url()))
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
        assert_eq!(setup.gateway.journal().calls()[0].status, Some(200));
    }
}

#[tokio::test]
async fn connection_effects_reach_the_client() {
    for tls in [false, true] {
        let setup = Setup::new(tls).await;
        let error = setup.call_with(Effect::CutBefore).await.unwrap_err();
        assert!(!error.is_timeout() && io_error(&error) != Some(ErrorKind::ConnectionReset), "{error:?}");
        assert_eq!(setup.echo.seen(), 0);

        setup.gateway.rules().clear();
        let error = setup.call_with(Effect::Reset).await.unwrap_err();
        assert_eq!(io_error(&error), Some(ErrorKind::ConnectionReset), "{error:?}");
        assert_eq!(setup.echo.seen(), 0);

        setup.gateway.rules().clear();
        assert!(setup.call_with(Effect::Hang).await.unwrap_err().is_timeout());
        assert_eq!(setup.echo.seen(), 0);

        setup.gateway.rules().clear();
        let error = setup.call_with(Effect::CutAfter).await.unwrap_err();
        assert!(!error.is_timeout(), "{error:?}");
        assert_eq!(setup.echo.seen(), 1);

        assert!(setup.gateway.journal().wait_until_idle(CLIENT_TIMEOUT).await);
        let ends: Vec<_> = setup.gateway.journal().calls().iter().map(|call| (call.fault, call.status)).collect();
        assert_eq!(
            ends,
            [(Some("cut before"), None), (Some("reset"), None), (Some("hung"), None), (Some("cut after"), Some(200))]
        );
    }
}

#[tokio::test]
async fn errors_have_the_form_of_each_service() {
    let setup = Setup::new(false).await;
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
        setup.gateway.rules().clear();
        setup.gateway.rules().add(When::any(), effect);
        for (service, status, code) in expected {
            assert_eq!(setup.call(service).await.unwrap().status(), status);
            let call = setup.gateway.journal().calls().pop().unwrap();
            assert_eq!((call.status, call.error_code.as_deref()), (Some(status), Some(code)));
        }
    }
    assert_eq!(setup.echo.seen(), 0);
}

#[tokio::test]
async fn responses_are_delayed_rejected_and_rewritten() {
    let setup = Setup::new(false).await;
    setup.gateway.rules().add(When::any(), Effect::Delay(Duration::from_millis(60)));
    setup
        .gateway
        .rules()
        .add(When::call("iam", "CreateRole").once(), Effect::refuse(409, "EntityAlreadyExists", "there already"));
    setup.gateway.rules().add(
        When::call("iam", "CreateRole"),
        Effect::rewrite(|call, response| {
            response.status = StatusCode::CREATED;
            response.set_json(&json!({"seq": call.seq}));
        }),
    );
    let begun = Instant::now();
    let refused = setup.call("iam").await.unwrap();
    assert!(Duration::from_millis(60) <= begun.elapsed());
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("<Code>EntityAlreadyExists</Code>"));
    let rewritten = setup.call("iam").await.unwrap();
    assert_eq!(rewritten.status(), 201);
    assert_eq!(rewritten.text().await.unwrap(), r#"{"seq":2}"#);
    assert_eq!(setup.call("ec2").await.unwrap().status(), 200);
}

#[tokio::test]
async fn held_call_waits_for_the_test() {
    let setup = Setup::new(false).await;
    let (before, after) = (Hold::new(), Hold::new());
    setup.gateway.rules().add(When::any(), Effect::HoldBefore(before.clone()));
    setup.gateway.rules().add(When::any(), Effect::HoldAfter(after.clone()));
    let call = tokio::spawn(setup.request("iam").send());
    before.reached().await;
    assert_eq!(setup.echo.seen(), 0);
    before.release();
    after.reached().await;
    assert_eq!(setup.echo.seen(), 1);
    assert!(!call.is_finished());
    after.release();
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

/// AWS completes a call even if its caller does not wait for the response.
#[tokio::test]
async fn call_completes_without_its_caller() {
    let setup = Setup::new(false).await;
    let call = tokio::spawn(setup.client.get(format!("{}/?held", setup.gateway.url())).send());
    setup.echo.held.reached().await;
    call.abort();
    // Time for the gateway to see that the caller has left. With less time, the test is only weaker.
    tokio::time::sleep(Duration::from_millis(100)).await;
    setup.echo.held.release();
    assert!(setup.gateway.journal().wait_until_idle(CLIENT_TIMEOUT).await);
    assert_eq!(setup.gateway.journal().calls()[0].status, Some(200));
}

#[tokio::test]
async fn cluster_description_has_the_given_values() {
    let setup = Setup::new(false).await;
    let rewrite = ClusterRewrite { endpoint: Some("https://e".to_owned()), ..ClusterRewrite::default() };
    setup.gateway.set_cluster("c", rewrite);
    for (cluster, endpoint) in [("c", json!("https://e")), ("d", Value::Null)] {
        let response = setup
            .client
            .get(format!("{}/clusters/{cluster}", setup.gateway.url()))
            .header("authorization", "AWS4-HMAC-SHA256 Credential=k/d/r/eks/aws4_request, Signature=0");
        let body: Value = serde_json::from_str(&response.send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(body["cluster"]["endpoint"], endpoint);
    }
}

#[tokio::test]
async fn dropped_gateway_stops() {
    let setup = Setup::new(false).await;
    assert_eq!(setup.call("iam").await.unwrap().status(), 200);
    let request = setup.request("iam");
    drop(setup.gateway);
    // The client may use its open connection or a new one. Both fail when the server has stopped.
    let begun = Instant::now();
    while request.try_clone().unwrap().send().await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it still responds");
    }
}

#[tokio::test]
async fn kubernetes_calls_are_recorded_and_follow_rules() {
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
async fn sts_proxy_accepts_only_connect() {
    let (_folder, pki) = pki();
    let host = "sts.us-east-1.amazonaws.com";
    let echo = Echo::new(None).await;
    let tls = pki.server("sts", &[host]).unwrap().server_config().unwrap();
    let proxy = StsProxy::start(echo.address, tls).await.unwrap();
    let client = builder(&pki).proxy(Proxy::https(proxy.url()).unwrap()).build().unwrap();

    // There is only one identity. The service's response has no XML to read another one from.
    let query = "Action=GetCallerIdentity&X-Amz-Credential=k%2Fd%2Fus-east-1%2Fsts%2Faws4_request";
    let response = client.get(format!("https://{host}/?{query}")).send().await.unwrap();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
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
