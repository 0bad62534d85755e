//! Which entries of aws-auth the function removes, and which it keeps.

use local_cloud::{
    cluster::{create_role, service_trust},
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

use super::{ADMINS, AwsAuth, NODE_ROLE, config_map, create, delete, properties};

/// The entry of an existing node role is used unchanged, and is kept after the Delete. If the role has no entry, the
/// function adds one, and the Delete removes it.
#[tokio::test]
async fn given_role_entry_is_kept_if_existing_and_removed_if_added() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let arn =
        create_role(&scenario.cloud.admin(), "existing-nodes", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let given = json!({"ClusterName": CLUSTER, "NodeRoleArn": arn});
    let equal = format!(
        "{ADMINS}- Groups: [\"system:nodes\", system:bootstrappers] # ours\n  username: 'system:node:{{{{EC2PrivateDNSName}}}}'\n  RoleARN: {arn}\n"
    );
    for (text, has_entry) in [(equal.as_str(), true), (ADMINS, false)] {
        aws_auth.set(Some(config_map([("mapRoles", text)]))).await;
        let before = scenario.world().await.unwrap();
        let (created, id) = create(&mut scenario, &given).await;
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        scenario.cluster.end_node(&node).await.unwrap();
        let deleted = delete(&mut scenario, &id, &given).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
        for delivered in [created, deleted] {
            assert_eq!(delivered.config_map_writes().is_empty(), has_entry);
        }
        if has_entry {
            assert!(
                scenario.cluster.identity(&node.credentials).await.unwrap().is_some(),
                "its nodes still have access"
            );
        } else {
            scenario.cluster.wait_refused(&node.credentials).await.unwrap();
        }
    }
}

/// The entry of a role that this resource created is deleted with the role, also if the annotation with the ownership
/// marker is missing. `kubectl apply` of a file that contains the entry removes the annotation. A person may also have
/// added the entry before the Create.
#[tokio::test]
async fn created_role_entry_without_annotation_is_removed() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let entry = format!(
        "- rolearn: {NODE_ROLE}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:bootstrappers, system:nodes]\n"
    );
    for beforehand in [false, true] {
        aws_auth.set(Some(config_map([("mapRoles", ADMINS)]))).await;
        let before = scenario.world().await.unwrap();
        if beforehand {
            aws_auth.append(&entry).await;
        }
        let (_, id) = create(&mut scenario, &properties()).await;
        aws_auth.change(|map| map.metadata.annotations = None).await;
        delete(&mut scenario, &id, &properties()).await;
        before.assert_same(
            &scenario.world().await.unwrap(),
            &format!("after the Delete; added beforehand: {beforehand}"),
        );
    }
}

/// Entries that others add after the Create are kept when the function's entry is deleted. If there was no ConfigMap before
/// the Create, the ConfigMap is kept too, because others use it now.
#[tokio::test]
async fn entries_of_others_are_kept_after_delete() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let later = "- rolearn: arn:aws:iam::111122223333:role/later\n  username: later\n  groups: []\n";
    let maps = [None, Some(""), Some(ADMINS), Some("# no roles yet\n")];
    for map in maps {
        aws_auth.set(map.map(|text| config_map([("mapRoles", text)]))).await;
        let (_, id) = create(&mut scenario, &properties()).await;
        aws_auth.append(later).await;
        delete(&mut scenario, &id, &properties()).await;
        let text = aws_auth.map_roles().await;
        let expected = match map {
            None | Some("") => later.to_owned(),
            Some(before) => format!("{before}{later}"),
        };
        assert_eq!(text, expected, "{map:?}");
        let world = scenario.world().await.unwrap();
        assert_eq!(world.json("aws-auth/metadata")["annotations"], json!(null), "{map:?}");
    }
}
