//! Events that are older than their `ServiceTimeout`.

use std::time::SystemTime;

use local_cloud::{
    gateway::{Effect, When},
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

use super::{deliver, properties, seconds};

/// A Create or an Update that is delivered after its `ServiceTimeout` gets a response and changes nothing, because the stack
/// may have rolled back. An event that is late, but within its `ServiceTimeout`, is carried out.
#[tokio::test]
async fn create_or_update_after_service_timeout_changes_nothing() {
    // Its ServiceTimeout is 600 seconds.
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let resource = scenario.resource.clone();
    let ago = |count| SystemTime::now() - seconds(count);
    let expected = |age: u64| format!("nothing was changed: KP0217: the event is {age}");
    let stale = deliver(&mut scenario, &resource.create(&properties()), ago(605)).await;
    assert!(stale.wrote_nothing().failed().contains(&expected(60)), "{:?}", stale.response.reason);
    assert!(stale.response.reason.as_ref().unwrap().contains("after 600 s (ServiceTimeout)"));
    assert!(stale.calls.is_empty(), "not even a read: {:?}", stale.calls);
    before.assert_same(&scenario.world().await.unwrap(), "after a stale Create");

    let late = deliver(&mut scenario, &resource.create(&properties()), ago(480)).await;
    let id = late.succeeded().physical_resource_id.clone();
    assert_eq!(stale.response.physical_resource_id, id);
    let created = scenario.world().await.unwrap();
    let new = json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}});
    let update = resource.update(&id, &new, &properties());
    let stale = deliver(&mut scenario, &update, ago(7000)).await;
    assert!(stale.wrote_nothing().failed().contains(&expected(700)), "{:?}", stale.response.reason);
    assert_eq!(stale.response.physical_resource_id, id);
    created.assert_same(&scenario.world().await.unwrap(), "after a stale Update");
    deliver(&mut scenario, &update, ago(480)).await.succeeded();
}

/// A Delete is carried out at any age, because the objects of its id are no longer used.
#[tokio::test]
async fn delete_after_service_timeout_is_carried_out() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties());
    // The calls are slow, as on AWS. The exceeded ServiceTimeout must not shorten the function's own deadline.
    scenario.cloud.gateway().rules().add(When::call("iam", "DeleteRole"), Effect::Delay(seconds(2)));
    deliver(&mut scenario, &delete, SystemTime::now() - seconds(6 * 3600)).await.succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
