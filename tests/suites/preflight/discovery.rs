//! Subnets and security groups: what is not there, what another cluster has, what is full.

use aws_sdk_ec2::{Client, types::Tag};
use local_cloud::{
    CloudOptions, ClusterOptions,
    scenario::{AWS_AUTH, Scenario},
};
use serde_json::json;

use super::{accepts, refuses, with};

/// Tags a subnet or a security group, as somebody else would.
async fn tag(ec2: &Client, id: &str, tags: impl IntoIterator<Item = (String, &str)>) {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    ec2.create_tags().resources(id).set_tags(Some(tags)).send().await.unwrap();
}

/// A discovery tag of another cluster is never overwritten: all that carry one are told, and `Skip` leaves them alone,
/// with a warning, and out of the attributes.
#[tokio::test]
async fn another_clusters_discovery_tag_is_never_overwritten() {
    let mut scenario = Scenario::start().await.unwrap();
    let ec2 = Client::new(&scenario.cloud.admin());
    let subnet = scenario.cluster.subnet_ids[1].clone();
    let group = scenario.cluster.cluster_security_group_id.clone();
    for id in [&subnet, &group] {
        tag(&ec2, id, [("karpenter.sh/discovery".to_owned(), "blue")]).await;
    }
    let told = |id: &str| format!("{id} already has the tag `karpenter.sh/discovery` = `blue`");
    let cure = "set TagConflict to Skip to leave it out, or choose another DiscoveryTagKey or other";
    let words = [&*told(&subnet), &told(&group), &format!("{cure} SubnetIds"), &format!("{cure} SecurityGroupIds")];
    refuses(&mut scenario, &with(json!({})), &words).await;

    let before = scenario.world().await.unwrap();
    let skipping = with(json!({"TagConflict": "Skip"}));
    let created = scenario.send(&scenario.resource.create(&skipping)).await.unwrap();
    let response = created.succeeded();
    let world = scenario.world().await.unwrap();
    for (id, attribute, rest) in [(&subnet, "SubnetIds", 3), (&group, "SecurityGroupIds", 2)] {
        assert_eq!(world.get(id), before.get(id), "it is not touched");
        assert!(
            response.data["Warnings"].contains(&format!("{id} keeps its tag `karpenter.sh/discovery` = `blue`")),
            "{response:?}"
        );
        let carrying: Vec<_> = response.data[attribute].split(',').collect();
        assert!(carrying.len() == rest && !carrying.contains(&id.as_str()), "{carrying:?}");
    }
    let delete = scenario.resource.delete(&response.physical_resource_id, &skipping);
    scenario.send(&delete).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// A subnet has room for 50 tags, and the discovery tag and its mark need two; what counts is told.
#[tokio::test]
async fn a_subnet_without_room_for_the_tags_is_told() {
    let mut scenario = Scenario::start().await.unwrap();
    let ec2 = Client::new(&scenario.cloud.admin());
    let subnet = scenario.cluster.subnet_ids[0].clone();
    // One it has: Name.
    tag(&ec2, &subnet, (0..47).map(|n| (format!("k{n}"), "v"))).await;
    accepts(&mut scenario, &with(json!({})), "SubnetIds").await;
    tag(&ec2, &subnet, [("k47".to_owned(), "v")]).await;
    let told = format!("{subnet} has 49 tags and needs 2 more for the discovery tag and its marker");
    refuses(&mut scenario, &with(json!({})), &[&told, "Remove tags from it, or set SubnetIds without it"]).await;
}

/// Ids that do not exist are told, with their property.
#[tokio::test]
async fn ids_that_do_not_exist_are_told_with_their_property() {
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
    refuses(&mut scenario, &properties, &[&words[0], &words[1]]).await;
}

/// A cluster without node groups tells nothing of its subnets and groups: what to set is told, and with it set the
/// same Create succeeds.
#[tokio::test]
async fn a_cluster_without_node_groups_asks_for_the_ids() {
    let options = ClusterOptions { node_groups: Vec::new(), ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let words = [
        "cluster `demo` has no managed node group from which to discover subnets. Set SubnetIds",
        "cluster `demo` has no managed node group from which to discover security groups. Set SecurityGroupIds",
    ];
    refuses(&mut scenario, &with(json!({})), &words).await;
    let subnet = scenario.cluster.subnet_ids[0].clone();
    let half = with(json!({"SubnetIds": [subnet]}));
    refuses(&mut scenario, &half, &words[1..]).await;
    let whole = with(json!({"SubnetIds": [subnet], "SecurityGroupIds": [scenario.cluster.cluster_security_group_id]}));
    assert_eq!(accepts(&mut scenario, &whole, "SubnetIds").await, subnet);
}

/// When the node groups go later, as they do once Karpenter runs the nodes, an Update goes on and what was tagged
/// stays tagged.
#[tokio::test]
async fn node_groups_that_go_later_are_no_error() {
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
    before.assert_same(&scenario.world().await.unwrap(), "when the node groups have gone");
}
