//! Properties as templates have them, few enough in kind that they meet each other often.

use crate::worlds::{CLUSTERS, GIVEN_ROLE, SECURITY_GROUPS, SUBNETS};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

pub(crate) const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/one/0a";
pub(crate) const OTHER_STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/two/0b";

/// What cannot change in place.
const IDENTITY: [&str; 5] = ["ClusterName", "NodeRoleName", "NodeRoleArn", "ControllerRoleName", "InstanceProfileName"];

const POLICIES: [&str; 4] = [
    "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
    "arn:aws:iam::111122223333:policy/team/nodes",
    "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
];

/// The region and account of both stacks.
pub(crate) fn scope() -> Scope {
    Scope::of_stack(STACK).unwrap()
}

pub(crate) fn spec(raw: &RawProperties) -> Spec {
    Spec::new(raw, &scope()).unwrap_or_else(|errors| panic!("{raw:?}: {errors:?}"))
}

/// The spec of these properties, of the cluster `demo` unless they name another.
pub(crate) fn spec_of(raw: Value) -> Spec {
    let Value::Object(mut raw) = raw else { panic!("no map: {raw}") };
    raw.entry("ClusterName").or_insert_with(|| CLUSTERS[0].into());
    spec(&raw)
}

/// Any good properties.
pub(crate) fn properties() -> BoxedStrategy<RawProperties> {
    (names(), choices()).prop_map(|(names, choices)| sensible(names.into_iter().chain(choices).collect())).boxed()
}

/// Two sets of properties of one identity.
pub(crate) fn in_place() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    (properties(), properties(), any::<u32>()).prop_map(|(one, other, kept)| {
        let other = mixed(&one, &other, |name, at| IDENTITY.contains(&name) || kept >> at & 1 == 1);
        (one, other)
    })
}

/// Two sets of properties of two identities, the fewer differences the likelier that they share something.
/// `TagConflict: Skip` is left out: the new generation would leave out what the old one holds.
pub(crate) fn replacing() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    let pair = (properties(), properties(), any::<u32>()).prop_map(|(mut one, other, kept)| {
        let mut other = mixed(&one, &other, |_, at| kept >> at & 1 == 1);
        one.remove("TagConflict");
        other.remove("TagConflict");
        (one, other)
    });
    pair.prop_filter("the identity is the same", |(one, other)| spec(one).identity() != spec(other).identity())
}

/// Properties one after the other, each with some of those before. `TagConflict: Skip` is left out as in
/// [`replacing`].
pub(crate) fn history(length: usize) -> impl Strategy<Value = Vec<RawProperties>> {
    proptest::collection::vec((properties(), any::<u32>()), 2..=length).prop_map(|steps| {
        let mut history: Vec<RawProperties> = Vec::new();
        for (mut raw, kept) in steps {
            if let Some(before) = history.last() {
                raw = mixed(before, &raw, |_, at| kept >> at & 1 == 1);
            }
            raw.remove("TagConflict");
            history.push(raw);
        }
        history
    })
}

/// The properties of two resources of one stack, which differ in what each has for itself.
pub(crate) fn of_one_stack() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    const OWN: [&str; 6] =
        ["NodeRoleName", "NodeRoleArn", "InstanceProfileName", "SubnetIds", "SecurityGroupIds", "NodeAccess"];
    (properties(), properties()).prop_map(|(mut one, other)| {
        one.remove("TagConflict");
        let other = mixed(&one, &other, |name, _| !OWN.contains(&name));
        (one, other)
    })
}

/// The properties of two stacks: the second makes its objects under other names. `TagConflict: Skip` is left out here
/// too.
pub(crate) fn of_two_stacks() -> impl Strategy<Value = (RawProperties, RawProperties)> {
    (properties(), properties(), any::<u32>()).prop_map(|(mut one, other, kept)| {
        let mut other = mixed(&one, &other, |_, at| kept >> at & 1 == 1);
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
        2 => Just(vec![("NodeRoleArn", json!(GIVEN_ROLE))]),
    ];
    let cluster = prop_oneof![6 => Just(CLUSTERS[0]), 1 => Just(CLUSTERS[1])];
    let controller = rarely(Just(json!("controller")));
    let profile = rarely(select(&["profile", "workers"][..]).prop_map(Value::from));
    (cluster, node_role, controller, profile).prop_map(|(cluster, node_role, controller, profile)| {
        let names = [
            ("ClusterName", Some(json!(cluster))),
            ("ControllerRoleName", controller),
            ("InstanceProfileName", profile),
        ];
        let given = names.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.chain(node_role).map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

fn choices() -> impl Strategy<Value = Vec<(String, Value)>> {
    let some = |all: &'static [&'static str]| subsequence(all, 1..=all.len()).prop_map(Value::from);
    let word = |words: &'static [&'static str]| select(words).prop_map(Value::from);
    let tags = select(vec![
        json!({"team": "a"}),
        json!({"team": "b"}),
        json!({"cost": "1", "team": "a"}),
        json!({"cost": "2"}),
    ]);
    let boundary = rarely(word(&POLICIES[2..]));
    let identity = (rarely(some(&["IRSA", "PodIdentity"])), rarely(word(&["Require", "Create"])));
    let karpenter_versions = rarely(some(&["0.37", "1.3.0", "1.14.1", "baseline"]));
    let access = (
        rarely(word(&["AwsAuth", "AccessEntry", "None"])),
        rarely(word(&["kube-system"])),
        rarely(word(&["controller"])),
    );
    let policies = (rarely(some(&POLICIES)), rarely(some(&POLICIES)), rarely(tags));
    let discovery = (
        rarely(word(&["team/discovery", "zone"])),
        rarely(word(&["shared"])),
        rarely(some(&SUBNETS)),
        rarely(some(&SECURITY_GROUPS)),
        rarely(word(&["Skip", "Fail"])),
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

fn rarely(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Value>> {
    proptest::option::weighted(0.35, value)
}

/// The other's properties, and of one's those that are kept.
fn mixed(one: &RawProperties, other: &RawProperties, kept: impl Fn(&str, usize) -> bool) -> RawProperties {
    let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let value = |(at, name): (usize, &String)| {
        let from = if kept(name, at) { one } else { other };
        from.get(name).map(|value| (name.clone(), value.clone()))
    };
    sensible(names.into_iter().enumerate().filter_map(value).collect())
}

/// Without what excludes each other: a given role has neither name nor policies of ours.
fn sensible(mut raw: RawProperties) -> RawProperties {
    if raw.contains_key("NodeRoleArn") {
        raw.remove("NodeRoleName");
        raw.remove("NodePolicyArns");
    }
    raw
}
