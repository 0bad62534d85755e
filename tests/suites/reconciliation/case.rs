//! The random cases: properties as templates have them, and the state of the account.
//!
//! Each property has few values, so that cases often have values in common with what exists.

use local_cloud::scenario::{CLUSTER, CrashPoint, Scenario};
use proptest::{
    option::weighted,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Map, Value, json};

use super::plant::{AWS_AUTHS, Drift, EXISTING_ROLE, Foreign};

/// The number of subnets and security groups of the scenario's cluster.
pub(super) const TAGGED: usize = 7;

/// The case of one seed.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Tags of others on the subnets and security groups.
    pub(super) tags: Vec<Foreign>,
    /// The text of aws-auth, as an index of [`AWS_AUTHS`].
    pub(super) aws_auth: usize,
    /// Another stack's resource on the same cluster.
    pub(super) neighbour: Option<DesiredProperties>,
    /// The properties of the existing resource, if the event is an Update.
    pub(super) old: Option<DesiredProperties>,
    /// The properties in the event.
    pub(super) desired: DesiredProperties,
    /// The write at which an earlier run of the event is killed, counted from 1.
    pub(super) cut: Option<(usize, CrashPoint)>,
    /// The changes by hand after that run.
    pub(super) drift: Vec<Drift>,
    /// Whether the oldest generation is deleted first, if there are two.
    pub(super) oldest_first: bool,
}

/// Properties without `ClusterName`. Lists of subnets and security groups have indexes instead of ids.
#[derive(Clone, Debug)]
pub(super) struct DesiredProperties {
    further: Map<String, Value>,
}

impl DesiredProperties {
    /// Returns the properties with the cluster's name and its real ids.
    pub(super) fn properties(&self, scenario: &Scenario) -> Value {
        let ids = scenario.cluster.tagged();
        let (subnets, groups) = ids.split_at(scenario.cluster.subnet_ids.len());
        let mut properties = self.further.clone();
        properties.insert("ClusterName".to_owned(), json!(CLUSTER));
        for (name, ids) in [("SubnetIds", subnets), ("SecurityGroupIds", groups)] {
            if let Some(Value::Array(places)) = properties.get_mut(name) {
                *places = places
                    .iter()
                    .filter_map(|place| Some(json!(ids.get(usize::try_from(place.as_u64()?).ok()?)?)))
                    .collect();
            }
        }
        Value::Object(properties)
    }

    /// Returns whether the resource creates its node role.
    pub(super) fn creates_node_role(&self) -> bool {
        !self.further.contains_key("NodeRoleArn")
    }

    /// Returns the value of a property that names a role or the instance profile, or `default`.
    pub(super) fn name(&self, property: &str, default: &str) -> String {
        self.further.get(property).and_then(Value::as_str).unwrap_or(default).to_owned()
    }
}

/// Returns the strategy that generates cases.
pub(super) fn cases() -> impl Strategy<Value = Case> {
    let tags = prop::collection::vec(foreign_tags(), TAGGED);
    let neighbour = weighted(0.2, select(vec![json!({}), json!({"DiscoveryTagKey": "team/discovery"})]));
    let cut = (1..13_usize, select(&[CrashPoint::Before, CrashPoint::After][..]));
    let drift = prop::collection::vec(select(Drift::ALL), 0..4);
    let old = weighted(0.5, (desired_properties(), any::<u32>(), any::<bool>()));
    (tags, 0..AWS_AUTHS.len(), neighbour, old, desired_properties(), weighted(0.6, cut), drift, any::<bool>()).prop_map(
        |(tags, aws_auth, neighbour, old, desired, cut, drift, oldest_first)| {
            let neighbour = neighbour.map(|mut further| {
                further["NodeRoleName"] = json!("neighbours-nodes");
                further["ControllerRoleName"] = json!("neighbours-controller");
                DesiredProperties { further: further.as_object().cloned().unwrap_or_default() }
            });
            let old = old.map(|(old, kept, in_place)| mix(&desired, &old, kept, in_place));
            Case { tags, aws_auth, neighbour, old, desired, cut, drift, oldest_first }
        },
    )
}

fn foreign_tags() -> impl Strategy<Value = Foreign> {
    prop_oneof![
        18 => Just(Foreign::None),
        4 => Just(Foreign::SameDiscovery),
        2 => Just(Foreign::OtherTags),
        1 => Just(Foreign::OtherCluster),
    ]
}

fn desired_properties() -> impl Strategy<Value = DesiredProperties> {
    let some = |all: &'static [&'static str]| subsequence(all, 1..=all.len()).prop_map(Value::from).boxed();
    let word = |words: &'static [&'static str]| select(words).prop_map(Value::from).boxed();
    let places = |count: usize| subsequence((0..count).collect::<Vec<_>>(), 1..=count).prop_map(Value::from).boxed();
    let tags = select(vec![json!({"team": "a"}), json!({"team": "b"}), json!({"cost": "1", "team": "a"})]).boxed();
    let existing = Just(json!(format!("arn:aws:iam::111122223333:role/{EXISTING_ROLE}"))).boxed();
    let all = [
        ("NodeRoleArn", 0.2, existing),
        ("NodeRoleName", 0.25, word(&["nodes", "workers"])),
        ("ControllerRoleName", 0.25, word(&["controller", "karpenter"])),
        ("InstanceProfileName", 0.25, word(&["profile", "workers"])),
        ("NodePolicyArns", 0.3, some(&POLICIES)),
        ("ControllerPolicyArns", 0.3, some(&POLICIES)),
        ("Tags", 0.4, tags),
        ("NodeAccess", 0.8, word(&["Auto", "AwsAuth", "AwsAuth", "AwsAuth", "AccessEntry", "None"])),
        ("ControllerIdentity", 0.3, some(&["IRSA", "PodIdentity"])),
        ("KarpenterVersion", 0.3, some(&["0.37", "1.14.1"])),
        ("PermissionsBoundary", 0.2, word(&POLICIES)),
        ("Namespace", 0.2, word(&["kube-system"])),
        ("ServiceAccount", 0.2, word(&["controller"])),
        ("DiscoveryTagKey", 0.25, word(&["team/discovery", "zone"])),
        ("DiscoveryTagValue", 0.25, word(&["shared"])),
        ("SubnetIds", 0.25, places(4)),
        ("SecurityGroupIds", 0.25, places(3)),
        ("TagConflict", 0.5, word(&["Skip", "Skip", "Fail"])),
        ("Revision", 0.2, word(&["1", "2"])),
    ];
    let values: Vec<_> =
        all.map(|(name, weight, value)| weighted(weight, value).prop_map(move |value| (name, value))).into();
    values.prop_map(|values| {
        let set = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        DesiredProperties { further: without_conflicts(set.collect()) }
    })
}

/// Returns properties that are a mixture of `desired` and `other`. Bit n of `kept` says whether the n-th property, by name,
/// comes from `desired`. The properties in [`IDENTITY`] all come from `desired` if `in_place`, otherwise from `other`.
fn mix(desired: &DesiredProperties, other: &DesiredProperties, kept: u32, in_place: bool) -> DesiredProperties {
    let names: std::collections::BTreeSet<_> = desired.further.keys().chain(other.further.keys()).collect();
    let value = |(at, name): (usize, &String)| {
        let keep = if IDENTITY.contains(&name.as_str()) { in_place } else { kept >> at & 1 == 1 };
        let from = if keep { desired } else { other };
        Some((name.clone(), from.further.get(name)?.clone()))
    };
    DesiredProperties { further: without_conflicts(names.into_iter().enumerate().filter_map(value).collect()) }
}

/// Removes the properties that `NodeRoleArn` excludes.
fn without_conflicts(mut further: Map<String, Value>) -> Map<String, Value> {
    if further.contains_key("NodeRoleArn") {
        further.remove("NodeRoleName");
        further.remove("NodePolicyArns");
    }
    further
}

/// The properties whose change replaces the resource.
const IDENTITY: [&str; 4] = ["NodeRoleArn", "NodeRoleName", "ControllerRoleName", "InstanceProfileName"];

const POLICIES: [&str; 3] = [
    "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy",
    "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
];
