//! Others write aws-auth at the same time. EKS does so when a managed node group is created or deleted.

use std::time::{Duration, Instant};

use local_cloud::{
    gateway::{Effect, Hold, When},
    scenario::{Delivered, Scenario},
};

use super::{ADMINS, AwsAuth, NODE_ROLE, assert_versioned, config_map, create, delete, properties};

const LATER: &str = "- rolearn: arn:aws:iam::111122223333:role/later\n  username: later\n  groups: []\n";

/// Another writer changes aws-auth between the function's read and its write. The API server rejects the function's write
/// (409), and the function repeats it from a fresh read. Both changes are kept, at the Create and at the Delete.
#[tokio::test]
async fn foreign_write_between_read_and_write_is_kept() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    aws_auth.set(Some(config_map([("mapRoles", ADMINS)]))).await;
    let writer = aws_auth.clone();
    let event = scenario.resource.create(&properties());
    let created =
        send_with_concurrent_write(&mut scenario, &event, ("update", 1), async || writer.append(LATER).await).await;
    let id = created.succeeded().physical_resource_id.clone();
    let text = aws_auth.map_roles().await;
    assert!(text.starts_with(&format!("{ADMINS}{LATER}")) && text.contains(NODE_ROLE), "{text}");

    let event = scenario.resource.delete(&id, &properties());
    let deleted =
        send_with_concurrent_write(&mut scenario, &event, ("update", 2), async || writer.append("# and this\n").await)
            .await;
    deleted.succeeded();
    assert_eq!(aws_auth.map_roles().await, format!("{ADMINS}{LATER}# and this\n"));
}

/// Another writer creates the missing ConfigMap just before the function creates it, or adds an entry just before the function
/// deletes its own ConfigMap. In both cases the ConfigMap of the other writer is kept.
#[tokio::test]
async fn config_map_written_by_others_meanwhile_is_kept() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    aws_auth.set(None).await;
    let writer = aws_auth.clone();
    let event = scenario.resource.create(&properties());
    let foreign = || config_map([("mapRoles", ADMINS)]);
    let created =
        send_with_concurrent_write(&mut scenario, &event, ("create", 1), async || writer.set(Some(foreign())).await)
            .await;
    let id = created.succeeded().physical_resource_id.clone();
    assert!(aws_auth.map_roles().await.contains(NODE_ROLE));
    delete(&mut scenario, &id, &properties()).await;
    assert_eq!(aws_auth.map_roles().await, ADMINS);

    aws_auth.set(None).await;
    let (_, id) = create(&mut scenario, &properties()).await;
    let event = scenario.resource.delete(&id, &properties());
    let deleted =
        send_with_concurrent_write(&mut scenario, &event, ("delete", 2), async || writer.append(LATER).await).await;
    deleted.succeeded();
    assert_eq!(aws_auth.map_roles().await, LATER);
}

/// Another writer causes a conflict at every attempt. The Create fails before its timeout of 20 seconds, and reports the
/// update conflicts. The Delete that follows leaves the account as before.
#[tokio::test]
async fn endless_conflicts_fail_create_before_timeout() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    scenario.resource = scenario.resource.clone().service_timeout(20);
    let conflict = Effect::refuse(409, "Conflict", "the object has been modified");
    let rule = scenario.cloud.gateway().rules().add(When::call("kubernetes", "update"), conflict);
    let started = Instant::now();
    let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let reason = failed.failed();
    assert!(reason.contains("kube-system/aws-auth") && reason.contains("met an update conflict"), "{reason}");
    assert!(3 < rule.hits(), "{} attempts", rule.hits());
    rule.remove();
    let id = failed.response.physical_resource_id.clone();
    delete(&mut scenario, &id, &properties()).await;
    before.assert_same(&scenario.world().await.unwrap(), "after the rollback");
}

/// Sends an event, and runs `meanwhile` just before the first write of this verb reaches the API server.
///
/// Asserts that this write is rejected with a conflict (409), and that `repeated` more writes succeed: the same edit, and after the
/// removal of the entry a further one that releases the fields.
async fn send_with_concurrent_write(
    scenario: &mut Scenario,
    event: &local_cloud::lambda::Event,
    (verb, repeated): (&str, usize),
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
    assert_versioned(&delivered);
    let statuses: Vec<_> =
        delivered.writes().iter().filter(|call| call.service == "kubernetes").map(|call| call.status).collect();
    assert_eq!(statuses[0], Some(409));
    assert_eq!(statuses.len(), 1 + repeated, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| matches!(status, Some(200 | 201))), "{statuses:?}");
    delivered
}
