//! Subnets and security groups that do not exist, belong to another cluster, or have no room for another tag.

use aws_sdk_ec2::{Client, types::Tag};
use local_cloud::{
    CloudOptions, ClusterOptions,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::json;

use super::{assert_create_fails, assert_create_succeeds, with};

/// Adds tags to a subnet or a security group, by hand.
async fn tag(ec2: &Client, id: &str, tags: impl IntoIterator<Item = (String, &str)>) {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    ec2.create_tags().resources(id).set_tags(Some(tags)).send().await.unwrap();
}

/// A discovery tag of another cluster is never overwritten. With `TagConflict` `Fail` the Create fails, and names every subnet
/// and security group that has such a tag. With `Skip` they stay unchanged, Warnings has them, and the attributes do not.
#[tokio::test]
async fn discovery_tag_of_another_cluster_is_not_overwritten() {
    let mut scenario = Scenario::start().await.unwrap();
    let ec2 = Client::new(&scenario.cloud.admin());
    let subnet = scenario.cluster.subnet_ids[1].clone();
    let group = scenario.cluster.cluster_security_group_id.clone();
    for id in [&subnet, &group] {
        tag(&ec2, id, [("karpenter.sh/discovery".to_owned(), "blue")]).await;
    }
    let problem = |id: &str| format!("{id} already has the tag `karpenter.sh/discovery` = `blue`");
    let remedy = |id: &str, property: &str| {
        format!("Set TagConflict to Skip to leave {id} out, choose another DiscoveryTagKey or other {property}")
    };
    let remedies = [remedy(&subnet, "SubnetIds"), remedy(&group, "SecurityGroupIds")];
    let words = [&*problem(&subnet), &problem(&group), &remedies[0], &remedies[1]];
    assert_create_fails(&mut scenario, &with(json!({})), &words).await;

    let before = scenario.world().await.unwrap();
    let skipping = with(json!({"TagConflict": "Skip"}));
    let created = scenario.send(&scenario.resource.create(&skipping)).await.unwrap();
    let response = created.succeeded();
    let world = scenario.world().await.unwrap();
    for (id, attribute, rest) in [(&subnet, "SubnetIds", 3), (&group, "SecurityGroupIds", 2)] {
        assert_eq!(world.get(id), before.get(id), "{id} is unchanged");
        assert!(
            response.data["Warnings"].contains(&format!("{id} keeps its tag `karpenter.sh/discovery` = `blue`")),
            "{response:?}"
        );
        let tagged: Vec<_> = response.data[attribute].split(',').collect();
        assert!(tagged.len() == rest && !tagged.contains(&id.as_str()), "{tagged:?}");
    }
    let delete = scenario.resource.delete(&response.physical_resource_id, &skipping);
    scenario.send(&delete).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A subnet can have 50 tags. The discovery tag and its marker need two of them. The Reason has the number of existing tags.
#[tokio::test]
async fn subnet_without_room_for_tags_is_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let ec2 = Client::new(&scenario.cloud.admin());
    let subnet = scenario.cluster.subnet_ids[0].clone();
    // With the tag Name, the subnet has 48 tags.
    tag(&ec2, &subnet, (0..47).map(|n| (format!("k{n}"), "v"))).await;
    assert_create_succeeds(&mut scenario, &with(json!({})), "SubnetIds").await;
    tag(&ec2, &subnet, [("k47".to_owned(), "v")]).await;
    let problem = format!("{subnet} has 49 tags and needs 2 more for the discovery tag and its marker");
    assert_create_fails(
        &mut scenario,
        &with(json!({})),
        &[&problem, "Remove tags from it, or set SubnetIds without it"],
    )
    .await;
}

/// Subnets and security groups that do not exist are reported with the property that has them.
#[tokio::test]
async fn missing_subnets_and_groups_are_reported() {
    let mut scenario = Scenario::start().await.unwrap();
    let (subnet, group) = (scenario.cluster.subnet_ids[0].clone(), "sg-0123456789abcdef0");
    let (one, two) = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1");
    let properties = with(json!({"SubnetIds": [subnet, one, two], "SecurityGroupIds": group}));
    let words = [
        format!("subnets {one}, {two} of SubnetIds do not exist in region us-east-1. Correct SubnetIds"),
        format!(
            "security groups {group} of SecurityGroupIds does not exist in region us-east-1. Correct SecurityGroupIds"
        ),
    ];
    assert_create_fails(&mut scenario, &properties, &[&words[0], &words[1]]).await;
}

/// The function cannot discover the subnets and security groups of a cluster without managed node groups. The Reason names the
/// properties to set. With them, the Create succeeds.
#[tokio::test]
async fn cluster_without_node_groups_requires_ids() {
    let options = ClusterOptions { node_groups: Vec::new(), ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let words = [
        "cluster `demo` has no managed node group from which to discover subnets. Set SubnetIds",
        "cluster `demo` has no managed node group from which to discover security groups. Set SecurityGroupIds",
    ];
    assert_create_fails(&mut scenario, &with(json!({})), &words).await;
    let subnet = scenario.cluster.subnet_ids[0].clone();
    let half = with(json!({"SubnetIds": [subnet]}));
    assert_create_fails(&mut scenario, &half, &words[1..]).await;
    let whole = with(json!({"SubnetIds": [subnet], "SecurityGroupIds": [scenario.cluster.cluster_security_group_id]}));
    assert_eq!(assert_create_succeeds(&mut scenario, &whole, "SubnetIds").await, subnet);
}

/// Users delete the managed node groups once Karpenter runs the nodes. An Update after that succeeds, and the tagged subnets
/// and security groups keep their tags.
#[tokio::test]
async fn update_after_node_groups_are_deleted_changes_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let old = with(json!({}));
    let created = scenario.send(&scenario.resource.create(&old)).await.unwrap();
    let response = created.succeeded().clone();
    let before = scenario.world().await.unwrap();
    let eks = aws_sdk_eks::Client::new(&scenario.cloud.admin());
    for group in &scenario.cluster.node_groups {
        eks.delete_nodegroup().cluster_name("demo").nodegroup_name(&group.name).send().await.unwrap();
    }
    let id = &response.physical_resource_id;
    let updated = scenario.send(&scenario.resource.update(id, &with(json!({"Revision": "2"})), &old)).await.unwrap();
    assert_eq!(updated.wrote_nothing().succeeded().data, response.data);
    before.assert_same(&scenario.world().await.unwrap(), "after the node groups were deleted");
}
