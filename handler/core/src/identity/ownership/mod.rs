//! Identities, generations and markers: which stack created an object, and which generations use it.
//!
//! The *identity* of a resource is the part of its properties that cannot change in place. A *generation* is the objects of one
//! identity, under one `PhysicalResourceId`. If a property changes the identity, the Update creates a new generation with a new
//! `PhysicalResourceId`. CloudFormation then deletes the old generation with the old properties.
//!
//! Each generation writes its *marker* on the objects that it creates, and on the objects that it shares. An object is deleted
//! with its last marker. So a replacement and its rollback never delete what the surviving generation needs, in any order of
//! their events.

#[cfg(test)]
mod tests;

use crate::identity::aws_names::sha256_hex;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The prefix of every tag key and annotation key that this project writes.
pub const PREFIX: &str = "karpenter-prereqs/";

/// The key of the owner tag. Its value names the stack and the resource that created the object.
pub const OWNER_KEY: &str = "karpenter-prereqs/owner";

/// The limit of a tag value of IAM and EC2, in characters.
const TAG_VALUE_MAX: usize = 256;

/// The number of hexadecimal digits in a marker key.
const MARKER_DIGITS: usize = 16;

/// The suffix of the marker value on the node role and the instance profile while aws-auth may have an entry of the generation.
const IN_AWS_AUTH_SUFFIX: &str = " aws-auth";

/// The suffix that turns a marker key into its [`Marker::previous_tag_key`].
const PREVIOUS_TAG_SUFFIX: &str = ".was";

/// The version of the rule by which [`Generation::of`] computes an id. Every id contains it, so that a later rule can recognise
/// it.
const ID_VERSION: &str = "v1";

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The properties that cannot change in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The EKS cluster.
    pub cluster_name: String,
    /// The ARN of the node role, created or existing, with its path.
    pub node_role_arn: String,
    /// The name of the controller role.
    pub controller_role_name: String,
    /// The name of the instance profile.
    pub instance_profile_name: String,
    /// The path of roles and instance profile.
    pub path: String,
}

/// The objects of one identity, named by their `PhysicalResourceId`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation {
    physical_resource_id: String,
}

/// `karpenter-prereqs/<16 hex>`: the tag or annotation key of one generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Marker(String);

impl Generation {
    /// Computes the generation of a stack's resource with this identity. Equal arguments always give an equal generation.
    pub fn of(stack_id: &str, logical_resource_id: &str, identity: &Identity) -> Self {
        let Identity { cluster_name, node_role_arn, controller_role_name, instance_profile_name, path } = identity;
        // No part contains a newline, so two different lists of parts never give the same text.
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
        Self { physical_resource_id: format!("{PREFIX}{ID_VERSION}/{cluster_name}/{digest}") }
    }

    /// Returns the generation of a `PhysicalResourceId`. Returns `None` for an id that this function never issues. CloudFormation
    /// invents such an id for a Create that was cancelled, or whose response has no id.
    pub fn from_id(physical_resource_id: &str) -> Option<Self> {
        let (cluster, digest) =
            physical_resource_id.strip_prefix(PREFIX)?.strip_prefix(ID_VERSION)?.strip_prefix('/')?.rsplit_once('/')?;
        let is_issued = !cluster.is_empty() && digest.len() == 32 && digest.bytes().all(is_lower_hex);
        is_issued.then(|| Self { physical_resource_id: physical_resource_id.to_owned() })
    }

    /// Returns the `PhysicalResourceId`. It has fewer than 200 characters, and CloudFormation accepts 1,024.
    pub fn physical_resource_id(&self) -> &str {
        &self.physical_resource_id
    }

    /// Returns the marker value on the node role and the instance profile: the `PhysicalResourceId`, and whether aws-auth may
    /// have an entry of the generation. Without an entry, a teardown does not need the Kubernetes API.
    pub fn marker_value(&self, in_aws_auth: bool) -> String {
        format!("{}{}", self.physical_resource_id, if in_aws_auth { IN_AWS_AUTH_SUFFIX } else { "" })
    }

    /// Returns the marker of the generation.
    pub fn marker(&self) -> Marker {
        Marker(format!("{PREFIX}{}", &sha256_hex(&self.physical_resource_id)[..MARKER_DIGITS]))
    }
}

impl Marker {
    /// Returns the tag or annotation key.
    pub fn key(&self) -> &str {
        &self.0
    }

    /// Returns the key of the previous-tag marker. Its value is the old discovery tag while a tag with another key replaces it.
    /// So a run that is killed in between leaves no tag without an owner.
    pub fn previous_tag_key(&self) -> String {
        format!("{}{PREVIOUS_TAG_SUFFIX}", self.0)
    }

    /// Returns whether a key is the [`Marker::previous_tag_key`] of any marker.
    pub fn is_previous_tag_key(key: &str) -> bool {
        key.strip_suffix(PREVIOUS_TAG_SUFFIX).is_some_and(|key| Self::from_key(key).is_some())
    }

    /// Returns the marker with this key, of any generation, stack or account. Returns `None` for any other key.
    pub fn from_key(key: &str) -> Option<Self> {
        let digits = key.strip_prefix(PREFIX)?;
        (digits.len() == MARKER_DIGITS && digits.bytes().all(is_lower_hex)).then(|| Self(key.to_owned()))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the markers among the tags or annotations of an object, with their values.
pub fn markers(tags: &Tags) -> impl Iterator<Item = (Marker, &str)> {
    tags.iter().filter_map(|(key, value)| Some((Marker::from_key(key)?, value.as_str())))
}

/// Returns the keys of the markers in `ours` that are among the tags.
pub fn marker_keys(ours: &BTreeSet<Marker>, tags: &Tags) -> BTreeSet<String> {
    markers(tags).filter(|(marker, _)| ours.contains(marker)).map(|(marker, _)| marker.key().to_owned()).collect()
}

/// Returns whether a marker in `ours` is among the tags.
pub fn is_marked(tags: &Tags, ours: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, _)| ours.contains(&marker))
}

/// Returns whether a marker that is not in `ours` is among the tags.
pub fn has_foreign_marker(tags: &Tags, ours: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, _)| !ours.contains(&marker))
}

/// Returns the marker value for the ARN of a role: the ARN, or its hash if the ARN has more than the 256 characters of a tag
/// value.
///
/// The marker on the controller role has the ARN of the node role. The marker on a Pod Identity association has the ARN of the
/// controller role.
pub fn arn_marker_value(arn: &str) -> String {
    if arn.chars().count() <= TAG_VALUE_MAX { arn.to_owned() } else { hashed(arn) }
}

/// Returns the ARNs that these marker values stand for. A hash stands for the ARN in `known` that has it. A hash without such an
/// ARN is left out.
pub fn arns_of_marker_values<'a>(
    values: impl IntoIterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> BTreeSet<String> {
    let arn = |value: &str| {
        let is_arn = value.starts_with("arn:");
        if is_arn { Some(value.to_owned()) } else { known.iter().find(|arn| hashed(arn) == value).cloned() }
    };
    values.into_iter().filter_map(arn).collect()
}

/// Returns whether the value of a marker in `ours` says that aws-auth may have an entry of its generation.
pub fn is_in_aws_auth(tags: &Tags, ours: &BTreeSet<Marker>) -> bool {
    markers(tags).any(|(marker, value)| ours.contains(&marker) && value.ends_with(IN_AWS_AUTH_SUFFIX))
}

/// The stack and the resource that create an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The ARN of the stack.
    pub stack_id: String,
    /// The name of the resource in the template.
    pub logical_resource_id: String,
}

impl Owner {
    /// Returns the generation of this owner with an identity.
    pub fn generation(&self, identity: &Identity) -> Generation {
        Generation::of(&self.stack_id, &self.logical_resource_id, identity)
    }

    /// Returns the value of the owner tag: `<StackId>/<LogicalResourceId>`. If that has more than the 256 characters of a tag
    /// value, returns `sha256:<hash of StackId>/<hash of LogicalResourceId>`.
    pub fn tag_value(&self) -> String {
        let plain = format!("{}/{}", self.stack_id, self.logical_resource_id);
        if plain.chars().count() <= TAG_VALUE_MAX {
            plain
        } else {
            format!("{}/{}", hashed(&self.stack_id), sha256_hex(&self.logical_resource_id))
        }
    }

    /// Returns whether this resource created an object with these tags.
    pub fn is_creator(&self, tags: &Tags) -> bool {
        tags.get(OWNER_KEY) == Some(&self.tag_value())
    }

    /// Returns whether any resource of this owner's stack created an object with these tags.
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
