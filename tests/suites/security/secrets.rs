//! No log line, response or error contains a secret, on any path and at any log level.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use local_cloud::{
    cluster::{account_trust, create_role},
    execution_role,
    gateway::{Effect, When},
    lambda::{
        Behaviour::{self, AcceptThenReset, Hang, Reset, Status},
        Event, Outcome,
    },
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

/// Searches the output of the function for secrets.
#[derive(Default)]
struct Scanner {
    /// The secrets that were added so far.
    secrets: Arc<Mutex<Vec<String>>>,
    /// The number of log lines that were searched.
    lines: usize,
}

impl Scanner {
    fn add(&self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.lock().unwrap().extend(secrets);
    }

    /// Returns the first secret that the text contains.
    fn find_leak(&self, text: &str) -> Option<String> {
        self.secrets.lock().unwrap().iter().find(|secret| text.contains(*secret)).cloned()
    }

    /// Sends an event. Asserts that the log, all PUTs of the response and the outcome contain no secret.
    ///
    /// `limit` is Lambda's timeout, and `script` says what the response URL does with the first PUTs.
    async fn send(&mut self, scenario: &mut Scenario, event: &Event, limit: Duration, script: &[Behaviour]) -> Outcome {
        let url = scenario.responses.expect(event.ids());
        self.add([url.secret().to_owned()]);
        scenario.responses.script(&url, script.iter().copied());
        let invocation = scenario.function.invoke(&event.with_response_url(&url), limit).await.unwrap();
        let log = invocation.log_text();
        let puts = scenario.responses.puts(&url);
        let responses: String = puts.iter().map(|put| String::from_utf8_lossy(&put.body).into_owned()).collect();
        let outcome = format!("{:?}", invocation.outcome);
        for text in [log.as_str(), &responses, &outcome] {
            assert_eq!(self.find_leak(text), None, "{text}");
        }
        self.lines += invocation.log.len();
        invocation.outcome
    }
}

/// Create, Delete, failed checks, faults, timeouts and rejected responses, all at TRACE. No log line, Reason or error contains
/// the signature of the presigned URL, a secret key, a session token or a Kubernetes token.
#[tokio::test]
async fn no_output_contains_a_secret() {
    let mut scenario = Scenario::start().await.unwrap();
    let mut scanner = Scanner::default();
    scanner.add(["k8s-aws-v1.", "X-Amz-Signature", "X-Amz-Security-Token", "Bearer "].map(str::to_owned));
    let account = scenario.cloud.account().to_owned();
    let admin = scenario.cloud.admin();
    let role = create_role(&admin, "function", &account_trust(&account)).await.unwrap();
    execution_role::grant(&scenario.cloud, "function").await.unwrap();
    let stranger = create_role(&admin, "stranger", &account_trust(&account)).await.unwrap();
    let mut own = Vec::new();
    scenario
        .restart(&role, |options| {
            options.log_level = "TRACE".to_owned();
            // Another way to ask for more log lines.
            options.environment.push(("RUST_LOG".to_owned(), "trace".to_owned()));
            own = vec![options.credentials.1.clone(), options.credentials.2.clone().unwrap()];
        })
        .await
        .unwrap();
    scanner.add(own);
    // The credentials of KubernetesRoleArn, as STS returns them.
    let secrets = Arc::clone(&scanner.secrets);
    let assumed = Effect::rewrite(move |_, response| {
        for name in ["SecretAccessKey", "SessionToken"] {
            // A denial contains no credentials.
            let text = response.text();
            let value = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split('<').next());
            secrets.lock().unwrap().extend(value.map(str::to_owned));
        }
    });
    let rules = scenario.cloud.gateway().rules().clone();
    let assumed = rules.add(When::call("sts", "AssumeRole"), assumed);
    let resource = scenario.resource.clone();
    let properties = json!({"ClusterName": CLUSTER, "KubernetesRoleArn": scenario.cluster.creator_role_arn});
    let create = resource.create(&properties);
    let (long, short) = (Duration::from_mins(2), Duration::from_secs(10));

    // Events that fail: by their properties, at AWS, at Kubernetes, and at STS.
    for invalid in [
        json!({"Clustername": CLUSTER}),
        json!({"ClusterName": "nowhere"}),
        json!({"ClusterName": CLUSTER}),
        json!({"ClusterName": CLUSTER, "KubernetesRoleArn": stranger}),
        json!({"ClusterName": CLUSTER, "KubernetesRoleArn": format!("arn:aws:iam::{account}:role/missing")}),
    ] {
        assert!(matches!(
            scanner.send(&mut scenario, &resource.create(&invalid), long, &[]).await,
            Outcome::Returned(_)
        ));
    }
    // Calls that fail.
    let denied = Effect::refuse(403, "AccessDenied", "not authorized to perform: iam:CreateRole");
    for (when, effect, limit) in [
        (When::call("iam", "CreateRole"), denied, short),
        (When::call("iam", "CreateRole"), Effect::Error500, short),
        (When::call("iam", "GetInstanceProfile"), Effect::Hang, short),
        (When::service("kubernetes"), Effect::Reset, short),
        (When::call("kubernetes", "update"), Effect::refuse(500, "InternalError", "etcd is away"), short),
        (When::call("sts", "AssumeRole"), Effect::CutBefore, short),
        (When::service("ec2"), Effect::CutAfter, short),
    ] {
        let fault = rules.add(when, effect);
        scanner.send(&mut scenario, &create, limit, &[]).await;
        assert!(0 < fault.hits(), "{fault:?}");
        fault.remove();
    }
    // An event that succeeds, and responses that are rejected.
    let script = [Status(403), Reset, AcceptThenReset];
    assert!(matches!(scanner.send(&mut scenario, &create, long, &script).await, Outcome::Returned(_)));
    for never in [Status(503), Reset, Hang] {
        let outcome = scanner.send(&mut scenario, &create, short, &[never; 500]).await;
        assert!(matches!(outcome, Outcome::Error(_)), "{outcome:?}");
    }
    let id = "karpenter-demo-Prereqs-MADEUP";
    let delete = resource.delete(id, &properties);
    assert!(matches!(scanner.send(&mut scenario, &delete, long, &[]).await, Outcome::Returned(_)));

    let secrets = scanner.secrets.lock().unwrap().clone();
    assert!(0 < assumed.hits() && 8 < secrets.len(), "not every kind of secret was searched for");
    assert!(50 < scanner.lines, "{} lines", scanner.lines);
    // The scanner finds a secret in a text.
    for secret in secrets {
        assert!(scanner.find_leak(&format!("GET /?a={secret}&b")).is_some());
    }
}
