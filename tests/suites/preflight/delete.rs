//! What keeps a Delete from taking away the half of it.

use local_cloud::{
    cluster::{account_trust, create_role},
    execution_role,
    gateway::ClusterRewrite,
    ports,
    scenario::Scenario,
};
use serde_json::json;

use super::{refused, refuses, with};

/// While the cluster lives and its API is out of reach, nothing is taken away, and the answer says why; once it is
/// back, all of it goes.
#[tokio::test]
async fn a_delete_that_cannot_reach_kubernetes_takes_nothing_away() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = with(json!({}));
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties);
    let endpoint = format!("https://127.0.0.1:{}", ports::free().unwrap());
    let away = ClusterRewrite { endpoint: Some(endpoint.clone()), ..scenario.cluster.rewrite() };
    scenario.cloud.gateway().set_cluster("demo", away);
    refused(&mut scenario, &delete, &[&format!("reach the Kubernetes API at {endpoint}"), "NodeAccess to None"]).await;

    scenario.cloud.gateway().set_cluster("demo", scenario.cluster.rewrite());
    scenario.send(&delete).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A Create that Kubernetes refused has made nothing, so its rollback's Delete succeeds though Kubernetes refuses it
/// too: a stack must not hang on what was never there.
#[tokio::test]
async fn the_delete_after_a_create_that_kubernetes_refused_succeeds() {
    let mut scenario = Scenario::start().await.unwrap();
    let admin = scenario.cloud.admin();
    let stranger = create_role(&admin, "stranger", &account_trust(scenario.cloud.account())).await.unwrap();
    execution_role::grant(&scenario.cloud, "stranger").await.unwrap();
    scenario.restart(&stranger, |_| {}).await.unwrap();
    let properties = with(json!({}));
    refuses(&mut scenario, &properties, &["401 Unauthorized"]).await;
    let failed = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let delete = scenario.resource.delete(&failed.response.physical_resource_id, &properties);
    scenario.send(&delete).await.unwrap().wrote_nothing().succeeded();
}

/// IAM deletes no role that an instance profile holds: a profile that this resource did not make is named before
/// anything is taken away.
#[tokio::test]
async fn a_foreign_profile_that_holds_the_node_role_is_named() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();
    let properties = with(json!({}));
    let created = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let delete = scenario.resource.delete(&created.succeeded().physical_resource_id, &properties);
    let (role, profile) = ("KarpenterNodeRole-demo", "demo_1234567890");
    let iam = aws_sdk_iam::Client::new(&scenario.cloud.admin());
    iam.create_instance_profile().instance_profile_name(profile).send().await.unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    let told = format!("role `{role}` is still in instance profiles that this resource did not create: `{profile}`");
    refused(&mut scenario, &delete, &[&told, "Delete Karpenter's EC2NodeClasses"]).await;

    iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role).send().await.unwrap();
    iam.delete_instance_profile().instance_profile_name(profile).send().await.unwrap();
    scenario.send(&delete).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
