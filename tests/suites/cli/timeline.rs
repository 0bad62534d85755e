//! The log of a run, and `timeline`, which draws it: each call is logged once, and the last line has the metrics.

use local_cloud::{
    gateway::{Effect, When},
    scenario::{Delivered, with},
};
use serde_json::{Value, json};

use super::User;

/// The runs are a Create with throttled calls, an Update that changes nothing, and a Delete. The log of each has every call
/// that the gateway saw, with its attempts. `timeline` lists the three runs, and draws each.
#[tokio::test]
async fn log_of_each_run_has_every_call_and_is_drawn() {
    let mut user = User::start().await;
    let resource = user.scenario.resource.clone();
    let properties = with(json!({}));
    user.scenario.cloud.gateway().rules().add(When::call("iam", "CreateRole").first(2), Effect::Throttle);
    let created = user.scenario.send(&resource.create(&properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    assert_log_complete(&created, "Create", 2);
    let updated = user.scenario.send(&resource.update(&id, &properties, &properties)).await.unwrap();
    assert_log_complete(&updated, "Update", 0);
    let deleted = user.scenario.send(&resource.delete(&id, &properties)).await.unwrap();
    assert_log_complete(&deleted, "Delete", 0);

    let log = [&created, &updated, &deleted].map(|delivered| delivered.invocation.log_text()).join("\n");
    let listed = user.cli.run(&["timeline", "-", "--list"], &log).await.unwrap();
    assert_eq!(listed.stdout.lines().count(), 3, "{}{}", listed.stdout, listed.stderr);
    for (number, operation) in [("1", "Create"), ("2", "Update"), ("3", "Delete")] {
        let drawn = user.cli.run(&["timeline", "-", "--run", number, "--output", "-"], &log).await.unwrap();
        assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
        assert!(drawn.stdout.starts_with("<svg") && drawn.stdout.contains(operation), "{}", drawn.stdout);
    }
    let none = user.cli.run(&["timeline", "-", "--run", "4"], &log).await.unwrap();
    assert!(none.stderr.contains("has 3 runs, but no run 4"), "{}", none.stderr);
    let empty = user.cli.run(&["timeline", "-"], "START RequestId: 1\n").await.unwrap();
    assert_eq!(empty.code, Some(1), "{}", empty.stdout);
}

/// Asserts that the log has the calls that the gateway saw, and the PUT of the response, and that its last line counts
/// them.
#[track_caller]
fn assert_log_complete(delivered: &Delivered, operation: &str, retries: u64) {
    let lines: Vec<&Value> = delivered.invocation.log.iter().filter_map(|line| line.json.as_ref()).collect();
    let calls: Vec<&Value> = lines.iter().copied().filter(|line| line["message"] == "call").collect();
    let mut logged: Vec<String> = calls.iter().flat_map(|call| attempts(call)).collect();
    let mut seen: Vec<_> = delivered.calls.iter().map(|call| name(&call.service, &call.operation)).collect();
    seen.push(name("S3", "PUT response"));
    logged.sort();
    seen.sort();
    assert_eq!(logged, seen);

    let metrics = lines.last().unwrap();
    assert!(metrics["_aws"]["CloudWatchMetrics"].is_array(), "{metrics}");
    let writes = delivered.writes().len() as u64 - retries;
    let expected = json!({"Operation": operation, "Calls": calls.len(), "Writes": writes, "Retries": retries, "Failed": 0, "NoResponse": 0});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(metrics[name], *value, "{name}: {metrics}");
    }
}

/// Returns the name of a logged call once for each attempt, because the gateway sees every attempt.
fn attempts(call: &Value) -> Vec<String> {
    let tries = usize::try_from(call["tries"].as_u64().unwrap()).unwrap();
    let (service, operation) = (call["service"].as_str().unwrap(), call["operation"].as_str().unwrap());
    vec![name(service, operation); tries]
}

/// Returns a name of a call that is equal in the log and in the gateway's journal. The log names Kubernetes operations by
/// verb and kind, the gateway only by verb.
fn name(service: &str, operation: &str) -> String {
    let service = service.to_lowercase();
    let operation = if service == "kubernetes" { operation.split(' ').next().unwrap_or_default() } else { operation };
    format!("{service} {operation}")
}
