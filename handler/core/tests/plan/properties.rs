//! Generates properties as templates have them. Each property has few values, so that the properties of two resources often
//! agree.

use crate::generators::{CLUSTERS, EXISTING_ROLE_ARN, SECURITY_GROUPS, SUBNETS};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

pub(crate) const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/one/0a";
pub(crate) const OTHER_STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/two/0b";
pub(crate) const THIRD_STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/three/0c";

/// The properties that identify a generation. A change of one of them is a replacement.
const IDENTITY: [&str; 5] = ["ClusterName", "NodeRoleName", "NodeRoleArn", "ControllerRoleName", "InstanceProfileName"];

const POLICIES: [&str; 4] = [
    "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
    "arn:aws:iam::111122223333:policy/team/nodes",
    "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
];

/// Returns the partition, Region and account of both stacks.
pub(crate) fn scope() -> Scope {
    Scope::of_stack(STACK).unwrap()
}

/// Parses properties that must be valid.
pub(crate) fn spec(raw: &RawProperties) -> Spec {
    Spec::new(raw, &scope()).unwrap_or_else(|errors| panic!("{raw:?}: {errors:?}"))
}

/// Parses a JSON object of properties. Without a cluster name, the cluster is `demo`.
pub(crate) fn spec_of(raw: Value) -> Spec {
    let Value::Object(mut raw) = raw else { panic!("not an object: {raw}") };
    raw.entry("ClusterName").or_insert_with(|| CLUSTERS[0].into());
    spec(&raw)
}

/// Generates valid properties.
pub(crate) fn properties() -> BoxedStrategy<RawProperties> {
    (names(), settings())
        .prop_map(|(names, settings)| without_exclusions(names.into_iter().chain(settings).collect()))
        .boxed()
}

/// Generates old and new properties with the same identity.
pub(crate) fn in_place() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    (properties(), properties(), any::<u32>()).prop_map(|(old, new, kept)| {
        let new = mixed(&old, &new, |name, index| IDENTITY.contains(&name) || kept >> index & 1 == 1);
        (old, new)
    })
}

/// Generates old and new properties with different identities. Some values are equal, so that both generations share objects.
///
/// `TagConflict` is left out: with `Skip` the new generation would skip the resources that the old generation has tagged.
pub(crate) fn replacing() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    let pair = (properties(), properties(), any::<u32>()).prop_map(|(mut old, new, kept)| {
        let mut new = mixed(&old, &new, |_, index| kept >> index & 1 == 1);
        old.remove("TagConflict");
        new.remove("TagConflict");
        (old, new)
    });
    pair.prop_filter("the identity is the same", |(old, new)| spec(old).identity() != spec(new).identity())
}

/// Generates the properties of a Create and of the Updates after it. Each keeps some of the previous values. `TagConflict` is
/// left out, as in [`replacing`].
pub(crate) fn history(length: usize) -> impl Strategy<Value = Vec<RawProperties>> {
    proptest::collection::vec((properties(), any::<u32>()), 2..=length).prop_map(|steps| {
        let mut history: Vec<RawProperties> = Vec::new();
        for (mut raw, kept) in steps {
            if let Some(previous) = history.last() {
                raw = mixed(previous, &raw, |_, index| kept >> index & 1 == 1);
            }
            raw.remove("TagConflict");
            history.push(raw);
        }
        history
    })
}

/// Generates the properties of two resources of one stack. They differ only in properties that two such resources may have
/// different.
pub(crate) fn two_resources_of_one_stack() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    const OWN: [&str; 6] =
        ["NodeRoleName", "NodeRoleArn", "InstanceProfileName", "SubnetIds", "SecurityGroupIds", "NodeAccess"];
    (properties(), properties()).prop_map(|(mut one, other)| {
        one.remove("TagConflict");
        let other = mixed(&one, &other, |name, _| !OWN.contains(&name));
        (one, other)
    })
}

/// Generates the properties of two resources of two stacks. The objects of the second have other names. `TagConflict` is left
/// out, as in [`replacing`].
pub(crate) fn resources_of_two_stacks() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    (properties(), properties(), any::<u32>()).prop_map(|(mut one, other, kept)| {
        let mut other = mixed(&one, &other, |_, index| kept >> index & 1 == 1);
        one.remove("TagConflict");
        other.remove("TagConflict");
        other.insert("ControllerRoleName".to_owned(), "two-controller".into());
        other.insert("InstanceProfileName".to_owned(), "two-profile".into());
        if !other.contains_key("NodeRoleArn") {
            other.insert("NodeRoleName".to_owned(), "two-nodes".into());
        }
        (one, other)
    })
}

fn names() -> impl Strategy<Value = Vec<(String, Value)>> {
    let node_role = prop_oneof![
        3 => Just(vec![]),
        2 => select(&["nodes", "workers", "Nodes"][..]).prop_map(|name| vec![("NodeRoleName", json!(name))]),
        2 => Just(vec![("NodeRoleArn", json!(EXISTING_ROLE_ARN))]),
    ];
    let cluster = prop_oneof![6 => Just(CLUSTERS[0]), 1 => Just(CLUSTERS[1])];
    let controller = sometimes(Just(json!("controller")));
    let profile = sometimes(select(&["profile", "workers"][..]).prop_map(Value::from));
    (cluster, node_role, controller, profile).prop_map(|(cluster, node_role, controller, profile)| {
        let names = [
            ("ClusterName", Some(json!(cluster))),
            ("ControllerRoleName", controller),
            ("InstanceProfileName", profile),
        ];
        let present = names.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present.chain(node_role).map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

fn settings() -> impl Strategy<Value = Vec<(String, Value)>> {
    let some = |all: &'static [&'static str]| subsequence(all, 1..=all.len()).prop_map(Value::from);
    let word = |words: &'static [&'static str]| select(words).prop_map(Value::from);
    let tags = select(vec![
        json!({"team": "a"}),
        json!({"team": "b"}),
        json!({"cost": "1", "team": "a"}),
        json!({"cost": "2"}),
    ]);
    let boundary = sometimes(word(&POLICIES[2..]));
    let identity = (sometimes(some(&["IRSA", "PodIdentity"])), sometimes(word(&["Require", "Create"])));
    let karpenter_versions = sometimes(some(&["0.37", "1.3.0", "1.14.1", "baseline"]));
    let access = (
        sometimes(word(&["AwsAuth", "AccessEntry", "None"])),
        sometimes(word(&["kube-system"])),
        sometimes(word(&["controller"])),
    );
    let policies = (sometimes(some(&POLICIES)), sometimes(some(&POLICIES)), sometimes(tags));
    let discovery = (
        sometimes(word(&["team/discovery", "zone"])),
        sometimes(word(&["shared"])),
        sometimes(some(&SUBNETS)),
        sometimes(some(&SECURITY_GROUPS)),
        sometimes(word(&["Skip", "Fail"])),
    );
    ((karpenter_versions, boundary, identity), access, policies, discovery).prop_map(
        |((karpenter_versions, boundary, identity), access, policies, discovery)| {
            let all = [
                ("KarpenterVersion", karpenter_versions),
                ("ControllerIdentity", identity.0),
                ("OidcProvider", identity.1),
                ("PermissionsBoundary", boundary),
                ("NodeAccess", access.0),
                ("Namespace", access.1),
                ("ServiceAccount", access.2),
                ("NodePolicyArns", policies.0),
                ("ControllerPolicyArns", policies.1),
                ("Tags", policies.2),
                ("DiscoveryTagKey", discovery.0),
                ("DiscoveryTagValue", discovery.1),
                ("SubnetIds", discovery.2),
                ("SecurityGroupIds", discovery.3),
                ("TagConflict", discovery.4),
            ];
            all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        },
    )
}

fn sometimes(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Value>> {
    proptest::option::weighted(0.35, value)
}

/// Returns the properties of `other`, with the values of `one` for each name and index that `keeps` selects.
fn mixed(one: &RawProperties, other: &RawProperties, keeps: impl Fn(&str, usize) -> bool) -> RawProperties {
    let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let value = |(index, name): (usize, &String)| {
        let source = if keeps(name, index) { one } else { other };
        source.get(name).map(|value| (name.clone(), value.clone()))
    };
    without_exclusions(names.into_iter().enumerate().filter_map(value).collect())
}

/// Removes properties that exclude each other: with `NodeRoleArn`, the role has neither a name nor policies of the stack.
fn without_exclusions(mut raw: RawProperties) -> RawProperties {
    if raw.contains_key("NodeRoleArn") {
        raw.remove("NodeRoleName");
        raw.remove("NodePolicyArns");
    }
    raw
}
