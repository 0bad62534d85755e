//! Others write aws-auth at the same time: EKS does whenever a node group comes or goes.

use std::time::{Duration, Instant};

use local_cloud::{
    gateway::{Effect, Hold, When},
    scenario::{Delivered, Scenario},
};

use super::{ADMINS, AwsAuth, NODE_ROLE, assert_bound, config_map, create, delete, properties};

const LATER: &str = "- rolearn: arn:aws:iam::111122223333:role/later\n  username: later\n  groups: []\n";

/// Somebody writes between our read and our write: ours is refused (409), and made again from what stands then. Both
/// changes are there, at the Create and at the Delete.
#[tokio::test]
async fn a_foreign_write_in_between_stays() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    aws_auth.set(Some(config_map([("mapRoles", ADMINS)]))).await;
    let writer = aws_auth.clone();
    let event = scenario.resource.create(&properties());
    let created = interrupted(&mut scenario, &event, "update", async || writer.append(LATER).await).await;
    let id = created.succeeded().physical_resource_id.clone();
    let text = aws_auth.map_roles().await;
    assert!(text.starts_with(&format!("{ADMINS}{LATER}")) && text.contains(NODE_ROLE), "{text}");

    let event = scenario.resource.delete(&id, &properties());
    let deleted = interrupted(&mut scenario, &event, "update", async || writer.append("# and this\n").await).await;
    deleted.succeeded();
    assert_eq!(aws_auth.map_roles().await, format!("{ADMINS}{LATER}# and this\n"));
}

/// There is no ConfigMap, and somebody else makes it just before we do; or we are about to take ours away, and
/// somebody adds an entry: theirs stays.
#[tokio::test]
async fn a_map_that_somebody_else_makes_or_uses_meanwhile_is_theirs() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    aws_auth.set(None).await;
    let writer = aws_auth.clone();
    let event = scenario.resource.create(&properties());
    let theirs = || config_map([("mapRoles", ADMINS)]);
    let created = interrupted(&mut scenario, &event, "create", async || writer.set(Some(theirs())).await).await;
    let id = created.succeeded().physical_resource_id.clone();
    assert!(aws_auth.map_roles().await.contains(NODE_ROLE));
    delete(&mut scenario, &id, &properties()).await;
    assert_eq!(aws_auth.map_roles().await, ADMINS);

    aws_auth.set(None).await;
    let (_, id) = create(&mut scenario, &properties()).await;
    let event = scenario.resource.delete(&id, &properties());
    let deleted = interrupted(&mut scenario, &event, "delete", async || writer.append(LATER).await).await;
    deleted.succeeded();
    assert_eq!(aws_auth.map_roles().await, LATER);
}

/// Somebody who writes again and again between every read and write is not fought for ever: the Create fails in time,
/// and says what is going on; its Delete leaves the world as before.
#[tokio::test]
async fn contention_without_end_is_an_error_in_time() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    scenario.resource = scenario.resource.clone().service_timeout(20);
    let conflict = Effect::refuse(409, "Conflict", "the object has been modified");
    let rule = scenario.cloud.gateway().rules().add(When::call("kubernetes", "update"), conflict);
    let begun = Instant::now();
    let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let reason = failed.failed();
    assert!(reason.contains("kube-system/aws-auth") && reason.contains("met an update conflict"), "{reason}");
    assert!(3 < rule.hits(), "it was tried {} times", rule.hits());
    rule.remove();
    let id = failed.response.physical_resource_id.clone();
    delete(&mut scenario, &id, &properties()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the rollback");
}

/// Sends an event, and does something else when the first write of this verb is about to reach the API server. That
/// write must then be refused for a conflict, and another one made.
async fn interrupted(
    scenario: &mut Scenario,
    event: &local_cloud::lambda::Event,
    verb: &str,
    meanwhile: impl AsyncFn(),
) -> Delivered {
    let hold = Hold::new();
    let when = When::call("kubernetes", verb).with("resource", "configmaps").once();
    let rule = scenario.cloud.gateway().rules().add(when, Effect::HoldBefore(hold.clone()));
    let (delivered, ()) = tokio::join!(scenario.send(event), async {
        hold.reached().await;
        meanwhile().await;
        hold.release();
    });
    let delivered = delivered.unwrap();
    rule.remove();
    assert_bound(&delivered);
    let statuses: Vec<_> =
        delivered.writes().iter().filter(|call| call.service == "kubernetes").map(|call| call.status).collect();
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    assert_eq!(statuses[0], Some(409));
    assert!(matches!(statuses[1], Some(200 | 201)), "{statuses:?}");
    delivered
}
