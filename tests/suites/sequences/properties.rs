//! Random properties of the two resources. Each property has few values, so that the resources often have values in common.

use std::fmt;

use local_cloud::{cluster::Cluster, scenario::CLUSTER};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::{
    op::sometimes,
    third_party::{EXISTING_ROLE, FOREIGN_ROLE},
};

/// One of the two resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TestResource {
    A,
    B,
}

/// The properties of a resource, without names that depend on the resource.
#[derive(Clone, Debug)]
pub(super) struct DesiredProperties {
    names: Names,
    flaw: Option<Flaw>,
    node_policies: Option<&'static str>,
    controller_policies: Option<&'static str>,
    team: Option<&'static str>,
    service_account: Option<&'static str>,
    controller_identity: Option<&'static [&'static str]>,
    version: Option<&'static str>,
    boundary: Option<&'static str>,
    node_access: Option<&'static str>,
    discovery_key: Option<&'static str>,
    discovery_value: Option<&'static str>,
    subnets: Option<usize>,
    tag_conflict: Option<&'static str>,
    revision: Option<&'static str>,
}

/// The names of the objects. Another value replaces the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Plain,
    OtherNodeRole,
    OtherController,
    AllOther,
    GivenRole,
    /// The plain names of the other resource.
    TheOthers,
    /// The plain instance profile with another node role. This fails beside a generation that uses the profile.
    SameProfile,
}

/// An error in the properties, which makes the event fail.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    Unknown,
    NoCluster,
    OtherCluster,
    NoSuchPolicy,
    NoSuchSubnet,
    /// A role of a third party.
    ForeignRole,
}

impl TestResource {
    /// Returns the logical id.
    pub(super) const fn logical_id(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Returns the properties with plain names. A has the default names.
    fn plain(self) -> Map<String, Value> {
        match self {
            Self::A => Map::new(),
            Self::B => object(json!({"NodeRoleName": "b-nodes", "ControllerRoleName": "b-controller"})),
        }
    }
}

impl DesiredProperties {
    /// Returns the properties of a resource. `may_share` allows the names of the other resource.
    ///
    /// If two resources of one stack may share objects (`together`), the configuration of these objects is left out, because both
    /// resources must ask for the same configuration.
    pub(super) fn properties(
        &self,
        resource: TestResource,
        may_share: bool,
        together: bool,
        cluster: &Cluster,
    ) -> Value {
        let mut properties = self.names.of(resource, may_share);
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                properties.insert(name.to_owned(), value);
            }
        };
        set("ClusterName", Some(json!(CLUSTER)));
        set("NodeAccess", self.node_access.map(Value::from));
        set("DiscoveryTagKey", self.discovery_key.map(Value::from));
        set("DiscoveryTagValue", self.discovery_value.map(Value::from));
        set("SubnetIds", self.subnets.map(|count| json!(cluster.subnet_ids[..count])));
        set("TagConflict", self.tag_conflict.map(Value::from));
        set("Revision", self.revision.map(Value::from));
        if !together {
            set(
                "NodePolicyArns",
                self.node_policies.filter(|_| self.names != Names::GivenRole).map(|arn| json!([arn])),
            );
            set("ControllerPolicyArns", self.controller_policies.map(|arn| json!([arn])));
            set("Tags", self.team.map(|team| json!({"team": team})));
            set("ServiceAccount", self.service_account.map(Value::from));
            set("ControllerIdentity", self.controller_identity.map(Value::from));
            set("KarpenterVersion", self.version.map(Value::from));
            set("PermissionsBoundary", self.boundary.map(Value::from));
        }
        if let Some(flaw) = self.flaw {
            flaw.spoil(&mut properties);
        }
        Value::Object(properties)
    }

    /// Returns the simplest properties of a resource.
    pub(super) fn plain(resource: TestResource) -> Value {
        let mut properties = resource.plain();
        properties.insert("ClusterName".to_owned(), json!(CLUSTER));
        Value::Object(properties)
    }
}

impl Names {
    fn of(self, resource: TestResource, may_share: bool) -> Map<String, Value> {
        let (mut names, prefix) = (resource.plain(), resource.prefix());
        let more = match self {
            Self::TheOthers if may_share => return resource.other().plain(),
            Self::Plain | Self::TheOthers => json!({}),
            Self::OtherNodeRole => json!({"NodeRoleName": format!("{prefix}-nodes-2")}),
            Self::OtherController => json!({"ControllerRoleName": format!("{prefix}-controller-2")}),
            Self::AllOther => json!({
                "NodeRoleName": format!("{prefix}-nodes-3"),
                "ControllerRoleName": format!("{prefix}-controller-3"),
                "InstanceProfileName": format!("{prefix}-profile-3"),
            }),
            Self::GivenRole => {
                names.remove("NodeRoleName");
                json!({
                    "NodeRoleArn": format!("arn:aws:iam::111122223333:role/{EXISTING_ROLE}"),
                    "InstanceProfileName": format!("{prefix}-profile-4"),
                })
            }
            Self::SameProfile => {
                let profile = profile_name(&Value::Object(names.clone())).to_owned();
                json!({"NodeRoleName": format!("{prefix}-nodes-5"), "InstanceProfileName": profile})
            }
        };
        names.extend(object(more));
        names
    }
}

impl Flaw {
    fn spoil(self, properties: &mut Map<String, Value>) {
        let (name, value) = match self {
            Self::Unknown => ("NodeRollName", json!("nodes")),
            Self::NoCluster => {
                properties.remove("ClusterName");
                return;
            }
            Self::OtherCluster => ("ClusterName", json!("nowhere")),
            Self::NoSuchPolicy => ("ControllerPolicyArns", json!(["arn:aws:iam::aws:policy/NoSuchPolicy"])),
            Self::NoSuchSubnet => ("SubnetIds", json!(["subnet-0123456789abcdef0"])),
            Self::ForeignRole => ("ControllerRoleName", json!(FOREIGN_ROLE)),
        };
        properties.insert(name.to_owned(), value);
    }
}

/// Returns the strategy that generates properties.
pub(super) fn desired_properties() -> impl Strategy<Value = DesiredProperties> {
    let names = prop_oneof![
        8 => Just(Names::Plain),
        12 => select(&[Names::OtherNodeRole, Names::OtherController, Names::AllOther, Names::GivenRole][..]),
        4 => Just(Names::TheOthers),
        1 => Just(Names::SameProfile),
    ];
    let objects = (
        names,
        sometimes(0.12, &FLAWS),
        sometimes(0.25, &POLICIES),
        sometimes(0.25, &POLICIES),
        sometimes(0.3, &["red", "blue"]),
        sometimes(0.2, &["controller"]),
    );
    let versions = (sometimes(0.3, &IDENTITIES), sometimes(0.3, &["1.14.1", "0.37"]), sometimes(0.15, &POLICIES));
    let access = (
        sometimes(0.7, &["Auto", "AwsAuth", "AwsAuth", "AwsAuth", "None"]),
        sometimes(0.2, &["team/discovery"]),
        sometimes(0.15, &["shared"]),
        sometimes(0.25, &[1_usize, 2, 4]),
        sometimes(0.5, &["Skip", "Skip", "Fail"]),
        sometimes(0.2, &["1", "2"]),
    );
    (objects, versions, access).prop_map(|(objects, (controller_identity, version, boundary), access)| {
        let (names, flaw, node_policies, controller_policies, team, service_account) = objects;
        let (node_access, discovery_key, discovery_value, subnets, tag_conflict, revision) = access;
        DesiredProperties {
            names,
            flaw,
            node_policies,
            controller_policies,
            team,
            service_account,
            controller_identity,
            version,
            boundary,
            node_access,
            discovery_key,
            discovery_value,
            subnets,
            tag_conflict,
            revision,
        }
    })
}

/// Returns the text of a property, or `default`.
pub(super) fn word<'a>(properties: &'a Value, name: &str, default: &'a str) -> &'a str {
    properties[name].as_str().unwrap_or(default)
}

/// Returns the name of the node role, also of one in `NodeRoleArn`.
pub(super) fn node_role_name(properties: &Value) -> &str {
    match properties["NodeRoleArn"].as_str() {
        Some(arn) => arn.rsplit('/').next().unwrap_or(arn),
        None => word(properties, "NodeRoleName", "KarpenterNodeRole-demo"),
    }
}

/// Returns the name of the controller role.
pub(super) fn controller_role_name(properties: &Value) -> &str {
    word(properties, "ControllerRoleName", "KarpenterControllerRole-demo")
}

/// Returns the name of the instance profile.
pub(super) fn profile_name(properties: &Value) -> &str {
    let by_role = word(properties, "NodeRoleName", "KarpenterNodeInstanceProfile-demo");
    word(properties, "InstanceProfileName", by_role)
}

/// Displays properties in one line, without the cluster name that almost all have.
pub(super) struct Compact<'a>(pub(super) &'a Value);

impl fmt::Display for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut properties = self.0.as_object().cloned().unwrap_or_default();
        if properties.get("ClusterName") == Some(&json!(CLUSTER)) {
            properties.remove("ClusterName");
        }
        write!(f, "{}", Value::Object(properties))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

const POLICIES: [&str; 2] =
    ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"];

const IDENTITIES: [&[&str]; 2] = [&["PodIdentity"], &["IRSA", "PodIdentity"]];

const FLAWS: [Flaw; 6] =
    [Flaw::Unknown, Flaw::NoCluster, Flaw::OtherCluster, Flaw::NoSuchPolicy, Flaw::NoSuchSubnet, Flaw::ForeignRole];
