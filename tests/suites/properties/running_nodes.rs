//! `RunningNodes`, and what Karpenter leaves behind. A Delete fails before any change while nodes run. Instance profiles that
//! Karpenter created are deleted with the node role.

use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::{Client, types::Tag};
use local_cloud::scenario::Scenario;
use serde_json::json;

use super::{create_resource, delete_resource, scenario, update_twice, with};

const PROFILE: &str = "KarpenterNodeInstanceProfile-demo";
const ROLE: &str = "KarpenterNodeRole-demo";

/// Creates an instance profile like those that Karpenter creates for an EC2NodeClass with `role`.
async fn create_karpenter_profile(scenario: &Scenario, name: &str, region: &str) {
    let iam = Client::new(&scenario.cloud.admin());
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    iam.create_instance_profile()
        .instance_profile_name(name)
        .tags(tag("kubernetes.io/cluster/demo", "owned"))
        .tags(tag("karpenter.k8s.aws/ec2nodeclass", "default"))
        .tags(tag("topology.kubernetes.io/region", region))
        .send()
        .await
        .unwrap();
    iam.add_role_to_instance_profile().instance_profile_name(name).role_name(ROLE).send().await.unwrap();
}

/// While nodes run with the stack's instance profile, or with one that Karpenter created for the node role, a Delete names them
/// and changes nothing. When the nodes are terminated, or with `RunningNodes` `Ignore`, the Delete removes everything, also
/// Karpenter's profile.
#[tokio::test]
async fn delete_with_running_nodes_changes_nothing() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::Api] {
        let mut scenario = scenario(mode).await;
        let before = scenario.world().await.unwrap();
        let (fails, ignores) = (with(json!({})), with(json!({"RunningNodes": "Ignore"})));
        let (_, mut id) = create_resource(&mut scenario, &fails).await;
        create_karpenter_profile(&scenario, "demo_4321", "us-east-1").await;
        for profile in [PROFILE, "demo_4321"] {
            let node = scenario.cluster.run_node(profile).await.unwrap();
            let with_node = scenario.world().await.unwrap();
            let rejected = scenario.send(&scenario.resource.delete(&id, &fails)).await.unwrap();
            for word in [node.instance_id.as_str(), profile, "update RunningNodes to Ignore"] {
                assert!(rejected.failed().contains(word), "`{word}` is not in: {}", rejected.failed());
            }
            rejected.wrote_nothing();
            with_node.assert_same(&scenario.world().await.unwrap(), "after the failed Delete");
            scenario.cluster.end_node(&node).await.unwrap();
        }
        delete_resource(&mut scenario, &id, &fails).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the nodes were terminated");

        (_, id) = create_resource(&mut scenario, &fails).await;
        scenario.cluster.run_node(PROFILE).await.unwrap();
        update_twice(&mut scenario, &id, &ignores, &fails).await.wrote_nothing();
        delete_resource(&mut scenario, &id, &ignores).await;
        before.assert_same(&scenario.world().await.unwrap(), "with RunningNodes Ignore");
    }
}

/// The cleanup Delete of a replacement fails while nodes of the old generation run, and names them. The old roles, instance
/// profile and access stay complete beside those of the new generation.
#[tokio::test]
async fn cleanup_with_running_nodes_keeps_old_generation() {
    let mut scenario = scenario(AuthenticationMode::ApiAndConfigMap).await;
    let old = with(json!({"NodeRoleName": "old-nodes"}));
    let new = with(json!({"NodeRoleName": "new-nodes"}));
    let (_, id) = create_resource(&mut scenario, &old).await;
    let node = scenario.cluster.run_node("old-nodes").await.unwrap();
    let replaced = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
    assert_ne!(replaced.succeeded().physical_resource_id, id);
    let both = scenario.world().await.unwrap();
    let rejected = scenario.send(&scenario.resource.delete(&id, &old)).await.unwrap();
    assert!(rejected.failed().contains(&node.instance_id), "{}", rejected.failed());
    rejected.wrote_nothing();
    both.assert_same(&scenario.world().await.unwrap(), "after the failed Delete");
    for name in ["role/old-nodes", "instance-profile/old-nodes"] {
        assert!(both.get(name).is_some(), "{name}");
    }
}

/// Karpenter created an instance profile with the node role for a cluster of the same name in another Region. The profile belongs
/// to that cluster, so the Delete names it and does not delete it.
#[tokio::test]
async fn profile_of_another_region_is_reported_and_kept() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (_, id) = create_resource(&mut scenario, &with(json!({}))).await;
    create_karpenter_profile(&scenario, "demo_9999", "eu-west-1").await;
    let rejected = scenario.send(&scenario.resource.delete(&id, &with(json!({})))).await.unwrap();
    assert!(rejected.failed().contains("`demo_9999`"), "{}", rejected.failed());
    rejected.wrote_nothing();
}

/// A Delete logs the launch templates that Karpenter left.
#[tokio::test]
async fn leftover_launch_templates_are_logged() {
    use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType, Tag, TagSpecification};
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (_, id) = create_resource(&mut scenario, &with(json!({}))).await;
    let ec2 = aws_sdk_ec2::Client::new(&scenario.cloud.admin());
    let tags = [("karpenter.sh/nodepool", "default"), ("kubernetes.io/cluster/demo", "owned")];
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    ec2.create_launch_template()
        .launch_template_name("karpenter.k8s.aws/123")
        .launch_template_data(RequestLaunchTemplateData::builder().build())
        .tag_specifications(
            TagSpecification::builder().resource_type(ResourceType::LaunchTemplate).set_tags(Some(tags.into())).build(),
        )
        .send()
        .await
        .unwrap();
    let delivered = delete_resource(&mut scenario, &id, &with(json!({}))).await;
    assert!(delivered.invocation.log_text().contains("karpenter.k8s.aws/123"), "{}", delivered.invocation.log_text());
}
