//! Identity, generations and markers: what is ours, and which of us it serves.
//!
//! A resource's *identity* is what cannot change in place. Its *generation* is the resource under one identity;
//! a property that changes the identity makes a new generation with a new `PhysicalResourceId`, and
//! CloudFormation then deletes the old one with the old properties. Each generation leaves its *marker* on what it
//! makes or uses together with others; the thing itself goes only with the last marker. So a replacement and its
//! rollback, in whichever order their events come, never take away what the surviving generation needs.

use crate::identity::aws_names::sha256_hex;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What every tag and annotation key of ours begins with.
pub const PREFIX: &str = "karpenter-prereqs/";

/// The tag that names the stack and the resource which made an object.
pub const OWNER_KEY: &str = "karpenter-prereqs/owner";

/// The longest tag value, in characters, of IAM and EC2.
const TAG_VALUE_MAX: usize = 256;

/// The hexadecimal digits of a marker.
const MARK_DIGITS: usize = 16;

/// What follows the id in the value of a marker on the node role and the profile, while aws-auth may hold an entry of the
/// generation.
const IN_AWS_AUTH: &str = " aws-auth";

/// What follows a marker in its [`Marker::previous_tag_key`].
const PREVIOUS_TAG: &str = ".was";

/// The rule by which [`Generation::of`] makes an id; every id carries it, so that a later rule can tell.
const RULE: &str = "v1";

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What cannot change in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The EKS cluster.
    pub cluster_name: String,
    /// The node role, made or given, with its path.
    pub node_role_arn: String,
    /// The controller role.
    pub controller_role_name: String,
    /// The instance profile.
    pub instance_profile_name: String,
    /// The path of roles and profile.
    pub path: String,
}

/// The resource under one identity, named by its `PhysicalResourceId`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation {
    physical_resource_id: String,
}

/// `karpenter-prereqs/<16 hex>`: the tag or annotation key of one generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Marker(String);

impl Generation {
    /// The generation of a stack's resource under an identity: a pure function of the three.
    pub fn of(stack_id: &str, logical_resource_id: &str, identity: &Identity) -> Self {
        let Identity { cluster_name, node_role_arn, controller_role_name, instance_profile_name, path } = identity;
        // No part holds a newline, so no two different lists of parts are one text.
        let parts = [
            stack_id,
            logical_resource_id,
            cluster_name,
            node_role_arn,
            controller_role_name,
            instance_profile_name,
            path,
        ];
        let digest = &sha256_hex(&parts.join("\n"))[..32];
        Self { physical_resource_id: format!("{PREFIX}{RULE}/{cluster_name}/{digest}") }
    }

    /// The generation that an id of ours names. `None` for an id that we never issued: CloudFormation
    /// makes one up when a Create was cancelled or its answer had none.
    pub fn from_id(physical_resource_id: &str) -> Option<Self> {
        let (cluster, digest) =
            physical_resource_id.strip_prefix(PREFIX)?.strip_prefix(RULE)?.strip_prefix('/')?.rsplit_once('/')?;
        let ours = !cluster.is_empty() && digest.len() == 32 && digest.bytes().all(is_lower_hex);
        ours.then(|| Self { physical_resource_id: physical_resource_id.to_owned() })
    }

    /// The `PhysicalResourceId`: under 200 characters, of the 1,024 that CloudFormation takes.
    pub fn physical_resource_id(&self) -> &str {
        &self.physical_resource_id
    }

    /// What the marker says on the node role and the profile: the id, and whether aws-auth may hold an entry of the
    /// generation. So whoever takes it away need not reach the Kubernetes API to know that there is none.
    pub fn marker_value(&self, in_aws_auth: bool) -> String {
        format!("{}{}", self.physical_resource_id, if in_aws_auth { IN_AWS_AUTH } else { "" })
    }

    /// The generation's marker.
    pub fn marker(&self) -> Marker {
        Marker(format!("{PREFIX}{}", &sha256_hex(&self.physical_resource_id)[..MARK_DIGITS]))
    }
}

impl Marker {
    /// The tag or annotation key.
    pub fn key(&self) -> &str {
        &self.0
    }

    /// The key under which the discovery tag of before stays marker_value while another takes its place, so that a run
    /// that is cut off between the two leaves nothing that nobody owns.
    pub fn previous_tag_key(&self) -> String {
        format!("{}{PREVIOUS_TAG}", self.0)
    }

    /// Whether a key is some marker's [`Marker::previous_tag_key`].
    pub fn is_previous_tag_key(key: &str) -> bool {
        key.strip_suffix(PREVIOUS_TAG).is_some_and(|key| Self::from_key(key).is_some())
    }

    /// The marker that a key is, if it is one: of whichever generation, stack or account.
    pub fn from_key(key: &str) -> Option<Self> {
        let digits = key.strip_prefix(PREFIX)?;
        (digits.len() == MARK_DIGITS && digits.bytes().all(is_lower_hex)).then(|| Self(key.to_owned()))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The markers among an object's tags or annotations, with their values.
pub fn markers(tags: &Tags) -> impl Iterator<Item = (Marker, &str)> {
    tags.iter().filter_map(|(key, value)| Some((Marker::from_key(key)?, value.as_str())))
}

/// The keys of these markers, as far as they are among the tags.
pub fn marker_keys(ours: &BTreeSet<Marker>, tags: &Tags) -> BTreeSet<String> {
    markers(tags).filter(|(marker, _)| ours.contains(marker)).map(|(marker, _)| marker.key().to_owned()).collect()
}

/// Whether one of these markers is among the tags.
pub fn is_marked(tags: &Tags, ours: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, _)| ours.contains(&marker))
}

/// Whether a marker other than these is among the tags.
pub fn has_foreign_marker(tags: &Tags, ours: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, _)| !ours.contains(&marker))
}

/// What a marker on the controller role says: the ARN of its generation's node role, or a hash of one that exceeds a tag
/// value's 256 characters.
pub fn arn_marker_value(arn: &str) -> String {
    if arn.chars().count() <= TAG_VALUE_MAX { arn.to_owned() } else { hashed(arn) }
}

/// The ARNs that markers note, of which a hash is one of `known`. One that is not known any more is nobody's.
pub fn arns_of_marker_values<'a>(
    notes: impl IntoIterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> BTreeSet<String> {
    let arn = |note: &str| {
        let is_arn = note.starts_with("arn:");
        if is_arn { Some(note.to_owned()) } else { known.iter().find(|arn| hashed(arn) == note).cloned() }
    };
    notes.into_iter().filter_map(arn).collect()
}

/// Whether one of these markers says that aws-auth may hold its generation's entry.
pub fn is_in_aws_auth(tags: &Tags, ours: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, value)| ours.contains(&marker) && value.ends_with(IN_AWS_AUTH))
}

/// The stack and the resource that make an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The stack's ARN.
    pub stack_id: String,
    /// The resource's name in the template.
    pub logical_resource_id: String,
}

impl Owner {
    /// The generation of this owner with that identity.
    pub fn generation(&self, identity: &Identity) -> Generation {
        Generation::of(&self.stack_id, &self.logical_resource_id, identity)
    }

    /// The value of [`OWNER_KEY`]: `<StackId>/<LogicalResourceId>`, or, where that exceeds a tag value's 256
    /// characters, `sha256:<hash of the one>/<hash of the other>`.
    pub fn tag_value(&self) -> String {
        let plain = format!("{}/{}", self.stack_id, self.logical_resource_id);
        if plain.chars().count() <= TAG_VALUE_MAX {
            plain
        } else {
            format!("{}/{}", hashed(&self.stack_id), sha256_hex(&self.logical_resource_id))
        }
    }

    /// Whether an object with these tags was made by this very resource.
    pub fn is_creator(&self, tags: &Tags) -> bool {
        tags.get(OWNER_KEY) == Some(&self.tag_value())
    }

    /// Whether an object with these tags was made by this owner's stack, by whichever of its resources.
    pub fn is_same_stack(&self, tags: &Tags) -> bool {
        let stack = tags.get(OWNER_KEY).and_then(|value| value.rsplit_once('/')).map(|(stack, _)| stack);
        stack.is_some_and(|stack| stack == self.stack_id || stack == hashed(&self.stack_id))
    }
}

fn hashed(text: &str) -> String {
    format!("sha256:{}", sha256_hex(text))
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a";

    fn identity() -> Identity {
        Identity {
            cluster_name: "demo".into(),
            node_role_arn: "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo".into(),
            controller_role_name: "KarpenterControllerRole-demo".into(),
            instance_profile_name: "KarpenterNodeInstanceProfile-demo".into(),
            path: "/".into(),
        }
    }

    /// Pinned: a changed id would replace every resource that is deployed.
    #[test]
    fn the_id_of_rule_v1_stays_what_it_is() {
        let generation = Generation::of(STACK, "Prereqs", &identity());
        assert_eq!(generation.physical_resource_id(), "karpenter-prereqs/v1/demo/0c95e1b67fc6ffb5ddec3ed672c57e88");
        assert_eq!(generation.marker().key(), "karpenter-prereqs/b56863d819ebaa64");
    }

    #[test]
    fn every_part_of_the_identity_makes_another_generation() {
        let one = Generation::of(STACK, "Prereqs", &identity());
        let changed = [
            Identity { cluster_name: "x".into(), ..identity() },
            Identity { node_role_arn: "x".into(), ..identity() },
            Identity { controller_role_name: "x".into(), ..identity() },
            Identity { instance_profile_name: "x".into(), ..identity() },
            Identity { path: "x".into(), ..identity() },
        ];
        for other in changed {
            assert_ne!(Generation::of(STACK, "Prereqs", &other), one, "{other:?}");
        }
        assert_ne!(Generation::of(STACK, "Other", &identity()), one);
        assert_ne!(Generation::of("arn:other", "Prereqs", &identity()), one);
    }

    #[test]
    fn an_id_of_ours_is_known_again_and_others_are_not() {
        let generation = Generation::of(STACK, "Prereqs", &identity());
        assert_eq!(Generation::from_id(generation.physical_resource_id()), Some(generation.clone()));
        assert_eq!(Marker::from_key(generation.marker().key()), Some(generation.marker()));
        for other in [
            "",
            "s-Prereqs-1ABC",
            "karpenter-prereqs/v1//0",
            "karpenter-prereqs/v2/demo/0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(Generation::from_id(other), None, "{other}");
        }
        for other in [OWNER_KEY, "karpenter-prereqs/0123", &generation.marker().previous_tag_key()] {
            assert_eq!(Marker::from_key(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_owner_is_hashed_and_still_known_as_the_same_stacks() {
        for logical in ["Prereqs".to_owned(), "P".repeat(255)] {
            let owner = Owner { stack_id: STACK.into(), logical_resource_id: logical };
            let tags = Tags::from([(OWNER_KEY.to_owned(), owner.tag_value())]);
            assert!(owner.tag_value().len() <= TAG_VALUE_MAX);
            assert!(Owner { logical_resource_id: "Other".into(), ..owner.clone() }.is_same_stack(&tags));
            assert!(!Owner { stack_id: format!("{STACK}b"), ..owner }.is_same_stack(&tags));
        }
    }
}
