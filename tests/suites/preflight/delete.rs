//! Preflight checks of a Delete, which prevent that it deletes only half of the objects.

use local_cloud::{
    cluster::{account_trust, create_role},
    execution_role,
    gateway::ClusterRewrite,
    ports,
    scenario::Scenario,
};
use serde_json::json;

use super::{assert_create_fails, assert_fails, with};

/// If the cluster exists, but its API is unreachable, the Delete fails before any change. When the API is reachable again, the
/// Delete removes everything.
#[tokio::test]
async fn delete_without_kubernetes_api_removes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = with(json!({}));
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties);
    let endpoint = format!("https://127.0.0.1:{}", ports::free().unwrap());
    let unreachable = ClusterRewrite { endpoint: Some(endpoint.clone()), ..scenario.cluster.rewrite() };
    scenario.cloud.gateway().set_cluster("demo", unreachable);
    assert_fails(&mut scenario, &delete, &[&format!("reach the Kubernetes API at {endpoint}"), "NodeAccess to None"])
        .await;

    scenario.cloud.gateway().set_cluster("demo", scenario.cluster.rewrite());
    scenario.send(&delete).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A Create failed because Kubernetes denied access, so it created nothing. The Delete of its rollback succeeds although
/// Kubernetes still denies access, because a stack must not fail at objects that never existed.
#[tokio::test]
async fn delete_after_kubernetes_denied_create_succeeds() {
    let mut scenario = Scenario::start().await.unwrap();
    let admin = scenario.cloud.admin();
    let stranger = create_role(&admin, "stranger", &account_trust(scenario.cloud.account())).await.unwrap();
    execution_role::grant(&scenario.cloud, "stranger").await.unwrap();
    scenario.restart(&stranger, |_| {}).await.unwrap();
    let properties = with(json!({}));
    assert_create_fails(&mut scenario, &properties, &["401 Unauthorized"]).await;
    let failed = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let delete = scenario.resource.delete(&failed.response.physical_resource_id, &properties);
    scenario.send(&delete).await.unwrap().wrote_nothing().succeeded();
}

/// IAM cannot delete a role that is in an instance profile. If the role is in a profile that this resource did not create, the
/// Delete fails before any change and names the profile.
#[tokio::test]
async fn foreign_profile_with_node_role_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = with(json!({}));
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties);
    let (role, profile) = ("KarpenterNodeRole-demo", "demo_1234567890");
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    iam.create_instance_profile().instance_profile_name(profile).send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    let problem = format!("role `{role}` is still in instance profiles that this resource did not create: `{profile}`");
    assert_fails(&mut scenario, &delete, &[&problem, "Delete Karpenter's EC2NodeClasses"]).await;

    iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    iam.delete_instance_profile().instance_profile_name(profile).send().await.unwrap();
    scenario.send(&delete).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
