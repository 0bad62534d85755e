//! Tests of valid and invalid properties.

use super::*;
use serde_json::{Value, json};

fn parse(raw: Value) -> (Properties, Vec<String>) {
    let Value::Object(raw) = raw else { panic!("not a map") };
    let (properties, errors) = Properties::parse(&raw);
    (properties, errors.iter().map(ToString::to_string).collect())
}

#[test]
fn unknown_property_suggests_the_nearest_name() {
    let (_, errors) = parse(json!({"ClusterName": "demo", "Clustername": "demo", "Zebra": "1", "NodePolicyArn": "x"}));
    assert_eq!(
        errors,
        [
            "unknown property `Clustername`. Did you mean `ClusterName`?",
            "unknown property `NodePolicyArn`. Did you mean `NodePolicyArns`?",
            "unknown property `Zebra`. Remove it",
        ]
    );
}

#[test]
fn missing_cluster_name_is_the_only_error() {
    let (_, errors) = parse(json!({"ServiceToken": "arn", "ServiceTimeout": "60", "ClusterName": ""}));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("`ClusterName` is required"), "{errors:?}");
}

#[test]
fn list_is_read_from_array_or_text_without_repeats() {
    let ids = json!(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]);
    let text = json!("subnet-0123456789abcdef0, subnet-0123456789abcdef1,subnet-0123456789abcdef0");
    for value in [ids, text] {
        let (properties, errors) = parse(json!({"ClusterName": "demo", "SubnetIds": value}));
        assert_eq!(errors, [] as [&str; 0]);
        assert_eq!(properties.list("SubnetIds").unwrap().len(), 2);
    }
}

#[test]
fn tags_are_read_from_map_or_list() {
    for value in [json!({"a": "1", "b": 2}), json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])] {
        let (properties, errors) = parse(json!({"ClusterName": "demo", "Tags": value}));
        assert_eq!(errors, [] as [&str; 0]);
        assert_eq!(properties.tags("Tags"), [("a".into(), "1".into()), ("b".into(), "2".into())].into());
    }
}

#[test]
fn invalid_value_is_one_error_and_valid_values_are_kept() {
    let invalid = [
        ("ClusterName", json!("-demo")),
        ("ClusterName", json!("c".repeat(101))),
        ("ClusterName", json!(["demo"])),
        ("Namespace", json!("Karpenter")),
        ("ServiceAccount", json!("a..b")),
        ("NodeAccess", json!("auto")),
        ("NodeRoleName", json!("r".repeat(65))),
        ("NodeRoleName", json!("Knotenrolle-ä")),
        ("InstanceProfileName", json!("p".repeat(129))),
        ("NodeRoleArn", json!("arn:aws:iam::111122223333:user/u")),
        ("NodeRoleArn", json!("arn:aws:iam::1:role/r")),
        ("NodeRoleArn", json!("arn:aws\n:iam::111122223333:role/r")),
        ("NodeRoleArn", json!("arn:aws é:iam::111122223333:role/r")),
        ("NodeRoleArn", json!(format!("arn:aws{}:iam::111122223333:role/r", "-x".repeat(60)))),
        ("NodeRoleArn", json!(format!("arn:aws:iam::111122223333:role/{}/r", "p".repeat(511)))),
        ("NodeRoleArn", json!(format!("arn:aws:iam::111122223333:role/{}", "r".repeat(65)))),
        ("KubernetesRoleArn", json!("arn:aws\n:iam::111122223333:role/r")),
        ("NodePolicyArns", json!(["AmazonEKSWorkerNodePolicy"])),
        ("NodePolicyArns", json!(["arn:aws\n:iam::aws:policy/p"])),
        ("NodePolicyArns", json!([format!("arn:aws:iam::aws:policy/{}", "p".repeat(129))])),
        ("ControllerPolicyArns", json!([format!("arn:aws:iam::aws:policy/{}/p", "p".repeat(511))])),
        ("Tags", json!({"aws:x": "1"})),
        ("Tags", json!({"karpenter-prereqs/owner": "me"})),
        ("Tags", json!([{"Key": "a"}])),
        ("Tags", json!([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])),
        ("Tags", json!({"a": "*"})),
        ("DiscoveryTagKey", json!("karpenter-prereqs/x")),
        ("SubnetIds", json!(["sg-0123456789abcdef0"])),
        ("SecurityGroupIds", json!({"a": "b"})),
        ("TagConflict", json!("Overwrite")),
    ];
    for (name, value) in invalid {
        let mut raw = json!({"ClusterName": "demo", "Revision": "7"});
        raw[name] = value.clone();
        let (properties, errors) = parse(raw);
        assert_eq!(errors.len(), 1, "{name} {value}");
        assert!(errors[0].starts_with(&format!("`{name}` must be ")), "{errors:?}");
        assert_eq!(properties.text("Revision"), Some("7"));
    }
}

#[test]
fn property_rows_are_unique_and_complete() {
    for (index, property) in PROPERTIES.iter().enumerate() {
        assert!(PROPERTIES[..index].iter().all(|earlier| earlier.name != property.name), "{}", property.name);
        assert!(property.text.ends_with('.') && !property.must_be.is_empty(), "{}", property.name);
    }
}
