//! What must hold whenever all stacks rest: what others have is as they left it, what the stacks count on stands, and
//! nothing else of ours does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use local_cloud::world::World;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    foreign::Foreign,
    map::{Map, entries, without},
    wanted::{controller_role_name, node_role_name, profile_name, word},
};

/// What begins every key of ours.
pub(super) const PREFIX: &str = "karpenter-prereqs/";

/// Something that is not as it must be.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// What was promised and is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// CloudFormation got no answer, or none in time.
    Unanswered,
    /// Something is damaged, missing, or said and not so.
    Wrong,
    /// Something of ours was left.
    Leak,
}

/// A resource that stands by the books of its stack.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) properties: Value,
    /// The attributes of the latest success.
    pub(super) data: BTreeMap<String, String>,
    /// Whether its objects must be as its properties say: not where its generation goes on by a rollback that sends
    /// it no Update, which leaves what it has in common with another as that one had it.
    pub(super) is_settled: bool,
    /// Whether its entry in aws-auth went with the cluster.
    pub(super) has_lost_its_entry: bool,
}

/// All that is judged.
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    pub(super) foreign: &'a Foreign,
    pub(super) standing: &'a [Standing],
    pub(super) cluster_is_gone: bool,
}

impl Broken {
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self { kind: Kind::Wrong, text: text.into() }
    }

    fn leak(text: impl Into<String>) -> Self {
        Self { kind: Kind::Leak, text: text.into() }
    }

    pub(super) fn unanswered(text: impl Into<String>) -> Self {
        Self { kind: Kind::Unanswered, text: text.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The mark of a generation: the tag or annotation key that its `PhysicalResourceId` makes.
pub(super) fn mark(physical_id: &str) -> String {
    let hex = Sha256::digest(physical_id).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{PREFIX}{}", &hex[..16])
}

impl Scene<'_> {
    /// Everything that is not as it must be.
    pub(super) fn judged(&self) -> Vec<Broken> {
        let mut broken = Vec::new();
        self.objects(&mut broken);
        if !self.cluster_is_gone {
            self.aws_auth(&mut broken);
        }
        for standing in self.standing {
            self.stands(standing, &mut broken);
        }
        broken
    }

    fn known(&self) -> BTreeSet<String> {
        self.standing.iter().map(|standing| mark(&standing.physical_id)).collect()
    }

    /// What others have stands as they left it; what is ours carries marks that somebody counts on, and no other.
    fn objects(&self, broken: &mut Vec<Broken>) {
        let known = self.known();
        for (name, expected) in &self.foreign.objects {
            let Some(found) = self.world.get(name).map(|_| self.world.json(name)) else {
                broken.push(Broken::wrong(format!("{name} of others is gone")));
                continue;
            };
            let is_tagged = name.starts_with("subnet-") || name.starts_with("sg-");
            let theirs = if is_tagged { theirs(&found, expected) } else { found.clone() };
            if theirs != *expected {
                broken.push(Broken::wrong(format!("{name} of others was {expected} and is {theirs}")));
            }
            if is_tagged {
                strays(name, &found, &known, broken);
            }
        }
        for name in self.world.names().filter(|name| !name.starts_with("aws-auth/")) {
            if self.foreign.objects.contains_key(name) {
                continue;
            }
            let found = self.world.json(name);
            strays(name, &found["tags"], &known, broken);
            if !keys(&found["tags"]).any(|key| known.contains(key)) {
                broken.push(Broken::leak(format!("{name} stands, and nothing counts on it")));
            }
        }
        for (name, tags) in &self.foreign.on_ours {
            for (key, value) in tags {
                if self.world.json(name)["tags"][key] != json!(value) {
                    broken.push(Broken::wrong(format!("the tag {key} = {value} of others is not on {name} any more")));
                }
            }
        }
    }

    fn aws_auth(&self, broken: &mut Vec<Broken>) {
        let found = Map::in_world(self.world);
        let others = self.foreign.aws_auth.clone().unwrap_or_default();
        let (known, stands) = (self.known(), found.clone().unwrap_or_default());
        if found.is_none() && self.foreign.aws_auth.is_some() {
            broken.push(Broken::wrong("aws-auth of others is gone"));
            return;
        }
        let annotations = stands.annotations.iter();
        let (ours, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
            annotations.map(|(key, value)| (key.clone(), value.clone())).partition(|(key, _)| key.starts_with(PREFIX));
        if theirs != others.annotations {
            broken.push(Broken::wrong(format!(
                "annotations of others were {:?}, and are {theirs:?}",
                others.annotations
            )));
        }
        for key in ours.keys().filter(|key| !known.contains(*key)) {
            if !(key.ends_with("/before") && ours.keys().any(|key| known.contains(key))) {
                broken.push(Broken::leak(format!("aws-auth carries the annotation {key}, and nothing counts on it")));
            }
        }
        if found.is_some() && self.foreign.aws_auth.is_none() && ours.is_empty() {
            broken.push(Broken::leak("aws-auth stands, and nothing counts on it"));
        }
        let further = |map: &Map| {
            map.data
                .iter()
                .filter(|(key, _)| *key != "mapRoles")
                .map(|(key, text)| (key.clone(), text.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        if further(&stands) != further(&others) {
            broken.push(Broken::wrong(format!(
                "aws-auth beside mapRoles was {:?}, and is {:?}",
                others.data, stands.data
            )));
        }
        let theirs = role_arns(others.map_roles());
        for arn in role_arns(stands.map_roles()).difference(&theirs) {
            if !ours.iter().any(|(key, noted)| known.contains(key) && noted == arn) {
                broken.push(Broken::leak(format!("aws-auth has an entry for {arn}, and nothing counts on it")));
            }
        }
        let left = without(stands.map_roles(), |role| !theirs.contains(role));
        // What is empty, or ends without a newline, may do so in another way while an entry of ours is there.
        let is_same = if entries(others.map_roles()).is_empty() {
            entries(&left).is_empty()
        } else {
            left.trim_end_matches(['\r', '\n']) == others.map_roles().trim_end_matches(['\r', '\n'])
        };
        if !is_same {
            broken.push(Broken::wrong(format!("mapRoles of others was\n{}and is\n{left}", others.map_roles())));
        }
    }

    /// What a stack counts on stands, with the mark of that generation.
    fn stands(&self, standing: &Standing, broken: &mut Vec<Broken>) {
        let (properties, mark) = (&standing.properties, mark(&standing.physical_id));
        let mut missing = |what: String| {
            let id = &standing.physical_id;
            broken.push(Broken::wrong(format!("{} stands as {id}, and {what}", standing.logical_id)));
        };
        let node_role = node_role_name(properties);
        let node_role_arn = format!("arn:aws:iam::111122223333:role/{node_role}");
        let is_made = properties.get("NodeRoleArn").is_none();
        let object = |name: &str| self.world.get(name).map(|_| self.world.json(name)).unwrap_or_default();
        let node = object(&format!("role/{node_role}"));
        if is_made && node["tags"].get(&mark).is_none() {
            missing(format!("the node role {node_role} lacks its mark {mark}: {node}"));
        }
        let controller = object(&format!("role/{}", controller_role_name(properties)));
        if controller["tags"].get(&mark) != Some(&json!(node_role_arn)) {
            missing(format!("the controller role lacks its mark {mark} = {node_role_arn}: {}", controller["tags"]));
        }
        let policy = controller["inline"]["KarpenterControllerPolicy-demo"].to_string();
        if !policy.contains(&node_role_arn) {
            missing(format!("the controller may not pass {node_role_arn}: {policy}"));
        }
        let profile = object(&format!("instance-profile/{}", profile_name(properties)));
        if profile["tags"].get(&mark).is_none() || profile["roles"] != json!([node_role]) {
            missing(format!("the instance profile lacks its mark {mark}, or the role: {profile}"));
        }
        if standing.is_settled {
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
        let ids = ["SubnetIds", "SecurityGroupIds"].map(|name| standing.data.get(name).cloned().unwrap_or_default());
        for id in ids.iter().flat_map(|ids| ids.split(',')).filter(|id| !id.is_empty()) {
            let tags = object(id);
            let is_theirs = self.foreign.objects.get(id).is_some_and(|theirs| theirs[key] == value);
            if tags[key] != value || !is_theirs && tags[&mark] != format!("{key}={value}") {
                missing(format!("{id} lacks {key} = {value}, or its mark {mark}: {tags}"));
            }
        }
        if self.cluster_is_gone || standing.has_lost_its_entry {
            return;
        }
        let identity = &properties["ControllerIdentity"];
        if identity == "PodIdentity" || identity.as_array().is_some_and(|both| both.contains(&json!("PodIdentity"))) {
            let account = word(properties, "ServiceAccount", "karpenter");
            let association = object(&format!("pod-identity/karpenter/{account}"));
            if association["tags"].get(&mark).is_none() {
                missing(format!("the association of {account} lacks its mark {mark}: {association}"));
            }
        }
        match word(properties, "NodeAccess", "Auto") {
            "None" => return,
            "AwsAuth" => {}
            _ => {
                let name = format!("access-entry/{node_role_arn}");
                let entry = object(&name);
                if !self.foreign.objects.contains_key(&name) && entry["tags"].get(&mark).is_none() {
                    missing(format!("the access entry of {node_role_arn} lacks its mark {mark}: {entry}"));
                }
                return;
            }
        }
        let map = Map::in_world(self.world).unwrap_or_default();
        let is_theirs =
            self.foreign.aws_auth.as_ref().is_some_and(|map| role_arns(map.map_roles()).contains(&node_role_arn));
        if !role_arns(map.map_roles()).contains(&node_role_arn) {
            missing(format!("aws-auth has no entry for {node_role_arn}:\n{}", map.map_roles()));
        }
        if !is_theirs && map.annotations.get(&mark) != Some(&node_role_arn) {
            missing(format!("aws-auth lacks the annotation {mark} = {node_role_arn}: {:?}", map.annotations));
        }
    }
}

/// Keys of ours on one thing that nothing counts on.
fn strays(name: &str, tags: &Value, known: &BTreeSet<String>, broken: &mut Vec<Broken>) {
    let ours = keys(tags).filter(|key| key.starts_with(PREFIX) && *key != "karpenter-prereqs/owner");
    for key in ours.filter(|key| !known.contains(*key)) {
        broken.push(Broken::leak(format!("{name} carries {key}, and nothing counts on it: {tags}")));
    }
}

/// Tags without those of ours: the marks, and the tags that they stand for.
fn theirs(found: &Value, expected: &Value) -> Value {
    let marks: BTreeMap<_, _> = found
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let is_noted = |key: &str, value: &Value| {
        let tag = format!("{key}={}", value.as_str().unwrap_or_default());
        expected.get(key).is_none() && marks.values().any(|noted| *noted == tag)
    };
    let tags = found.as_object().into_iter().flatten();
    tags.filter(|(key, value)| !key.starts_with(PREFIX) && !is_noted(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn keys(tags: &Value) -> impl Iterator<Item = &str> {
    tags.as_object().into_iter().flat_map(|tags| tags.keys()).map(String::as_str)
}

fn role_arns(map_roles: &str) -> BTreeSet<String> {
    entries(map_roles).iter().filter_map(|entry| Some(entry["rolearn"].as_str()?.to_owned())).collect()
}
