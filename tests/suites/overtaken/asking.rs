//! When CloudFormation cannot be asked.

use std::time::SystemTime;

use local_cloud::{
    gateway::{Effect, When},
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

use super::{deliver, properties};

/// No permission, no such stack, a service that breaks, throttles or says nothing: it is logged, and the operation
/// goes on, without waiting long.
#[tokio::test]
async fn an_operation_goes_on_when_cloudformation_cannot_be_asked() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let new = json!({"ClusterName": CLUSTER, "Tags": {"team": "platform"}});
    let denied = Effect::refuse(403, "AccessDenied", "not authorized to perform: cloudformation:DescribeStackResource");
    let unknown = Effect::refuse(400, "ValidationError", "Resource Prereqs does not exist for stack platform");
    // Where nothing refuses, it is MiniStack, which knows no such stack.
    for trouble in
        [None, Some(denied), Some(unknown), Some(Effect::Error500), Some(Effect::Throttle), Some(Effect::Hang)]
    {
        let spoil = |scenario: &Scenario| {
            if let Some(effect) = &trouble {
                scenario.cloud.gateway().rules().add(When::service("cloudformation"), effect.clone());
            }
        };
        // CloudFormation's word is waited for a tenth of the time that there is.
        let resource = scenario.resource.clone().service_timeout(60);
        spoil(&scenario);
        let created = deliver(&mut scenario, &resource.create(&properties()), SystemTime::now()).await;
        let id = created.succeeded().physical_resource_id.clone();
        spoil(&scenario);
        let updated = deliver(&mut scenario, &resource.update(&id, &new, &properties()), SystemTime::now()).await;
        updated.succeeded();
        spoil(&scenario);
        let deleted = deliver(&mut scenario, &resource.delete(&id, &new), SystemTime::now()).await;
        deleted.succeeded();
        for delivered in [created, updated, deleted] {
            let log = delivered.invocation.log_text();
            assert!(log.contains("CloudFormation cannot be asked whether this is still wanted"), "{trouble:?}\n{log}");
        }
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {trouble:?}"));
    }
}
