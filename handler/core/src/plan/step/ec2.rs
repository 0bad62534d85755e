//! The steps on the tags of subnets and security groups.

use super::{Effect, shown};
use crate::desired::discovery_tag::DiscoveryTag;
use crate::identity::ownership::{Marker, Tags};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// As IAM names the service in actions.
pub(super) const SERVICE: &str = "ec2";

/// The discovery tag that a generation wants on subnets and security groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The tag.
    pub tag: DiscoveryTag,
    /// The marker whose value is the tag.
    pub marker: Marker,
    /// On an Update, the tag of the old properties. Another run of the same resource may write it at the same moment: the rollback
    /// beside an Update, or the Update beside its rollback.
    pub previous: Option<DiscoveryTag>,
}

/// A step on tags. The three that are no calls of EC2 read the tags first, because others may write them at the same moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are the call's parameters, named as the service names them")]
pub enum Ec2Step {
    CreateTags {
        ids: Vec<String>,
        tags: Tags,
    },
    /// Each tag has its value: a key alone would delete the tag whatever its value is by then.
    DeleteTags {
        ids: Vec<String>,
        tags: Tags,
    },
    /// Reads the tags again after [`Ec2Step::CreateTags`]. A resource that lost a race deletes its marker and fails.
    VerifyTags {
        ids: Vec<String>,
        claim: Claim,
    },
    /// Writes departing markers on the subnets and security groups that still exist.
    AnnounceTagRemoval {
        ids: Vec<String>,
        tags: Tags,
    },
    /// Reads the tags again and deletes [`tags_to_delete`](crate::plan::tags_to_delete) of them: only then are the markers known that depart
    /// at the same moment.
    RemoveUnclaimedTags {
        ids: Vec<String>,
        markers: BTreeSet<Marker>,
    },
}

impl Ec2Step {
    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::CreateTags { .. } => Effect::Add,
            Self::AnnounceTagRemoval { .. } => Effect::Change,
            Self::DeleteTags { .. } | Self::RemoveUnclaimedTags { .. } => Effect::Remove,
            Self::VerifyTags { .. } => Effect::Check,
        }
    }

    /// The operation and its objects. `None` for a step that only reads, or that reads before it knows what to write.
    pub(super) fn call(&self) -> Option<(&'static str, Vec<String>)> {
        match self {
            Self::CreateTags { ids, .. } | Self::AnnounceTagRemoval { ids, .. } => Some(("CreateTags", ids.clone())),
            Self::DeleteTags { ids, .. } => Some(("DeleteTags", ids.clone())),
            Self::VerifyTags { .. } | Self::RemoveUnclaimedTags { .. } => None,
        }
    }
}

impl fmt::Display for Ec2Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateTags { ids, tags } => write!(f, "tag {} with {}", shown(ids), shown(tags.keys())),
            Self::DeleteTags { ids, tags } => write!(f, "remove the tags {} from {}", shown(tags.keys()), shown(ids)),
            Self::VerifyTags { ids, claim } => write!(f, "verify the tag `{}` of {}", claim.tag.key, shown(ids)),
            Self::AnnounceTagRemoval { ids, .. } => write!(f, "announce on {} that its tags are removed", shown(ids)),
            Self::RemoveUnclaimedTags { ids, .. } => {
                write!(f, "remove the tags that nothing needs from {}", shown(ids))
            }
        }
    }
}
