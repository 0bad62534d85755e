//! What Karpenter leaves: nodes that run on hold a Delete back before it has changed anything, and its own instance profiles
//! go with the role.

use aws_sdk_eks::types::AuthenticationMode;
use aws_sdk_iam::{Client, types::Tag};
use local_cloud::scenario::Scenario;
use serde_json::json;

use super::{created, deleted, scenario, updated, with};

const PROFILE: &str = "KarpenterNodeInstanceProfile-demo";
const ROLE: &str = "KarpenterNodeRole-demo";

/// A profile such as Karpenter makes for an EC2NodeClass with `role`.
async fn make_karpenters_profile(scenario: &Scenario, name: &str, region: &str) {
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

/// Nodes with our profile, or with one that Karpenter made on our role, are named, and nothing is changed; once they are
/// gone, or with RunningNodes Ignore, all goes, and Karpenter's profile with it.
#[tokio::test]
async fn nodes_that_run_hold_the_delete_back() {
    for mode in [AuthenticationMode::ConfigMap, AuthenticationMode::Api] {
        let mut scenario = scenario(mode).await;
        let before = scenario.world().await.unwrap();
        let (fails, ignores) = (with(json!({})), with(json!({"RunningNodes": "Ignore"})));
        let (_, mut id) = created(&mut scenario, &fails).await;
        make_karpenters_profile(&scenario, "demo_4321", "us-east-1").await;
        for profile in [PROFILE, "demo_4321"] {
            let node = scenario.cluster.run_node(profile).await.unwrap();
            let stands = scenario.world().await.unwrap();
            let refused = scenario.send(&scenario.resource.delete(&id, &fails)).await.unwrap();
            for word in [node.instance_id.as_str(), profile, "set RunningNodes to Ignore"] {
                assert!(refused.failed().contains(word), "`{word}` is not in: {}", refused.failed());
            }
            refused.wrote_nothing();
            stands.assert_same(&scenario.world().await.unwrap(), "after the Delete that was refused");
            scenario.cluster.end_node(&node).await.unwrap();
        }
        deleted(&mut scenario, &id, &fails).await;
        before.assert_same(&scenario.world().await.unwrap(), "once the nodes were gone");

        (_, id) = created(&mut scenario, &fails).await;
        scenario.cluster.run_node(PROFILE).await.unwrap();
        updated(&mut scenario, &id, &ignores, &fails).await.wrote_nothing();
        deleted(&mut scenario, &id, &ignores).await;
        before.assert_same(&scenario.world().await.unwrap(), "with RunningNodes Ignore");
    }
}

/// A replacement's Delete while nodes of the old generation run fails with their names and keeps all that they need: its
/// roles, profile and way in stand whole beside the new generation's.
#[tokio::test]
async fn nodes_of_a_replaced_generation_keep_what_they_need() {
    let mut scenario = scenario(AuthenticationMode::ApiAndConfigMap).await;
    let old = with(json!({"NodeRoleName": "old-nodes"}));
    let new = with(json!({"NodeRoleName": "new-nodes"}));
    let (_, id) = created(&mut scenario, &old).await;
    let node = scenario.cluster.run_node("old-nodes").await.unwrap();
    let replaced = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
    assert_ne!(replaced.succeeded().physical_resource_id, id);
    let both = scenario.world().await.unwrap();
    let refused = scenario.send(&scenario.resource.delete(&id, &old)).await.unwrap();
    assert!(refused.failed().contains(&node.instance_id), "{}", refused.failed());
    refused.wrote_nothing();
    both.assert_same(&scenario.world().await.unwrap(), "after the Delete that was refused");
    for name in ["role/old-nodes", "instance-profile/old-nodes"] {
        assert!(both.get(name).is_some(), "{name}");
    }
}

/// A profile on our role that Karpenter made for a cluster of this name in another region is another cluster's.
#[tokio::test]
async fn another_regions_profile_is_named_and_not_cleaned() {
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (_, id) = created(&mut scenario, &with(json!({}))).await;
    make_karpenters_profile(&scenario, "demo_9999", "eu-west-1").await;
    let refused = scenario.send(&scenario.resource.delete(&id, &with(json!({})))).await.unwrap();
    assert!(refused.failed().contains("`demo_9999`"), "{}", refused.failed());
    refused.wrote_nothing();
}

/// The launch templates that Karpenter left are named in the log.
#[tokio::test]
async fn launch_templates_that_karpenter_left_are_named_in_the_log() {
    use aws_sdk_ec2::types::{RequestLaunchTemplateData, ResourceType, Tag, TagSpecification};
    let mut scenario = scenario(AuthenticationMode::Api).await;
    let (_, id) = created(&mut scenario, &with(json!({}))).await;
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
    let gone = deleted(&mut scenario, &id, &with(json!({}))).await;
    assert!(gone.invocation.log_text().contains("karpenter.k8s.aws/123"), "{}", gone.invocation.log_text());
}
