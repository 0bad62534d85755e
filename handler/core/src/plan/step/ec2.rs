//! The steps on the tags of subnets and security groups.

use super::{Effect, listed};
use crate::desired::discovery_tag::DiscoveryTag;
use crate::identity::ownership::{Marker, Tags};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// The prefix of the service in IAM actions.
pub(super) const SERVICE: &str = "ec2";

/// The discovery tag that a generation needs on subnets and security groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The tag.
    pub tag: DiscoveryTag,
    /// The marker whose value is the tag.
    pub marker: Marker,
    /// The tag of the previous properties, if there are any. Another run of the same resource may write it at the same moment,
    /// because an Update and its rollback may run at the same time.
    pub previous: Option<DiscoveryTag>,
}

/// A step on tags. Three of the steps are not operations of EC2. Two of these read the tags first, because others may write them
/// at the same moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are the call's parameters, named as the service names them")]
pub enum Ec2Step {
    CreateTags {
        ids: Vec<String>,
        tags: Tags,
    },
    /// The call contains the values too. With a key alone, EC2 would delete the tag even if its value has changed.
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
    /// Reads the tags again and deletes the [`tags_to_delete`](crate::plan::tags_to_delete). The second read shows the other
    /// markers that depart at the same moment.
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

    /// Returns the operation and its objects. Returns `None` for a step that only reads, or that reads first and then decides
    /// what to write.
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
            Self::CreateTags { ids, tags } => write!(f, "tag {} with {}", listed(ids), listed(tags.keys())),
            Self::DeleteTags { ids, tags } => write!(f, "remove the tags {} from {}", listed(tags.keys()), listed(ids)),
            Self::VerifyTags { ids, claim } => write!(f, "verify the tag `{}` of {}", claim.tag.key, listed(ids)),
            Self::AnnounceTagRemoval { ids, .. } => write!(f, "announce on {} that its tags are removed", listed(ids)),
            Self::RemoveUnclaimedTags { ids, .. } => {
                write!(f, "remove the tags that nothing needs from {}", listed(ids))
            }
        }
    }
}
