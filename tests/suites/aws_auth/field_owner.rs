//! An owner of aws-auth that uses server-side apply, as `GitOps` tools do. The API server records who has written a field last.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use local_cloud::{
    gateway::When,
    scenario::{CrashPoint, Scenario},
};

use super::{ADMINS, AwsAuth, config_map, create, delete, properties};

/// Applies the owner's file without force.
async fn apply(aws_auth: &AwsAuth, map_roles: &str) -> kube::Result<ConfigMap> {
    let map = config_map([("mapRoles", map_roles)]);
    aws_auth.0.patch("aws-auth", &PatchParams::apply("gitops"), &Patch::Apply(&map)).await
}

#[track_caller]
fn assert_conflicts(applied: kube::Result<ConfigMap>) {
    match applied {
        Err(kube::Error::Api(status)) => {
            assert!(status.code == 409 && status.message.contains("karpenter-prereqs"), "{status:?}");
        }
        other => panic!("the apply would take the field from the function: {other:?}"),
    }
}

/// While the entry is there, the owner's apply conflicts, because it would remove the entry. After the Delete, the owner can
/// change `mapRoles`, and the ConfigMap has no trace of the function. The same holds if the process is killed between the two
/// writes of the Delete, and the event is delivered again.
#[tokio::test]
async fn owner_can_apply_a_change_after_delete() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let changed = format!("{ADMINS}# changed\n");
    for is_killed in [false, true] {
        aws_auth.set(None).await;
        apply(&aws_auth, ADMINS).await.unwrap();
        let before = scenario.world().await.unwrap();
        let (_, id) = create(&mut scenario, &properties()).await;
        assert_conflicts(apply(&aws_auth, ADMINS).await);
        if is_killed {
            let second = When::call("kubernetes", "update").nth(2);
            let event = scenario.resource.delete(&id, &properties());
            assert!(scenario.send_and_crash(&event, second, CrashPoint::Before).await.unwrap());
            assert_conflicts(apply(&aws_auth, &changed).await);
        }
        let deleted = delete(&mut scenario, &id, &properties()).await;
        assert_eq!(deleted.config_map_writes().len(), if is_killed { 1 } else { 2 });
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
        apply(&aws_auth, &changed).await.unwrap();
    }
}
