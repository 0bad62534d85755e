//! The permissions of the function: both templates grant the same, the policies fit IAM's limits, and every action is needed.

mod confused_deputy;
mod minimal;
mod operations;

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use local_cloud::{
    execution_role::{actions, with_pseudo_parameters},
    template::{Template, Values},
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The maximum number of characters of a managed policy, without white space
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICY_MAX: usize = 6_144;

/// The Sids of statements that differ between the templates, with the reason.
const DIFFER: [(&str, &str); 11] = [
    ("AttachAdditionalPolicies", "policies in the stack's parameters, or in the bounds"),
    ("AttachControllerPolicies", "policies in the stack's parameters, or in the bounds"),
    ("AttachNodePolicies", "policies in the stack's parameters, or in the bounds"),
    ("AttachPolicies", "one stack detaches by the owner tag what it no longer names; many stacks need the bounds too"),
    ("DeleteRenamedRolesAndProfiles", "only in template.yaml, whose parameters can rename roles and profiles"),
    ("DeleteRoles", "as AttachPolicies"),
    ("DetachPolicies", "as AttachPolicies"),
    ("PassExistingNodeRole", "the stack's parameter, or the bounds"),
    ("PassExistingNodeRoles", "the stack's parameter, or the bounds"),
    ("TagSubnetsAndSecurityGroups", "the tag key in the stack's parameter, or in the bounds"),
    ("UntagRenamedRoles", "as DeleteRenamedRolesAndProfiles"),
];

/// Returns the statements of a template by Sid, also those under a condition.
fn statements(template: &Template) -> BTreeMap<String, Value> {
    fn collect(node: &Value, found: &mut BTreeMap<String, Value>) {
        if let Some(sid) = node["Sid"].as_str() {
            assert!(found.insert(sid.to_owned(), node.clone()).is_none(), "{sid} exists twice");
        } else {
            let inner =
                node.as_array().into_iter().flatten().chain(node.as_object().into_iter().flat_map(|map| map.values()));
            inner.for_each(|node| collect(node, found));
        }
    }
    let mut found = BTreeMap::new();
    let resources = template.section("Resources").as_object().unwrap();
    for resource in resources.values().filter(|resource| resource["Type"] == "AWS::IAM::ManagedPolicy") {
        collect(&resource["Properties"]["PolicyDocument"]["Statement"], &mut found);
    }
    found
}

/// `function.yaml` (one function for many stacks) grants the same actions as `template.yaml` (a function of one stack), under
/// the same conditions. `DIFFER` has the exceptions. Parameters and resources that both templates have are equal too.
#[test]
fn templates_grant_equal_permissions() {
    let (whole, alone) = (Template::read("template.yaml").unwrap(), Template::read("function.yaml").unwrap());
    let (of_whole, of_alone) = (statements(&whole), statements(&alone));
    let granted = |all: &BTreeMap<_, Value>| all.values().flat_map(actions).collect::<BTreeSet<_>>();
    assert_eq!(granted(&of_whole), granted(&of_alone));
    let sids: BTreeSet<_> = of_whole.keys().chain(of_alone.keys()).collect();
    for sid in &sids {
        let part = |all: &BTreeMap<_, Value>| all.get(*sid).map(|it| (it["Action"].clone(), it["Condition"].clone()));
        let differs = DIFFER.iter().any(|(differs, _)| differs == sid);
        assert_eq!(part(&of_whole) != part(&of_alone), differs, "{sid}");
    }
    assert!(DIFFER.iter().all(|(sid, _)| sids.contains(&&(*sid).to_owned())), "{sids:?}");

    for (name, parameter) in alone.section("Parameters").as_object().unwrap() {
        let other = &whole.section("Parameters")[name];
        for key in ["Type", "Default", "AllowedPattern", "AllowedValues", "MaxLength"] {
            assert!(other.is_null() || other[key] == parameter[key], "{key} of {name}");
        }
    }
    for name in ["Delivery", "LogGroup", "ExecutionRole"] {
        assert_eq!(whole.section("Resources")[name], alone.section("Resources")[name], "{name}");
    }
    let function = |template: &Template| template.section("Resources")["Function"]["Properties"].clone();
    let (mut one, mut many) = (function(&whole), function(&alone));
    one["Description"].take();
    many["Description"].take();
    // The bounds come from different parameters. In template.yaml they are the parameters of the one stack.
    for function in [&mut one, &mut many] {
        assert!(function["Environment"]["Variables"].as_object_mut().unwrap().remove("BOUNDS").is_some());
    }
    assert_eq!(one, many);
}

/// With the longest names, the longest path and all optional parameters, the policies are within IAM's limit.
#[test]
fn policies_with_longest_names_fit_iam_limit() {
    let arn = format!("arn:aws-us-gov:iam::111122223333:policy/{}", "p".repeat(60));
    let arns = format!("{arn},{arn}");
    let path = format!("/{}/", "p".repeat(126));
    let (name, profile, key) = ("n".repeat(64), "i".repeat(128), "k".repeat(126));
    let values = [
        ("NamePrefix", name.as_str()),
        ("NodeRoleName", &name),
        ("ControllerRoleName", &name),
        ("InstanceProfileName", &profile),
        ("RolePath", &path),
        ("AttachablePolicyArns", &arns),
        ("NodePolicyArns", &arns),
        ("ControllerPolicyArns", &arns),
        ("PermissionsBoundary", &arn),
        ("NodeRoleArns", &arn),
        ("KubernetesRoleArn", &arn),
        ("KubernetesRoleArns", &arn),
        ("DiscoveryTagKey", &key),
        ("DiscoveryTagKeys", &key),
        ("FailureDestinationArn", &arn),
        ("FunctionSubnetIds", "subnet-0123456789abcdef0"),
    ];
    for file in ["template.yaml", "function.yaml"] {
        let template = Template::read(file).unwrap();
        let mut values: Values = with_pseudo_parameters(template.values(&values), "111122223333", "us-gov-west-1");
        values.insert("AWS::Partition".to_owned(), "aws-us-gov".into());
        for (policy, document) in template.policies(&values) {
            let size = document.to_string().len();
            println!("{file} {policy}: {size} of {POLICY_MAX} characters");
            assert!(size <= POLICY_MAX, "{policy} of {file} has {size} characters");
        }
    }
}

/// Returns the statements of the execution role in the account. Its name contains `ExecutionRole`.
pub(crate) async fn deployed(sdk: &SdkConfig) -> Vec<Value> {
    let iam = aws_sdk_iam::Client::new(sdk);
    let roles = iam.list_roles().send().await.unwrap();
    let role = roles.roles().iter().find(|role| role.role_name().contains("ExecutionRole")).unwrap();
    let attached = iam.list_attached_role_policies().role_name(role.role_name()).send().await.unwrap();
    let mut statements = Vec::new();
    for policy in attached.attached_policies() {
        let arn = policy.policy_arn().unwrap();
        let version = iam.get_policy_version().policy_arn(arn).version_id("v1").send().await.unwrap();
        let document = version.policy_version().and_then(|version| version.document()).unwrap().to_owned();
        let document: Value = serde_json::from_str(&percent_decode_str(&document).decode_utf8().unwrap()).unwrap();
        statements.extend(document["Statement"].as_array().unwrap().clone());
    }
    assert!(20 < statements.len(), "{statements:?}");
    statements
}
