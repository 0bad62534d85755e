//! The steps on roles, instance profiles and OIDC providers.

use super::{Effect, listed};
use crate::identity::ownership::Tags;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// The prefix of the service in IAM actions.
pub(super) const SERVICE: &str = "iam";

/// One of the two roles of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RoleKind {
    /// The node role.
    Node,
    /// The controller role.
    Controller,
}

/// A write of IAM, with the call's parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are the call's parameters, named as the service names them")]
pub enum IamStep {
    CreateRole {
        kind: RoleKind,
        name: String,
        path: String,
        trust: Value,
        permissions_boundary: Option<String>,
        tags: Tags,
    },
    PutRolePermissionsBoundary {
        name: String,
        permissions_boundary: String,
    },
    DeleteRolePermissionsBoundary {
        name: String,
    },
    TagRole {
        name: String,
        tags: Tags,
    },
    UntagRole {
        name: String,
        keys: BTreeSet<String>,
    },
    UpdateAssumeRolePolicy {
        name: String,
        trust: Value,
    },
    AttachRolePolicy {
        name: String,
        policy_arn: String,
    },
    DetachRolePolicy {
        name: String,
        policy_arn: String,
    },
    PutRolePolicy {
        name: String,
        policy_name: String,
        document: Value,
    },
    DeleteRolePolicy {
        name: String,
        policy_name: String,
    },
    DeleteRole {
        name: String,
    },
    CreateInstanceProfile {
        name: String,
        path: String,
        tags: Tags,
    },
    TagInstanceProfile {
        name: String,
        tags: Tags,
    },
    UntagInstanceProfile {
        name: String,
        keys: BTreeSet<String>,
    },
    AddRoleToInstanceProfile {
        name: String,
        role: String,
    },
    RemoveRoleFromInstanceProfile {
        name: String,
        role: String,
    },
    DeleteInstanceProfile {
        name: String,
    },
    CreateOpenIdConnectProvider {
        arn: String,
        url: String,
        client_id_list: Vec<String>,
        tags: Tags,
    },
    TagOpenIdConnectProvider {
        arn: String,
        tags: Tags,
    },
    UntagOpenIdConnectProvider {
        arn: String,
        keys: BTreeSet<String>,
    },
    DeleteOpenIdConnectProvider {
        arn: String,
    },
}

impl IamStep {
    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::CreateRole { .. }
            | Self::TagRole { .. }
            | Self::AttachRolePolicy { .. }
            | Self::CreateInstanceProfile { .. }
            | Self::TagInstanceProfile { .. }
            | Self::AddRoleToInstanceProfile { .. }
            | Self::CreateOpenIdConnectProvider { .. }
            | Self::TagOpenIdConnectProvider { .. } => Effect::Add,
            Self::PutRolePermissionsBoundary { .. }
            | Self::UpdateAssumeRolePolicy { .. }
            | Self::PutRolePolicy { .. } => Effect::Change,
            Self::DeleteRolePermissionsBoundary { .. }
            | Self::UntagRole { .. }
            | Self::DetachRolePolicy { .. }
            | Self::DeleteRolePolicy { .. }
            | Self::DeleteRole { .. }
            | Self::UntagInstanceProfile { .. }
            | Self::RemoveRoleFromInstanceProfile { .. }
            | Self::DeleteInstanceProfile { .. }
            | Self::UntagOpenIdConnectProvider { .. }
            | Self::DeleteOpenIdConnectProvider { .. } => Effect::Remove,
        }
    }

    /// Returns whether the step creates a role or an instance profile. IAM is eventually consistent, so a new object may be
    /// missing in the next call.
    pub fn is_creation(&self) -> bool {
        matches!(self, Self::CreateRole { .. } | Self::CreateInstanceProfile { .. })
    }

    /// Returns whether the step deletes an object, or removes a part of it.
    pub fn is_removal(&self) -> bool {
        self.effect() == Effect::Remove
    }

    /// Returns the operation and its objects.
    pub(super) fn call(&self) -> (&'static str, Vec<String>) {
        let (operation, object) = match self {
            Self::CreateRole { name, .. } => ("CreateRole", name),
            Self::PutRolePermissionsBoundary { name, .. } => ("PutRolePermissionsBoundary", name),
            Self::DeleteRolePermissionsBoundary { name } => ("DeleteRolePermissionsBoundary", name),
            Self::TagRole { name, .. } => ("TagRole", name),
            Self::UntagRole { name, .. } => ("UntagRole", name),
            Self::UpdateAssumeRolePolicy { name, .. } => ("UpdateAssumeRolePolicy", name),
            Self::AttachRolePolicy { name, .. } => ("AttachRolePolicy", name),
            Self::DetachRolePolicy { name, .. } => ("DetachRolePolicy", name),
            Self::PutRolePolicy { name, .. } => ("PutRolePolicy", name),
            Self::DeleteRolePolicy { name, .. } => ("DeleteRolePolicy", name),
            Self::DeleteRole { name } => ("DeleteRole", name),
            Self::CreateInstanceProfile { name, .. } => ("CreateInstanceProfile", name),
            Self::TagInstanceProfile { name, .. } => ("TagInstanceProfile", name),
            Self::UntagInstanceProfile { name, .. } => ("UntagInstanceProfile", name),
            Self::AddRoleToInstanceProfile { name, .. } => ("AddRoleToInstanceProfile", name),
            Self::RemoveRoleFromInstanceProfile { name, .. } => ("RemoveRoleFromInstanceProfile", name),
            Self::DeleteInstanceProfile { name } => ("DeleteInstanceProfile", name),
            Self::CreateOpenIdConnectProvider { url, .. } => ("CreateOpenIDConnectProvider", url),
            Self::TagOpenIdConnectProvider { arn, .. } => ("TagOpenIDConnectProvider", arn),
            Self::UntagOpenIdConnectProvider { arn, .. } => ("UntagOpenIDConnectProvider", arn),
            Self::DeleteOpenIdConnectProvider { arn } => ("DeleteOpenIDConnectProvider", arn),
        };
        (operation, vec![object.clone()])
    }
}

impl fmt::Display for IamStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateRole { name, .. } => write!(f, "create role `{name}`"),
            Self::TagRole { name, tags } => write!(f, "tag role `{name}` with {}", listed(tags.keys())),
            Self::UntagRole { name, keys } => write!(f, "untag role `{name}` of {}", listed(keys)),
            Self::UpdateAssumeRolePolicy { name, .. } => write!(f, "update the trust policy of role `{name}`"),
            Self::PutRolePermissionsBoundary { name, permissions_boundary } => {
                write!(f, "bound role `{name}` by policy `{permissions_boundary}`")
            }
            Self::DeleteRolePermissionsBoundary { name } => {
                write!(f, "delete the permissions boundary of role `{name}`")
            }
            Self::AttachRolePolicy { name, policy_arn } => write!(f, "attach policy `{policy_arn}` to role `{name}`"),
            Self::DetachRolePolicy { name, policy_arn } => write!(f, "detach policy `{policy_arn}` from role `{name}`"),
            Self::PutRolePolicy { name, policy_name, .. } => {
                write!(f, "put inline policy `{policy_name}` on role `{name}`")
            }
            Self::DeleteRolePolicy { name, policy_name } => {
                write!(f, "delete inline policy `{policy_name}` of role `{name}`")
            }
            Self::DeleteRole { name } => write!(f, "delete role `{name}`"),
            Self::CreateInstanceProfile { name, .. } => write!(f, "create instance profile `{name}`"),
            Self::TagInstanceProfile { name, tags } => {
                write!(f, "tag instance profile `{name}` with {}", listed(tags.keys()))
            }
            Self::UntagInstanceProfile { name, keys } => {
                write!(f, "untag instance profile `{name}` of {}", listed(keys))
            }
            Self::AddRoleToInstanceProfile { name, role } => {
                write!(f, "add role `{role}` to instance profile `{name}`")
            }
            Self::RemoveRoleFromInstanceProfile { name, role } => {
                write!(f, "remove role `{role}` from instance profile `{name}`")
            }
            Self::DeleteInstanceProfile { name } => write!(f, "delete instance profile `{name}`"),
            Self::CreateOpenIdConnectProvider { url, .. } => write!(f, "create the OIDC provider of {url}"),
            Self::TagOpenIdConnectProvider { arn, tags } => write!(f, "tag {arn} with {}", listed(tags.keys())),
            Self::UntagOpenIdConnectProvider { arn, keys } => write!(f, "untag {arn} of {}", listed(keys)),
            Self::DeleteOpenIdConnectProvider { arn } => write!(f, "delete {arn}"),
        }
    }
}
