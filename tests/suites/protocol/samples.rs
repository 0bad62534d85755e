//! The sample events in `events/`.

use std::{collections::BTreeMap, path::PathBuf, time::SystemTime};

use jiff::civil::DateTime;
use local_cloud::{
    lambda::EventIds,
    scenario::{Delivered, Scenario},
    tools,
};
use serde_json::Value;

/// Returns the sample events by file name without extension.
fn samples() -> BTreeMap<String, Value> {
    let folder = tools::checkout().join("events");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(read).collect()
}

/// Returns the request of a sample, also if it is inside an event of Amazon SNS.
fn request(sample: &Value) -> Value {
    match sample.pointer("/Records/0/Sns/Message") {
        Some(message) => serde_json::from_str(message.as_str().unwrap()).unwrap(),
        None => sample.clone(),
    }
}

/// Returns the time at which the sample's URL was signed.
fn signed_at(request: &Value) -> SystemTime {
    let url = request["ResponseURL"].as_str().unwrap();
    let date = url.split_once("X-Amz-Date=").unwrap().1.split('&').next().unwrap();
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().into()
}

/// Sends a sample with another response URL, which was signed at the time `at`.
async fn send(scenario: &mut Scenario, sample: &Value, at: SystemTime) -> Delivered {
    let request = request(sample);
    let text = |field: &str| request[field].as_str().unwrap().to_owned();
    let ids = EventIds {
        stack_id: text("StackId"),
        logical_resource_id: text("LogicalResourceId"),
        request_id: text("RequestId"),
    };
    let url = scenario.responses.expect_signed_at(&ids, at);
    let raw = sample.to_string().replace(&text("ResponseURL"), url.as_str());
    scenario.send_raw(&serde_json::from_str(&raw).unwrap(), &url).await.unwrap()
}

/// Each sample event does what `events/README.md` describes. The events are sent in the order of a stack's lifecycle. Every
/// sample is listed on that page.
#[tokio::test]
async fn sample_events_match_their_description() {
    let mut scenario = Scenario::start().await.unwrap();
    let mut samples = samples();
    let page = include_str!("../../../events/README.md");
    for name in samples.keys() {
        assert!(page.contains(&format!("| `{name}.json` | ")), "{name} is not on the page");
    }
    let mut take = |name: &str| samples.remove(name).unwrap();
    let before = scenario.world().await.unwrap();
    let now = SystemTime::now;

    // Samples that change nothing.
    for (name, words) in [
        ("create-invalid-property", "unknown property `NodeRolName`. Did you mean `NodeRoleName`?"),
        ("create-no-properties", "`ClusterName` is required"),
        ("create-invalid-request-type", "unknown variant `Upsert`"),
    ] {
        let delivered = send(&mut scenario, &take(name), now()).await;
        assert!(delivered.wrote_nothing().failed().contains(words), "{name}: {:?}", delivered.response);
    }
    let stale = take("create-stale");
    let delivered = send(&mut scenario, &stale, signed_at(&stale)).await;
    let reason = delivered.wrote_nothing().failed();
    assert!(
        reason.contains("nothing was changed: KP0217: the event is ") && reason.contains("after 900 s"),
        "{reason}"
    );
    let sample = take("delete-invalid-properties");
    let delivered = send(&mut scenario, &sample, now()).await;
    assert_eq!(delivered.wrote_nothing().succeeded().physical_resource_id, sample["PhysicalResourceId"]);
    before.assert_same(&scenario.world().await.unwrap(), "after the samples that change nothing");

    // Create and Update in place.
    let in_place = take("update-in-place");
    let created = send(&mut scenario, &take("create"), now()).await.succeeded().clone();
    assert_eq!(created.physical_resource_id, in_place["PhysicalResourceId"]);
    let after_create = scenario.world().await.unwrap();
    let updated = send(&mut scenario, &in_place, now()).await;
    assert_eq!(updated.succeeded().physical_resource_id, created.physical_resource_id);
    let policy = "CloudWatchAgentServerPolicy";
    assert!(scenario.world().await.unwrap().get("role/KarpenterNodeRole-demo").unwrap().contains(policy));

    // A replacement, its rollback, and the cleanup Delete after the rollback.
    let replacement = take("update-replacement");
    let replaced = send(&mut scenario, &replacement, now()).await.succeeded().clone();
    assert_ne!(replaced.physical_resource_id, created.physical_resource_id);
    let rollback = take("update-rollback");
    assert_eq!(replaced.physical_resource_id, rollback["PhysicalResourceId"]);
    let rolled_back = send(&mut scenario, &rollback, now()).await;
    assert_eq!(rolled_back.succeeded().physical_resource_id, created.physical_resource_id);
    let delete = take("delete");
    let mut cleanup = delete.clone();
    cleanup["PhysicalResourceId"] = rollback["PhysicalResourceId"].clone();
    cleanup["ResourceProperties"] = rollback["OldResourceProperties"].clone();
    send(&mut scenario, &cleanup, now()).await.succeeded();
    assert_eq!(
        scenario.world().await.unwrap().get("role/KarpenterControllerRole-demo"),
        after_create.get("role/KarpenterControllerRole-demo")
    );

    assert_eq!(created.physical_resource_id, delete["PhysicalResourceId"]);
    send(&mut scenario, &delete, now()).await.succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the sample of a Delete");

    // A Create through an SNS topic, and a Delete with an id that CloudFormation generated.
    send(&mut scenario, &take("create-sns"), now()).await.succeeded();
    assert_eq!(scenario.world().await.unwrap(), after_create);
    let sample = take("delete-unknown-physical-id");
    let delivered = send(&mut scenario, &sample, now()).await;
    assert_eq!(delivered.succeeded().physical_resource_id, sample["PhysicalResourceId"]);
    before.assert_same(&scenario.world().await.unwrap(), "after a Delete with a generated id");

    assert!(samples.is_empty(), "no test sends {:?}", samples.keys());
}
