//! Whose an entry is.

use local_cloud::{
    cluster::{create_role, service_trust},
    scenario::{CLUSTER, Scenario},
};
use serde_json::json;

use super::{ADMINS, AwsAuth, NODE_ROLE, config_map, create, delete, properties};

/// The entry that a team has had for its own node role is used as it is, and stays after the Delete; where there was
/// none, the one that was added goes.
#[tokio::test]
async fn an_entry_of_a_given_role_stays_where_it_was_and_goes_where_it_was_not() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let arn =
        create_role(&scenario.cloud.admin(), "existing-nodes", &service_trust("ec2.amazonaws.com")).await.unwrap();
    let given = json!({"ClusterName": CLUSTER, "NodeRoleArn": arn});
    let equal = format!(
        "{ADMINS}- Groups: [\"system:nodes\", system:bootstrappers] # ours\n  username: 'system:node:{{{{EC2PrivateDNSName}}}}'\n  RoleARN: {arn}\n"
    );
    for (text, was_there) in [(equal.as_str(), true), (ADMINS, false)] {
        aws_auth.set(Some(config_map([("mapRoles", text)]))).await;
        let before = scenario.world().await.unwrap();
        let (created, id) = create(&mut scenario, &given).await;
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        scenario.cluster.end_node(&node).await.unwrap();
        let deleted = delete(&mut scenario, &id, &given).await;
        before.assert_same(&scenario.world().await.unwrap(), "after the Delete");
        for delivered in [created, deleted] {
            assert_eq!(delivered.config_map_writes().is_empty(), was_there);
        }
        if was_there {
            assert!(
                scenario.cluster.identity(&node.credentials).await.unwrap().is_some(),
                "its nodes are still let in"
            );
        } else {
            scenario.cluster.wait_refused(&node.credentials).await.unwrap();
        }
    }
}

/// The entry of a role that this resource made goes with the role, whatever became of the note that says whose it is:
/// `kubectl apply` of a file that has the entry takes annotations off, and a person may have added it beforehand.
#[tokio::test]
async fn the_entry_of_a_made_role_goes_with_it_though_no_note_says_whose_it_is() {
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

/// What others write after us stays when ours goes, also where there was nothing before us: then the ConfigMap is
/// theirs now.
#[tokio::test]
async fn entries_of_others_stay_when_ours_goes() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let later = "- rolearn: arn:aws:iam::111122223333:role/later\n  username: later\n  groups: []\n";
    let maps = [None, Some(""), Some(ADMINS), Some("# nobody yet\n")];
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
