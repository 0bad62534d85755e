//! Create, Update and Delete of one resource: what each event does, and that it does nothing else.

use local_cloud::{
    CloudOptions, ClusterOptions,
    cluster::{LaunchTemplate, NodeGroupOptions},
    scenario::{AWS_AUTH, CLUSTER, Scenario},
};
use serde_json::{Value, json};

fn properties() -> Value {
    json!({"ClusterName": CLUSTER})
}

/// A Create creates every object as documented. The same event again, a second Create and an Update without a change write
/// nothing. The Delete restores the account.
#[tokio::test]
async fn create_is_complete_and_delete_leaves_nothing() {
    let mut scenario = Scenario::start().await.unwrap();
    let before = scenario.world().await.unwrap();

    let event = scenario.resource.create(&properties());
    let created = scenario.send(&event).await.unwrap();
    let response = created.succeeded().clone();
    let world = scenario.world().await.unwrap();

    // The roles and the profile.
    let node: Value = serde_json::from_str(world.get("role/KarpenterNodeRole-demo").unwrap()).unwrap();
    assert_eq!(node["trust"]["Statement"][0]["Principal"]["Service"], "ec2.amazonaws.com");
    assert_eq!(
        node["attached"],
        json!([
            "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
            "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
            "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
            "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
        ])
    );
    let profile: Value =
        serde_json::from_str(world.get("instance-profile/KarpenterNodeInstanceProfile-demo").unwrap()).unwrap();
    assert_eq!(profile["roles"], json!(["KarpenterNodeRole-demo"]));
    let controller: Value = serde_json::from_str(world.get("role/KarpenterControllerRole-demo").unwrap()).unwrap();
    let issuer = scenario.cluster.issuer.split_once("://").unwrap().1;
    let condition = &controller["trust"]["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(condition[format!("{issuer}:sub")], "system:serviceaccount:karpenter:karpenter");
    assert_eq!(condition[format!("{issuer}:aud")], "sts.amazonaws.com");
    let statements = &controller["inline"]["KarpenterControllerPolicy-demo"]["Statement"];
    let sids: Vec<_> =
        statements.as_array().unwrap().iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
    assert_eq!(sids, ["Karpenter", "ConditionalEC2Termination", "PassNodeIAMRole", "EKSClusterEndpointLookup"]);

    // The discovery tag is on the subnets and security groups of every node group, and on no other.
    let tagged = |id: &str| world.get(id).unwrap().contains("\"karpenter.sh/discovery\": \"demo\"");
    for id in &scenario.cluster.subnet_ids {
        assert!(tagged(id), "{id}");
    }
    assert!(tagged(&scenario.cluster.cluster_security_group_id));
    let groups = world.names().filter(|name| name.starts_with("sg-") && tagged(name)).count();
    assert_eq!(groups, 3, "the cluster's security group and two of the launch template");

    // The entry of aws-auth is appended to the unchanged text.
    let map_roles = world.get("aws-auth/mapRoles").unwrap();
    let added = map_roles.strip_prefix(AWS_AUTH).unwrap();
    assert!(added.contains("arn:aws:iam::111122223333:role/KarpenterNodeRole-demo"), "{added}");

    // Every attribute exists, and has the same value after every run.
    assert_eq!(response.data.len(), 16, "{:?}", response.data);
    assert_eq!(response.data["NodeAccess"], "AwsAuth");
    assert_eq!(response.data["SubnetIds"].split(',').count(), 4);
    let id = response.physical_resource_id.clone();
    let again = scenario.resource.create(&properties());
    let update = scenario.resource.update(&id, &properties(), &properties());
    for (what, event) in [("delivered again", &event), ("created again", &again), ("updated", &update)] {
        let same = scenario.send(event).await.unwrap();
        same.wrote_nothing();
        assert_eq!(same.succeeded().physical_resource_id, id, "{what}");
        assert_eq!(same.succeeded().data, response.data, "{what}");
    }

    let delete = scenario.resource.delete(&id, &properties());
    let deleted = scenario.send(&delete).await.unwrap();
    assert_eq!(deleted.succeeded().physical_resource_id, id);
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
    let second = scenario.send(&delete).await.unwrap();
    second.succeeded();
    second.wrote_nothing();
}

/// A launch template can name its security groups in its network interface. They get the discovery tag, like others.
#[tokio::test]
async fn security_groups_of_network_interface_are_tagged() {
    let launch_template = LaunchTemplate::NetworkInterface(2);
    let group = NodeGroupOptions { name: "interface".to_owned(), subnets: 0..2, launch_template };
    let options = ClusterOptions { node_groups: vec![group], ..ClusterOptions::default() };
    let mut scenario = Scenario::start_with(CloudOptions::default(), options).await.unwrap();
    scenario.cluster.control_plane().set_aws_auth(AWS_AUTH).await.unwrap();
    let before = scenario.world().await.unwrap();

    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let world = scenario.world().await.unwrap();
    let groups = &scenario.cluster.node_groups[0].security_group_ids;
    assert_eq!(groups.len(), 2);
    for group in groups {
        assert_eq!(world.json(group)["karpenter.sh/discovery"], CLUSTER, "{group}");
    }

    scenario.send(&scenario.resource.delete(&id, &properties())).await.unwrap().succeeded();
    before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
}

/// An Update in place adds what the new properties ask for, and removes what only the old ones asked for. Its rollback is an
/// Update with the properties exchanged, and restores the account.
#[tokio::test]
async fn in_place_update_and_back_restores_account() {
    let mut scenario = Scenario::start().await.unwrap();
    let created = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
    let id = created.succeeded().physical_resource_id.clone();
    let before = scenario.world().await.unwrap();
    let changes = [
        json!({"ClusterName": CLUSTER, "Tags": {"team": "platform", "cost": 7}}),
        json!({"ClusterName": CLUSTER, "NodePolicyArns": ["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"]}),
        json!({"ClusterName": CLUSTER, "ControllerPolicyArns": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}),
        json!({"ClusterName": CLUSTER, "Namespace": "kube-system", "ServiceAccount": "karpenter-controller"}),
        json!({"ClusterName": CLUSTER, "DiscoveryTagKey": "karpenter.sh/discovery/demo"}),
        json!({"ClusterName": CLUSTER, "DiscoveryTagValue": "blue"}),
        json!({"ClusterName": CLUSTER, "SubnetIds": [scenario.cluster.subnet_ids[3]]}),
        json!({"ClusterName": CLUSTER, "SecurityGroupIds": [scenario.cluster.cluster_security_group_id]}),
        json!({"ClusterName": CLUSTER, "NodeAccess": "None"}),
    ];
    for change in changes {
        let update = scenario.send(&scenario.resource.update(&id, &change, &properties())).await.unwrap();
        assert_eq!(update.succeeded().physical_resource_id, id, "{change}");
        assert!(!update.writes().is_empty(), "{change}");
        assert_ne!(scenario.world().await.unwrap(), before, "{change}");
        let again = scenario.send(&scenario.resource.update(&id, &change, &properties())).await.unwrap();
        again.wrote_nothing().succeeded();
        let back = scenario.send(&scenario.resource.update(&id, &properties(), &change)).await.unwrap();
        back.succeeded();
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {change} and back"));
    }
    let revised = json!({"ClusterName": CLUSTER, "Revision": 2});
    scenario.send(&scenario.resource.update(&id, &revised, &properties())).await.unwrap().wrote_nothing().succeeded();
}
