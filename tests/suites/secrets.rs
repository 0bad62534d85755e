//! No secret in a log line, an answer or an error, on any path and at the highest log level.

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

/// What must be seen nowhere, and where it was looked for.
#[derive(Default)]
struct Watch {
    secrets: Arc<Mutex<Vec<String>>>,
    lines: usize,
}

impl Watch {
    fn add(&self, secrets: impl IntoIterator<Item = String>) {
        self.secrets.lock().unwrap().extend(secrets);
    }

    /// The secret that a text holds, if it does.
    fn leak(&self, text: &str) -> Option<String> {
        self.secrets.lock().unwrap().iter().find(|secret| text.contains(*secret)).cloned()
    }

    /// Sends an event, and looks at all that comes of it.
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
            assert_eq!(self.leak(text), None, "{text}");
        }
        self.lines += invocation.log.len();
        invocation.outcome
    }
}

/// Create, Update, Delete, refusals, faults, time-outs and answers that are not taken, all at TRACE: neither the
/// presigned URL's signature, nor a secret key, a session token or a Kubernetes token is in any line, Reason or error.
#[tokio::test]
async fn no_path_at_any_log_level_tells_a_secret() {
    let mut scenario = Scenario::start().await.unwrap();
    let mut watch = Watch::default();
    watch.add(["k8s-aws-v1.", "X-Amz-Signature", "X-Amz-Security-Token", "Bearer "].map(str::to_owned));
    let account = scenario.cloud.account().to_owned();
    let admin = scenario.cloud.admin();
    let role = create_role(&admin, "function", &account_trust(&account)).await.unwrap();
    execution_role::grant(&scenario.cloud, "function").await.unwrap();
    let stranger = create_role(&admin, "stranger", &account_trust(&account)).await.unwrap();
    let mut own = Vec::new();
    scenario
        .restart(&role, |options| {
            options.log_level = "TRACE".to_owned();
            // Other ways to ask for more lines.
            options.environment.push(("RUST_LOG".to_owned(), "trace".to_owned()));
            own = vec![options.credentials.1.clone(), options.credentials.2.clone().unwrap()];
        })
        .await
        .unwrap();
    watch.add(own);
    // The session of KubernetesRoleArn, as STS gives it.
    let given = Arc::clone(&watch.secrets);
    let assumed = Effect::rewrite(move |_, response| {
        for name in ["SecretAccessKey", "SessionToken"] {
            // A refusal has none.
            let text = response.text();
            let value = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split('<').next());
            given.lock().unwrap().extend(value.map(str::to_owned));
        }
    });
    let rules = scenario.cloud.gateway().rules().clone();
    let assumed = rules.add(When::call("sts", "AssumeRole"), assumed);
    let resource = scenario.resource.clone();
    let properties = json!({"ClusterName": CLUSTER, "KubernetesRoleArn": scenario.cluster.creator_role_arn});
    let create = resource.create(&properties);
    let (long, short) = (Duration::from_mins(2), Duration::from_secs(10));

    // What is refused, by each of the parties.
    for wrong in [
        json!({"Clustername": CLUSTER}),
        json!({"ClusterName": "nowhere"}),
        json!({"ClusterName": CLUSTER}),
        json!({"ClusterName": CLUSTER, "KubernetesRoleArn": stranger}),
        json!({"ClusterName": CLUSTER, "KubernetesRoleArn": format!("arn:aws:iam::{account}:role/missing")}),
    ] {
        assert!(matches!(watch.send(&mut scenario, &resource.create(&wrong), long, &[]).await, Outcome::Returned(_)));
    }
    // What fails on the way.
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
        watch.send(&mut scenario, &create, limit, &[]).await;
        assert!(0 < fault.hits(), "{fault:?}");
        fault.remove();
    }
    // What succeeds, and answers that are not taken.
    let script = [Status(403), Reset, AcceptThenReset];
    assert!(matches!(watch.send(&mut scenario, &create, long, &script).await, Outcome::Returned(_)));
    for never in [Status(503), Reset, Hang] {
        let outcome = watch.send(&mut scenario, &create, short, &[never; 500]).await;
        assert!(matches!(outcome, Outcome::Error(_)), "{outcome:?}");
    }
    let id = "karpenter-demo-Prereqs-MADEUP";
    let delete = resource.delete(id, &properties);
    assert!(matches!(watch.send(&mut scenario, &delete, long, &[]).await, Outcome::Returned(_)));

    let secrets = watch.secrets.lock().unwrap().clone();
    assert!(0 < assumed.hits() && 8 < secrets.len(), "the secrets of every kind were looked for");
    assert!(50 < watch.lines, "{} lines", watch.lines);
    // The judge sees a leak where there is one.
    for secret in secrets {
        assert!(watch.leak(&format!("GET /?a={secret}&b")).is_some());
    }
}
