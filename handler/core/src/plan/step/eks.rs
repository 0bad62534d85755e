//! The steps on access entries and Pod Identity associations.

use super::{Effect, listed};
use crate::identity::ownership::Tags;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// The prefix of the service in IAM actions.
pub(super) const SERVICE: &str = "eks";

/// The type of access entry with which Linux nodes join a cluster.
pub const EC2_LINUX: &str = "EC2_LINUX";

/// A write of EKS, with the call's parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are the call's parameters, named as the service names them")]
pub enum EksStep {
    CreateAccessEntry {
        cluster_name: String,
        principal_arn: String,
        tags: Tags,
    },
    TagEksResource {
        arn: String,
        tags: Tags,
    },
    UntagEksResource {
        arn: String,
        keys: BTreeSet<String>,
    },
    /// With `only_created_at`, in whole seconds, deletes only the entry that was created at that time. Another delivery of the
    /// event may have replaced it by a new entry for the same principal.
    DeleteAccessEntry {
        cluster_name: String,
        principal_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        only_created_at: Option<Timestamp>,
    },
    CreatePodIdentityAssociation {
        cluster_name: String,
        namespace: String,
        service_account: String,
        role_arn: String,
        tags: Tags,
    },
    /// Sets the role, and enables session tags.
    UpdatePodIdentityAssociation {
        cluster_name: String,
        id: String,
        role_arn: String,
    },
    DeletePodIdentityAssociation {
        cluster_name: String,
        id: String,
    },
}

impl EksStep {
    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::CreateAccessEntry { .. }
            | Self::TagEksResource { .. }
            | Self::CreatePodIdentityAssociation { .. } => Effect::Add,
            Self::UpdatePodIdentityAssociation { .. } => Effect::Change,
            Self::UntagEksResource { .. }
            | Self::DeleteAccessEntry { .. }
            | Self::DeletePodIdentityAssociation { .. } => Effect::Remove,
        }
    }

    /// Returns whether the step deletes an object, or removes a part of it.
    pub fn is_removal(&self) -> bool {
        self.effect() == Effect::Remove
    }

    /// Returns the operation and its objects.
    pub(super) fn call(&self) -> (&'static str, Vec<String>) {
        let (operation, object) = match self {
            Self::CreateAccessEntry { principal_arn, .. } => ("CreateAccessEntry", principal_arn.clone()),
            Self::TagEksResource { arn, .. } => ("TagResource", arn.clone()),
            Self::UntagEksResource { arn, .. } => ("UntagResource", arn.clone()),
            Self::DeleteAccessEntry { principal_arn, .. } => ("DeleteAccessEntry", principal_arn.clone()),
            Self::CreatePodIdentityAssociation { namespace, service_account, .. } => {
                ("CreatePodIdentityAssociation", format!("{namespace}/{service_account}"))
            }
            Self::UpdatePodIdentityAssociation { id, .. } => ("UpdatePodIdentityAssociation", id.clone()),
            Self::DeletePodIdentityAssociation { id, .. } => ("DeletePodIdentityAssociation", id.clone()),
        };
        (operation, vec![object])
    }
}

impl fmt::Display for EksStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateAccessEntry { principal_arn, .. } => {
                write!(f, "create the {EC2_LINUX} access entry of {principal_arn}")
            }
            Self::TagEksResource { arn, tags } => write!(f, "tag {arn} with {}", listed(tags.keys())),
            Self::UntagEksResource { arn, keys } => write!(f, "untag {arn} of {}", listed(keys)),
            Self::DeleteAccessEntry { principal_arn, .. } => write!(f, "delete the access entry of {principal_arn}"),
            Self::CreatePodIdentityAssociation { namespace, service_account, .. } => {
                write!(f, "create the Pod Identity association of service account `{namespace}/{service_account}`")
            }
            Self::UpdatePodIdentityAssociation { id, role_arn, .. } => {
                write!(f, "update Pod Identity association `{id}` to role {role_arn}")
            }
            Self::DeletePodIdentityAssociation { id, .. } => write!(f, "delete Pod Identity association `{id}`"),
        }
    }
}
