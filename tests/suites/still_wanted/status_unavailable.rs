//! CloudFormation does not return the status of the stack.

use std::time::SystemTime;

use local_cloud::{
    gateway::{Effect, When},
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

use super::{deliver, properties};

/// The query is denied, finds no stack, fails, is throttled or hangs. The function logs that, and continues after a short
/// time.
#[tokio::test]
async fn operation_without_stack_status_continues() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let new = json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}});
    let denied = Effect::refuse(403, "AccessDenied", "not authorized to perform: cloudformation:DescribeStackResource");
    let unknown = Effect::refuse(400, "ValidationError", "Resource Prereqs does not exist for stack platform");
    // `None`: MiniStack responds that there is no such stack.
    for fault in [None, Some(denied), Some(unknown), Some(Effect::Error500), Some(Effect::Throttle), Some(Effect::Hang)]
    {
        let inject = |scenario: &Scenario| {
            if let Some(effect) = &fault {
                scenario.cloud.gateway().rules().add(When::service("cloudformation"), effect.clone());
            }
        };
        // The function waits for the status for a tenth of its time.
        let resource = scenario.resource.clone().service_timeout(60);
        inject(&scenario);
        let created = deliver(&mut scenario, &resource.create(&properties()), SystemTime::now()).await;
        let id = created.succeeded().physical_resource_id.clone();
        inject(&scenario);
        let updated = deliver(&mut scenario, &resource.update(&id, &new, &properties()), SystemTime::now()).await;
        updated.succeeded();
        inject(&scenario);
        let deleted = deliver(&mut scenario, &resource.delete(&id, &new), SystemTime::now()).await;
        deleted.succeeded();
        for delivered in [created, updated, deleted] {
            let log = delivered.invocation.log_text();
            assert!(log.contains("the stack status could not be read"), "{fault:?}\n{log}");
        }
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {fault:?}"));
    }
}
