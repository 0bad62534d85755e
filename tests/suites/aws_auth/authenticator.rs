//! Texts that other parsers of YAML read otherwise than aws-iam-authenticator does. Either the node gets access, or the Create
//! reports the problem before its first write.

use local_cloud::scenario::Scenario;

use super::{ADMINS, AwsAuth, NODE_ROLE, config_map, create, delete, properties};

/// The function's entry, without the dash of the list.
fn own_fields() -> String {
    format!(
        "rolearn: {NODE_ROLE}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:bootstrappers, system:nodes]\n"
    )
}

/// The authenticator reads each of these texts. After the Create, a node has access. After the Delete, every byte is as before,
/// and the node has no access, unless the entry of another writer gives it. `warning` is the code in the attribute `Warnings`.
#[tokio::test]
async fn text_that_only_the_authenticator_reads_so_gives_node_access() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let own = own_fields();
    let of_role = |arn: &str| own.replace(NODE_ROLE, arn);
    let block_scalar =
        "  - rolearn: arn:aws:iam::111122223333:role/b\n    groups: [g]\n    username:\n      >-\n      b\n";
    let admin = "- rolearn: arn:aws:iam::111122223333:role/b\n  groups: [g]\n  username: b\n";
    let cases: [(&str, String, &str, bool); 9] = [
        ("a block scalar with its header on a line of its own", block_scalar.to_owned(), "", false),
        (
            "an entry behind such a scalar",
            format!("{block_scalar}  - rolearn: arn:aws:iam::111122223333:role/c\n    username: c\n"),
            "",
            false,
        ),
        (
            "a merge key behind the explicit keys, which maps another role",
            format!("- &b {{rolearn: 'arn:aws:iam::111122223333:role/b'}}\n- {own}  <<: *b\n"),
            "",
            false,
        ),
        ("a key twice", format!("{admin}  username: c\n"), "", false),
        ("a second document", format!("{ADMINS}---\n{admin}"), "KP0319", false),
        ("a further key", format!("{ADMINS}- {own}  description: nodes\n"), "KP0317", true),
        ("another letter case of the ARN", format!("- {}", of_role(&NODE_ROLE.to_lowercase())), "KP0317", true),
        ("more groups", format!("- {}", own.replace("system:nodes]", "system:nodes, team:a]")), "KP0317", true),
        (
            "another entry for the role before one that counts",
            format!("- rolearn: {NODE_ROLE}\n  username: old\n- {own}  description: nodes\n"),
            "KP0318",
            true,
        ),
    ];
    for (name, text, warning, is_kept) in cases {
        aws_auth.set(Some(config_map([("mapRoles", &text)]))).await;
        let before = scenario.world().await.unwrap();
        let (created, id) = create(&mut scenario, &properties()).await;
        let warnings = &created.response.data["Warnings"];
        assert!(warnings.contains(warning) && warnings.contains("KP031") != warning.is_empty(), "{name}: {warnings}");
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        let identity = scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name), "{name}");

        scenario.cluster.end_node(&node).await.unwrap();
        delete(&mut scenario, &id, &properties()).await;
        if !is_kept {
            scenario.cluster.wait_refused(&node.credentials).await.unwrap();
        }
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {name}"));
    }
}

/// The authenticator rejects each of these texts, so that no role in it has access. The Create fails before its first write, with
/// the line.
#[tokio::test]
async fn text_that_authenticator_rejects_is_reported_before_any_write() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let cases = [
        ("a blank line with a tab", format!("{ADMINS}\t\n"), 4),
        ("a comment indented by a tab", format!("{ADMINS}\t# admins\n"), 4),
        ("another version of YAML", format!("%YAML 1.2\n---\n{ADMINS}"), 1),
        ("an anchor with a dot", ADMINS.replace("admin\n", "&a.b admin\n"), 2),
        (
            "an escape of JSON",
            r#"[{"rolearn": "arn:aws:iam::111122223333:role\/Admins", "username": "a"}]"#.to_owned(),
            1,
        ),
    ];
    for (name, text, line) in cases {
        aws_auth.set(Some(config_map([("mapRoles", &text)]))).await;
        let before = scenario.world().await.unwrap();
        let failed = scenario.send(&scenario.resource.create(&properties())).await.unwrap();
        let reason = failed.failed().to_owned();
        let words = format!(
            "nothing was changed: KP0032: cannot read mapRoles of the ConfigMap kube-system/aws-auth, line {line}: "
        );
        assert!(reason.starts_with(&words) && reason.contains("Correct mapRoles"), "{name}: {reason}");
        failed.wrote_nothing();
        before.assert_same(&scenario.world().await.unwrap(), name);
        let role = scenario.cluster.creator_role_arn.clone();
        assert!(!text.contains(&role), "the creator has access without aws-auth");
    }
}
