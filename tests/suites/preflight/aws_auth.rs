//! Texts of aws-auth that the function must not edit.

use local_cloud::scenario::Scenario;
use serde_json::json;

use super::{assert_create_fails, with};

const ARN: &str = "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo";

/// If `mapRoles` cannot be edited safely, it stays unchanged. The Reason has the line, or quotes the text.
#[tokio::test]
async fn uneditable_aws_auth_fails_without_change() {
    let mut scenario = Scenario::start().await.unwrap();
    let cases = [
        (
            "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: [system:masters\n- x\n"
                .to_owned(),
            vec![
                "cannot read mapRoles of the ConfigMap kube-system/aws-auth, line ",
                "was not changed. Correct mapRoles",
            ],
        ),
        ("- a\n- *b\n".to_owned(), vec!["mapRoles of the ConfigMap kube-system/aws-auth, line 2: "]),
        (
            "# by role\nrolearn: arn:aws:iam::111122223333:role/Admins\n".to_owned(),
            vec!["must be a list, and it starts with `rolearn: arn:aws:iam::111122223333:role/Admins`"],
        ),
        (
            format!(
                "- rolearn: {ARN}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:masters]\n"
            ),
            vec![
                "uses only the last entry of a role",
                "system:masters",
                "Remove that entry, or choose another node role",
            ],
        ),
        (
            format!("- rolearn: {}\n  username: admin\n", ARN.to_lowercase()),
            vec![
                "uses only the last entry of a role",
                "role/karpenternoderole-demo",
                "Remove that entry, or choose another node role",
            ],
        ),
    ];
    for (map_roles, words) in cases {
        scenario.cluster.control_plane().set_aws_auth(&map_roles).await.unwrap();
        assert_create_fails(&mut scenario, &with(json!({})), &words).await;
    }
}
