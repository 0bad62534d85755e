//! The rules that the account must follow while all stacks are at rest:
//!
//! - Objects of others are as they left them.
//! - Every object that a stack relies on exists, with its ownership marker.
//! - No other object or tag of this project exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use local_cloud::world::World;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    aws_auth_model::{AwsAuthModel, entries, without},
    properties::{controller_role_name, node_role_name, profile_name, word},
    third_party::ThirdParty,
};

/// The prefix of every tag key and annotation key of this project.
pub(super) const PREFIX: &str = "karpenter-prereqs/";

/// A rule that does not hold.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) kind: ViolationKind,
    pub(super) text: String,
}

/// The kinds of violations, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ViolationKind {
    /// CloudFormation got no response, or none in time.
    NoResponse,
    /// Something is damaged or missing, or a response is not true.
    Wrong,
    /// An object or a tag was left behind.
    Leak,
}

/// A resource that exists in its stack.
#[derive(Clone, Debug)]
pub(super) struct ExpectedResource {
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) properties: Value,
    /// The attributes of the latest success.
    pub(super) data: BTreeMap<String, String>,
    /// Whether the configuration of its objects must match its properties. It may differ after a rollback that sent no Update to
    /// this generation, because shared objects then have the configuration of the other generation.
    pub(super) must_match_properties: bool,
    /// Whether its entry in aws-auth was lost with the cluster.
    pub(super) has_lost_its_entry: bool,
}

/// The state to be judged.
pub(super) struct JudgedState<'a> {
    pub(super) world: &'a World,
    pub(super) third_party: &'a ThirdParty,
    pub(super) expected: &'a [ExpectedResource],
    pub(super) cluster_is_deleted: bool,
}

impl Violation {
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self { kind: ViolationKind::Wrong, text: text.into() }
    }

    fn leak(text: impl Into<String>) -> Self {
        Self { kind: ViolationKind::Leak, text: text.into() }
    }

    pub(super) fn no_response(text: impl Into<String>) -> Self {
        Self { kind: ViolationKind::NoResponse, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the key of a generation's ownership marker, which is derived from its `PhysicalResourceId`.
pub(super) fn marker(physical_id: &str) -> String {
    let hex = Sha256::digest(physical_id).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{PREFIX}{}", &hex[..16])
}

impl JudgedState<'_> {
    /// Returns all violations.
    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        self.check_objects(&mut violations);
        if !self.cluster_is_deleted {
            self.check_aws_auth(&mut violations);
        }
        for resource in self.expected {
            self.check_resource(resource, &mut violations);
        }
        violations
    }

    /// Returns the markers of all existing generations.
    fn known_markers(&self) -> BTreeSet<String> {
        self.expected.iter().map(|resource| marker(&resource.physical_id)).collect()
    }

    /// Objects of others are as they left them. Every other object has the marker of an existing generation, and no other marker.
    fn check_objects(&self, violations: &mut Vec<Violation>) {
        let known = self.known_markers();
        for (name, expected) in &self.third_party.objects {
            let Some(found) = self.world.get(name).map(|_| self.world.json(name)) else {
                violations.push(Violation::wrong(format!("{name} of others was deleted")));
                continue;
            };
            let is_tagged = name.starts_with("subnet-") || name.starts_with("sg-");
            let foreign = if is_tagged { foreign_tags(&found, expected) } else { found.clone() };
            if foreign != *expected {
                violations.push(Violation::wrong(format!("{name} of others was {expected} and is {foreign}")));
            }
            if is_tagged {
                check_stray_markers(name, &found, &known, violations);
            }
        }
        for name in self.world.names().filter(|name| !name.starts_with("aws-auth/")) {
            if self.third_party.objects.contains_key(name) {
                continue;
            }
            let found = self.world.json(name);
            check_stray_markers(name, &found["tags"], &known, violations);
            if !keys(&found["tags"]).any(|key| known.contains(key)) {
                violations.push(Violation::leak(format!("{name} exists, and no generation uses it")));
            }
        }
        for (name, tags) in &self.third_party.tags_on_own_roles {
            for (key, value) in tags {
                if self.world.json(name)["tags"][key] != json!(value) {
                    violations
                        .push(Violation::wrong(format!("the tag {key} = {value} of others is missing on {name}")));
                }
            }
        }
    }

    /// aws-auth has the content of others, and one entry and annotation for each generation that uses it.
    fn check_aws_auth(&self, violations: &mut Vec<Violation>) {
        let found = AwsAuthModel::in_world(self.world);
        let others = self.third_party.aws_auth.clone().unwrap_or_default();
        let (known, current) = (self.known_markers(), found.clone().unwrap_or_default());
        if found.is_none() && self.third_party.aws_auth.is_some() {
            violations.push(Violation::wrong("aws-auth of others was deleted"));
            return;
        }
        let annotations = current.annotations.iter();
        let (ours, foreign): (BTreeMap<_, _>, BTreeMap<_, _>) =
            annotations.map(|(key, value)| (key.clone(), value.clone())).partition(|(key, _)| key.starts_with(PREFIX));
        if foreign != others.annotations {
            violations.push(Violation::wrong(format!(
                "annotations of others were {:?}, and are {foreign:?}",
                others.annotations
            )));
        }
        for key in ours.keys().filter(|key| !known.contains(*key)) {
            if !(key.ends_with("/before") && ours.keys().any(|key| known.contains(key))) {
                violations
                    .push(Violation::leak(format!("aws-auth has the annotation {key}, and no generation uses it")));
            }
        }
        if found.is_some() && self.third_party.aws_auth.is_none() && ours.is_empty() {
            violations.push(Violation::leak("aws-auth exists, and no generation uses it"));
        }
        let further = |map: &AwsAuthModel| {
            map.data
                .iter()
                .filter(|(key, _)| *key != "mapRoles")
                .map(|(key, text)| (key.clone(), text.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        if further(&current) != further(&others) {
            violations.push(Violation::wrong(format!(
                "aws-auth beside mapRoles was {:?}, and is {:?}",
                others.data, current.data
            )));
        }
        let foreign_roles = role_arns(others.map_roles());
        for arn in role_arns(current.map_roles()).difference(&foreign_roles) {
            if !ours.iter().any(|(key, marker_value)| known.contains(key) && marker_value == arn) {
                violations.push(Violation::leak(format!("aws-auth has an entry for {arn}, and no generation uses it")));
            }
        }
        let left = without(current.map_roles(), |role| !foreign_roles.contains(role));
        // While an own entry exists, an empty list may be written in another way, and the last newline may differ.
        let is_same = if entries(others.map_roles()).is_empty() {
            entries(&left).is_empty()
        } else {
            left.trim_end_matches(['\r', '\n']) == others.map_roles().trim_end_matches(['\r', '\n'])
        };
        if !is_same {
            violations.push(Violation::wrong(format!("mapRoles of others was\n{}and is\n{left}", others.map_roles())));
        }
    }

    /// Every object of a resource exists, with the marker of its generation.
    fn check_resource(&self, resource: &ExpectedResource, violations: &mut Vec<Violation>) {
        let (properties, marker) = (&resource.properties, marker(&resource.physical_id));
        let mut missing = |what: String| {
            let id = &resource.physical_id;
            violations.push(Violation::wrong(format!("{} exists as {id}, but {what}", resource.logical_id)));
        };
        let node_role = node_role_name(properties);
        let node_role_arn = format!("arn:aws:iam::111122223333:role/{node_role}");
        let creates_node_role = properties.get("NodeRoleArn").is_none();
        let object = |name: &str| self.world.get(name).map(|_| self.world.json(name)).unwrap_or_default();
        let node = object(&format!("role/{node_role}"));
        if creates_node_role && node["tags"].get(&marker).is_none() {
            missing(format!("the node role {node_role} lacks its marker {marker}: {node}"));
        }
        let controller = object(&format!("role/{}", controller_role_name(properties)));
        if controller["tags"].get(&marker) != Some(&json!(node_role_arn)) {
            missing(format!("the controller role lacks its marker {marker} = {node_role_arn}: {}", controller["tags"]));
        }
        let policy = controller["inline"]["KarpenterControllerPolicy-demo"].to_string();
        if !policy.contains(&node_role_arn) {
            missing(format!("the controller may not pass {node_role_arn}: {policy}"));
        }
        let profile = object(&format!("instance-profile/{}", profile_name(properties)));
        if profile["tags"].get(&marker).is_none() || profile["roles"] != json!([node_role]) {
            missing(format!("the instance profile lacks its marker {marker}, or the role: {profile}"));
        }
        if resource.must_match_properties {
            for (role, name) in [(&node, "NodePolicyArns"), (&controller, "ControllerPolicyArns")] {
                for arn in properties[name].as_array().into_iter().flatten() {
                    if !role["attached"].as_array().is_some_and(|attached| attached.contains(arn)) {
                        missing(format!("{arn} of {name} is not attached: {}", role["attached"]));
                    }
                }
            }
        }
        let key = word(properties, "DiscoveryTagKey", "karpenter.sh/discovery");
        let value = word(properties, "DiscoveryTagValue", "demo");
        let ids = ["SubnetIds", "SecurityGroupIds"].map(|name| resource.data.get(name).cloned().unwrap_or_default());
        for id in ids.iter().flat_map(|ids| ids.split(',')).filter(|id| !id.is_empty()) {
            let tags = object(id);
            let is_foreign = self.third_party.objects.get(id).is_some_and(|foreign| foreign[key] == value);
            if tags[key] != value || !is_foreign && tags[&marker] != format!("{key}={value}") {
                missing(format!("{id} lacks {key} = {value}, or its marker {marker}: {tags}"));
            }
        }
        if self.cluster_is_deleted || resource.has_lost_its_entry {
            return;
        }
        let identity = &properties["ControllerIdentity"];
        if identity == "PodIdentity" || identity.as_array().is_some_and(|both| both.contains(&json!("PodIdentity"))) {
            let account = word(properties, "ServiceAccount", "karpenter");
            let association = object(&format!("pod-identity/karpenter/{account}"));
            if association["tags"].get(&marker).is_none() {
                missing(format!("the association of {account} lacks its marker {marker}: {association}"));
            }
        }
        match word(properties, "NodeAccess", "Auto") {
            "None" => return,
            "AwsAuth" => {}
            _ => {
                let name = format!("access-entry/{node_role_arn}");
                let entry = object(&name);
                if !self.third_party.objects.contains_key(&name) && entry["tags"].get(&marker).is_none() {
                    missing(format!("the access entry of {node_role_arn} lacks its marker {marker}: {entry}"));
                }
                return;
            }
        }
        let map = AwsAuthModel::in_world(self.world).unwrap_or_default();
        let is_foreign =
            self.third_party.aws_auth.as_ref().is_some_and(|map| role_arns(map.map_roles()).contains(&node_role_arn));
        if !role_arns(map.map_roles()).contains(&node_role_arn) {
            missing(format!("aws-auth has no entry for {node_role_arn}:\n{}", map.map_roles()));
        }
        if !is_foreign && map.annotations.get(&marker) != Some(&node_role_arn) {
            missing(format!("aws-auth lacks the annotation {marker} = {node_role_arn}: {:?}", map.annotations));
        }
    }
}

/// Reports markers on one object that belong to no existing generation.
fn check_stray_markers(name: &str, tags: &Value, known: &BTreeSet<String>, violations: &mut Vec<Violation>) {
    let ours = keys(tags).filter(|key| key.starts_with(PREFIX) && *key != "karpenter-prereqs/owner");
    for key in ours.filter(|key| !known.contains(*key)) {
        violations.push(Violation::leak(format!("{name} has {key}, and no generation uses it: {tags}")));
    }
}

/// Returns the tags without the markers, and without the tags that a marker value names.
fn foreign_tags(found: &Value, expected: &Value) -> Value {
    let markers: BTreeMap<_, _> = found
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let is_own = |key: &str, value: &Value| {
        let tag = format!("{key}={}", value.as_str().unwrap_or_default());
        expected.get(key).is_none() && markers.values().any(|marker_value| *marker_value == tag)
    };
    let tags = found.as_object().into_iter().flatten();
    tags.filter(|(key, value)| !key.starts_with(PREFIX) && !is_own(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn keys(tags: &Value) -> impl Iterator<Item = &str> {
    tags.as_object().into_iter().flat_map(|tags| tags.keys()).map(String::as_str)
}

fn role_arns(map_roles: &str) -> BTreeSet<String> {
    entries(map_roles).iter().filter_map(|entry| Some(entry["rolearn"].as_str()?.to_owned())).collect()
}
