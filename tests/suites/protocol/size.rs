//! The size limit of a response: 4,096 bytes.

use aws_sdk_ec2::Client;
use local_cloud::{
    CloudOptions, ClusterOptions,
    cluster::{LaunchTemplate, NodeGroupOptions},
    scenario::{AWS_AUTH, CLUSTER, Scenario},
};
use serde_json::json;

/// A Reason that is too long is truncated at its end, because it begins with the problem.
#[tokio::test]
async fn long_reason_is_truncated_at_the_end() {
    let mut scenario = Scenario::start().await.unwrap();
    let groups: Vec<_> = (0..400).map(|n| format!("sg-{n:017x}")).collect();
    let properties = json!({"ClusterName": CLUSTER, "SecurityGroupIds": groups});
    let delivered = scenario.send(&scenario.resource.create(&properties)).await.unwrap();
    let reason = delivered.wrote_nothing().failed();
    assert!(reason.starts_with("nothing was changed: KP0024: security groups sg-00000000000000000, "), "{reason}");
    assert!(reason.ends_with('…'), "{reason}");
    assert!((4000..=4096).contains(&delivered.response.raw.len()), "{} bytes", delivered.response.raw.len());
}

/// If the attributes of a success do not fit, `SecurityGroupIds` becomes empty, and then `SubnetIds`. Warnings reports that. All
/// other attributes are unchanged, and all subnets have the discovery tag.
#[tokio::test]
async fn large_success_omits_lists_with_warning() {
    let plain = NodeGroupOptions { name: "plain".to_owned(), subnets: 0..240, launch_template: LaunchTemplate::None };
    let options = ClusterOptions { subnets: 240, node_groups: vec![plain], ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let before = scenario.world().await.unwrap();
    let old = json!({"ClusterName": CLUSTER});
    let created = scenario.send(&scenario.resource.create(&old)).await.unwrap();
    let response = created.succeeded();
    let omitted = |name| format!("the attribute {name} is empty, because it does not fit");
    for name in ["SecurityGroupIds", "SubnetIds"] {
        assert_eq!(response.data[name], "");
        assert!(response.data["Warnings"].contains(&omitted(name)), "{response:?}");
    }
    assert!(
        response.data["HelmValues"].contains(CLUSTER) && response.data["Warnings"].contains("KP0301"),
        "{response:?}"
    );
    let world = scenario.world().await.unwrap();
    let tagged = |id: &String| world.get(id).unwrap().contains("karpenter.sh/discovery");
    assert!(scenario.cluster.subnet_ids.iter().all(tagged));

    // With few subnets and many groups, it is enough to omit the groups.
    let ec2 = Client::new(&scenario.cloud.admin());
    let mut groups = Vec::new();
    for n in 0..150 {
        let call = ec2.create_security_group().vpc_id(&scenario.cluster.vpc_id).group_name(format!("g{n}"));
        groups.push(call.description("one of many").send().await.unwrap().group_id.unwrap());
    }
    let new =
        json!({"ClusterName": CLUSTER, "SubnetIds": scenario.cluster.subnet_ids[..2], "SecurityGroupIds": groups});
    let id = response.physical_resource_id.clone();
    let updated = scenario.send(&scenario.resource.update(&id, &new, &old)).await.unwrap();
    let response = updated.succeeded();
    assert_eq!((response.data["SecurityGroupIds"].as_str(), response.data["SubnetIds"].split(',').count()), ("", 2));
    assert!(!response.data["Warnings"].contains(&omitted("SubnetIds")), "{response:?}");

    scenario.send(&scenario.resource.delete(&id, &new)).await.unwrap().succeeded();
    for group in groups {
        ec2.delete_security_group().group_id(group).send().await.unwrap();
    }
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}
