//! Events that are older than CloudFormation's patience.

use std::time::SystemTime;

use local_cloud::{
    gateway::{Effect, When},
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

use super::{deliver, properties, seconds};

/// A Create or Update that comes after its `ServiceTimeout` is answered and changes nothing: by then the stack may have
/// gone back. One that comes late, and in time, is carried out.
#[tokio::test]
async fn a_create_or_update_older_than_its_service_timeout_changes_nothing() {
    // Its ServiceTimeout is 600 seconds.
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let resource = scenario.resource.clone();
    let ago = |count| SystemTime::now() - seconds(count);
    let told = |age: u64| format!("nothing was changed: KP0217: the event is {age}");
    let stale = deliver(&mut scenario, &resource.create(&properties()), ago(605)).await;
    assert!(stale.wrote_nothing().failed().contains(&told(60)), "{:?}", stale.response.reason);
    assert!(stale.response.reason.as_ref().unwrap().contains("after 600 s (ServiceTimeout)"));
    assert!(stale.calls.is_empty(), "not even a read: {:?}", stale.calls);
    before.assert_same(&scenario.world().await.unwrap(), "after a stale Create");

    let late = deliver(&mut scenario, &resource.create(&properties()), ago(480)).await;
    let id = late.succeeded().physical_resource_id.clone();
    assert_eq!(stale.response.physical_resource_id, id);
    let made = scenario.world().await.unwrap();
    let new = json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}});
    let update = resource.update(&id, &new, &properties());
    let stale = deliver(&mut scenario, &update, ago(7000)).await;
    assert!(stale.wrote_nothing().failed().contains(&told(700)), "{:?}", stale.response.reason);
    assert_eq!(stale.response.physical_resource_id, id);
    made.assert_same(&scenario.world().await.unwrap(), "after a stale Update");
    deliver(&mut scenario, &update, ago(480)).await.succeeded();
}

/// A Delete is carried out however late it comes: what it names is nobody's any more.
#[tokio::test]
async fn a_delete_is_carried_out_however_late_it_comes() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties());
    // It takes its time, as on AWS: that CloudFormation waits no more must not hurry it.
    scenario.cloud.gateway().rules().add(When::call("iam", "DeleteRole"), Effect::Delay(seconds(2)));
    deliver(&mut scenario, &delete, SystemTime::now() - seconds(6 * 3600)).await.succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
