//! Texts of `mapRoles`, as people and tools write them.

use local_cloud::scenario::{AWS_AUTH, Scenario};
use serde_json::{Value, json};

use super::{AwsAuth, NODE_ROLE, config_map, create, delete, properties};

/// For every text in [`TEXTS`]: after the Create a node has access, and the entries of others have the same meaning. After
/// the Delete the node has no access, and every byte is as before.
#[tokio::test]
async fn map_roles_text_after_create_and_delete_is_byte_identical() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    for (name, text) in TEXTS {
        aws_auth
            .set(Some(config_map([("mapRoles", text), ("mapUsers", "- userarn: arn:aws:iam::111122223333:user/ci\n")])))
            .await;
        let before = scenario.world().await.unwrap();
        let (_, id) = create(&mut scenario, &properties()).await;
        let mut expected = entries(text);
        expected.push(json!({
            "rolearn": NODE_ROLE,
            "username": "system:node:{{EC2PrivateDNSName}}",
            "groups": ["system:bootstrappers", "system:nodes"],
        }));
        assert_eq!(entries(&aws_auth.map_roles().await), expected, "{name}");
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        let identity = scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        assert_eq!(identity.username, format!("system:node:{}", node.private_dns_name), "{name}");

        scenario.cluster.end_node(&node).await.unwrap();
        delete(&mut scenario, &id, &properties()).await;
        scenario.cluster.wait_refused(&node.credentials).await.unwrap();
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {name}"));
    }
}

/// A missing ConfigMap is created, and deleted again. A ConfigMap without `mapRoles`, or without any data, has the same
/// content after the Delete, with its labels, annotations and other keys.
#[tokio::test]
async fn missing_config_map_or_key_after_delete_is_missing_again() {
    let mut scenario = Scenario::start().await.unwrap();
    let aws_auth = AwsAuth::of(&scenario);
    let mut labelled = config_map([("mapAccounts", "[]")]);
    labelled.metadata.labels = Some([("team".to_owned(), "platform".to_owned())].into());
    labelled.metadata.annotations = Some([("example.com/note".to_owned(), "ask before".to_owned())].into());
    let maps = [
        ("no ConfigMap", None),
        ("no data", Some(config_map([]))),
        ("mapUsers alone", Some(config_map([("mapUsers", "- userarn: arn:aws:iam::111122223333:user/ci\n")]))),
        ("labels", Some(labelled)),
    ];
    for (name, map) in maps {
        let missing = map.is_none();
        aws_auth.set(map).await;
        let before = scenario.world().await.unwrap();
        let (created, id) = create(&mut scenario, &properties()).await;
        let node = scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
        scenario.cluster.wait_admitted(&node.credentials).await.unwrap();
        scenario.cluster.end_node(&node).await.unwrap();
        let deleted = delete(&mut scenario, &id, &properties()).await;
        before.assert_same(&scenario.world().await.unwrap(), &format!("after {name}"));
        let verbs = [created, deleted].map(|delivered| delivered.config_map_writes()[0].0.to_owned());
        assert_eq!(verbs, if missing { ["create", "delete"] } else { ["update", "update"] }, "{name}");
    }
}

/// Returns the entries of `mapRoles`, with keys in lower case as aws-iam-authenticator compares them.
///
/// The parser is not one of those that the function uses, so that a fault in theirs is noticed.
fn entries(text: &str) -> Vec<Value> {
    if ["", "``"].contains(&text.trim()) {
        return Vec::new();
    }
    let list: Option<Vec<Value>> = yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    let lower = |entry: Value| match entry {
        Value::Object(entry) => entry.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect(),
        other => other,
    };
    list.unwrap_or_default().into_iter().map(lower).collect()
}

const TEXTS: [(&str, &str); 24] = [
    ("what a team keeps by hand", AWS_AUTH),
    ("an empty text", ""),
    ("blanks", "  \n\n"),
    ("an empty list", "[]"),
    ("an empty list with a newline", "[]\n"),
    ("a null", "null\n"),
    ("quotes", "``"),
    ("comments alone", "# no roles yet\n# ask the platform team\n"),
    (
        "JSON, as the CDK writes it",
        r#"[{"rolearn":"arn:aws:iam::111122223333:role/Admins","username":"admin","groups":["system:masters"]}]"#,
    ),
    (
        "JSON over several lines",
        "[\n  {\n    \"rolearn\": \"arn:aws:iam::111122223333:role/Admins\",\n    \"username\": \"admin\",\n    \"groups\": [\"system:masters\"]\n  }\n]\n",
    ),
    (
        "flow style",
        "[{rolearn: 'arn:aws:iam::111122223333:role/Admins', username: admin, groups: [system:masters]}, ]\n",
    ),
    (
        "a list of flow maps",
        "- {rolearn: 'arn:aws:iam::111122223333:role/Admins', username: admin, groups: [system:masters]}\n",
    ),
    (
        "as Terraform's yamlencode writes it",
        "- \"groups\":\n  - \"system:masters\"\n  \"rolearn\": \"arn:aws:iam::111122223333:role/Admins\"\n  \"username\": \"admin\"\n",
    ),
    (
        "lines that end in CRLF",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\r\n  username: admin\r\n  groups:\r\n    - system:masters\r\n",
    ),
    (
        "no final newline",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: [system:masters]",
    ),
    (
        "several final newlines",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: []\n\n\n",
    ),
    (
        "an indented list",
        "  - rolearn: arn:aws:iam::111122223333:role/Admins\n    username: admin\n    groups:\n      - system:masters\n",
    ),
    (
        "a document's start",
        "---\n- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: [system:masters]\n",
    ),
    (
        "tabs before comments",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\t# break glass\n  username: admin\n  groups: []\t\n",
    ),
    (
        "a comment at the end",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: [system:masters]\n# - rolearn: gone\n",
    ),
    (
        "anchors and aliases",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: admin\n  groups: &all [system:masters]\n- rolearn: arn:aws:iam::111122223333:role/Ops\n  username: ops\n  groups: *all\n",
    ),
    (
        "keys in other letter case, unknown keys, and an entry that is none",
        "- RoleArn: arn:aws:iam::111122223333:role/Admins\n  USERNAME: admin\n  Groups: [system:masters]\n  owner: ops\n- not an entry\n",
    ),
    (
        "the same role twice",
        "- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: one\n- rolearn: arn:aws:iam::111122223333:role/admins\n  username: two\n",
    ),
    (
        "letters of other scripts",
        "# für 運用\n- rolearn: arn:aws:iam::111122223333:role/Admins\n  username: \"jürgen 🐙\"\n  groups: []\n",
    ),
];
