//! What a run tells of itself: each of its calls, once; its figures; and the picture of it.

use local_cloud::{
    gateway::{Effect, When},
    scenario::{Delivered, with},
};
use serde_json::{Value, json};

use super::Person;

/// Of a Create with a call that is throttled, of an Update that changes nothing, and of a Delete: the log has each call that
/// the gateway saw, with its tries; the last line has their number; the picture is drawn of it.
#[tokio::test]
async fn the_log_has_every_call_and_the_timeline_draws_them() {
    let mut person = Person::start().await;
    let resource = person.scenario.resource.clone();
    let properties = with(json!({}));
    person.scenario.cloud.gateway().rules().add(When::call("iam", "CreateRole").first(2), Effect::Throttle);
    let created = person.scenario.send(&resource.create(&properties)).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    told_rightly(&created, "Create", 2);
    let updated = person.scenario.send(&resource.update(&id, &properties, &properties)).await.unwrap();
    told_rightly(&updated, "Update", 0);
    let deleted = person.scenario.send(&resource.delete(&id, &properties)).await.unwrap();
    told_rightly(&deleted, "Delete", 0);

    let log = [&created, &updated, &deleted].map(|delivered| delivered.invocation.log_text()).join("\n");
    let listed = person.cli.run(&["timeline", "-", "--list"], &log).await.unwrap();
    assert_eq!(listed.stdout.lines().count(), 3, "{}{}", listed.stdout, listed.stderr);
    for (number, operation) in [("1", "Create"), ("2", "Update"), ("3", "Delete")] {
        let drawn = person.cli.run(&["timeline", "-", "--run", number, "--output", "-"], &log).await.unwrap();
        assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
        assert!(drawn.stdout.starts_with("<svg") && drawn.stdout.contains(operation), "{}", drawn.stdout);
    }
    let none = person.cli.run(&["timeline", "-", "--run", "4"], &log).await.unwrap();
    assert!(none.stderr.contains("has 3 runs, but no run 4"), "{}", none.stderr);
    let empty = person.cli.run(&["timeline", "-"], "START RequestId: 1\n").await.unwrap();
    assert_eq!(empty.code, Some(1), "{}", empty.stdout);
}

/// That the log's calls are those that the gateway saw, and the answer; and that the last line counts them.
#[track_caller]
fn told_rightly(delivered: &Delivered, operation: &str, retries: u64) {
    let lines: Vec<&Value> = delivered.invocation.log.iter().filter_map(|line| line.json.as_ref()).collect();
    let calls: Vec<&Value> = lines.iter().copied().filter(|line| line["message"] == "call").collect();
    let mut told: Vec<String> = calls.iter().flat_map(|call| repeated(call)).collect();
    let mut seen: Vec<_> = delivered.calls.iter().map(|call| name(&call.service, &call.operation)).collect();
    seen.push(name("S3", "PUT answer"));
    told.sort();
    seen.sort();
    assert_eq!(told, seen);

    let figures = lines.last().unwrap();
    assert!(figures["_aws"]["CloudWatchMetrics"].is_array(), "{figures}");
    let writes = delivered.writes().len() as u64 - retries;
    let expected = json!({"Operation": operation, "Calls": calls.len(), "Writes": writes, "Retries": retries, "Failed": 0, "Unanswered": 0});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(figures[name], *value, "{name}: {figures}");
    }
}

/// The gateway sees each try.
fn repeated(call: &Value) -> Vec<String> {
    let tries = usize::try_from(call["tries"].as_u64().unwrap()).unwrap();
    let (service, operation) = (call["service"].as_str().unwrap(), call["operation"].as_str().unwrap());
    vec![name(service, operation); tries]
}

/// The log names Kubernetes' operations by verb and kind, the gateway by verb.
fn name(service: &str, operation: &str) -> String {
    let service = service.to_lowercase();
    let operation = if service == "kubernetes" { operation.split(' ').next().unwrap_or_default() } else { operation };
    format!("{service} {operation}")
}
