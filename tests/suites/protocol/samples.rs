//! The sample events in `events/`, each sent as it is.

use std::{collections::BTreeMap, path::PathBuf, time::SystemTime};

use jiff::civil::DateTime;
use local_cloud::{
    lambda::EventIds,
    scenario::{Delivered, Scenario},
    tools,
};
use serde_json::Value;

/// The sample events by file name.
fn samples() -> BTreeMap<String, Value> {
    let folder = tools::checkout().join("events");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(read).collect()
}

/// The request, out of Amazon SNS's event where it is in one.
fn request(sample: &Value) -> Value {
    match sample.pointer("/Records/0/Sns/Message") {
        Some(message) => serde_json::from_str(message.as_str().unwrap()).unwrap(),
        None => sample.clone(),
    }
}

/// When the sample's URL was signed.
fn signed_at(request: &Value) -> SystemTime {
    let url = request["ResponseURL"].as_str().unwrap();
    let date = url.split_once("X-Amz-Date=").unwrap().1.split('&').next().unwrap();
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    date.to_zoned(jiff::tz::TimeZone::UTC).unwrap().into()
}

/// Sends a sample as it is but for its URL, and the URL's date where it is not what the sample is about.
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

/// Each sample event does what `events/README.md` says of it, one after the other as a stack would live.
#[tokio::test]
async fn every_sample_event_does_what_its_page_says() {
    let mut scenario = Scenario::start().await.unwrap();
    let mut samples = samples();
    let page = include_str!("../../../events/README.md");
    for name in samples.keys() {
        assert!(page.contains(&format!("| `{name}.json` | ")), "{name} is not on the page");
    }
    let mut take = |name: &str| samples.remove(name).unwrap();
    let before = scenario.world().await.unwrap();
    let now = SystemTime::now;

    // What must change nothing, first of all.
    for (name, words) in [
        ("create-invalid-property", "unknown property `NodeRolName`. Did you mean `NodeRoleName`?"),
        ("create-no-properties", "`ClusterName` is required"),
        ("create-bad-request-type", "unknown variant `Upsert`"),
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

    // A life.
    let in_place = take("update-in-place");
    let created = send(&mut scenario, &take("create"), now()).await.succeeded().clone();
    assert_eq!(created.physical_resource_id, in_place["PhysicalResourceId"]);
    let made = scenario.world().await.unwrap();
    let updated = send(&mut scenario, &in_place, now()).await;
    assert_eq!(updated.succeeded().physical_resource_id, created.physical_resource_id);
    let policy = "CloudWatchAgentServerPolicy";
    assert!(scenario.world().await.unwrap().get("role/KarpenterNodeRole-demo").unwrap().contains(policy));

    // A replacement, its rollback, and the Delete of what the rollback left over.
    let replacement = take("update-replacement");
    let replaced = send(&mut scenario, &replacement, now()).await.succeeded().clone();
    assert_ne!(replaced.physical_resource_id, created.physical_resource_id);
    let rollback = take("update-rollback");
    assert_eq!(replaced.physical_resource_id, rollback["PhysicalResourceId"]);
    let rolled_back = send(&mut scenario, &rollback, now()).await;
    assert_eq!(rolled_back.succeeded().physical_resource_id, created.physical_resource_id);
    let delete = take("delete");
    let mut left_over = delete.clone();
    left_over["PhysicalResourceId"] = rollback["PhysicalResourceId"].clone();
    left_over["ResourceProperties"] = rollback["OldResourceProperties"].clone();
    send(&mut scenario, &left_over, now()).await.succeeded();
    assert_eq!(
        scenario.world().await.unwrap().get("role/KarpenterControllerRole-demo"),
        made.get("role/KarpenterControllerRole-demo")
    );

    assert_eq!(created.physical_resource_id, delete["PhysicalResourceId"]);
    send(&mut scenario, &delete, now()).await.succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the sample of a Delete");

    // By a topic, and a Delete with an id that CloudFormation made up.
    send(&mut scenario, &take("create-sns"), now()).await.succeeded();
    assert_eq!(scenario.world().await.unwrap(), made);
    let sample = take("delete-unknown-physical-id");
    let delivered = send(&mut scenario, &sample, now()).await;
    assert_eq!(delivered.succeeded().physical_resource_id, sample["PhysicalResourceId"]);
    before.assert_same(&scenario.world().await.unwrap(), "after a Delete with an id of CloudFormation's own making");

    assert!(samples.is_empty(), "no test sends {:?}", samples.keys());
}
