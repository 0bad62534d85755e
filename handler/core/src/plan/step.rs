//! One write each, and the order in which they may be done.

use super::discovery_tag::Claim;
use crate::documents::config_map;
use crate::identity::ownership::{Mark, Tags};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// The steps in an order that they can be done in one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    steps: Vec<(Step, Vec<StepId>)>,
}

/// A step's place in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StepId(usize);

/// Which of the two roles: for a log line, and for what may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RoleKind {
    /// The node role.
    Node,
    /// The controller role.
    Controller,
}

/// A verb of the Kubernetes API on the ConfigMap `kube-system/aws-auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// POST.
    Create,
    /// PUT.
    Update,
    /// DELETE.
    Delete,
}

impl Verb {
    /// As RBAC spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One write: it has everything that the call takes, so that carrying it out leaves nothing to decide.
///
/// As JSON it is its parameters, and `step`, its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are the call's parameters, named as the service names them")]
pub enum Step {
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
    CreateTags {
        ids: Vec<String>,
        tags: Tags,
    },
    /// Each tag with its value: a key alone would take whatever value stands there by now.
    DeleteTags {
        ids: Vec<String>,
        tags: Tags,
    },
    /// Reads the tags again after [`Step::CreateTags`]: who lost a race takes its mark off and fails.
    ConfirmTags {
        ids: Vec<String>,
        claim: Claim,
    },
    /// The marks as of those who are about to go. What is gone itself is done.
    MarkLeaving {
        ids: Vec<String>,
        tags: Tags,
    },
    /// Reads the tags again and deletes [`leavings`](super::leavings) of what is there by then: others who go at the
    /// same time are not known before.
    LeaveTags {
        ids: Vec<String>,
        marks: BTreeSet<Mark>,
    },
    EditAwsAuth {
        change: config_map::Change,
        verb: Verb,
    },
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
    /// With `only_created_at`, in seconds of Unix time, only the entry that was created then: another delivery of the event may
    /// have deleted that one, and created another under the same name.
    DeleteAccessEntry {
        cluster_name: String,
        principal_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        only_created_at: Option<i64>,
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
    CreatePodIdentityAssociation {
        cluster_name: String,
        namespace: String,
        service_account: String,
        role_arn: String,
        tags: Tags,
    },
    /// With its session tags enabled.
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

impl Plan {
    /// Adds a step that is done after those it needs, and gives its place.
    pub fn add(&mut self, step: Step, needs: impl IntoIterator<Item = StepId>) -> StepId {
        self.steps.push((step, needs.into_iter().collect()));
        StepId(self.steps.len() - 1)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The steps with their places and needs; a step's needs come before it.
    pub fn steps(&self) -> impl Iterator<Item = (StepId, &Step, &[StepId])> {
        self.steps.iter().enumerate().map(|(index, (step, needs))| (StepId(index), step, needs.as_slice()))
    }

    /// The Kubernetes verbs that the plan needs.
    pub fn kubernetes_verbs(&self) -> BTreeSet<Verb> {
        let verb = |step: &Step| match step {
            Step::EditAwsAuth { verb, .. } => Some(*verb),
            _ => None,
        };
        self.steps.iter().filter_map(|(step, _)| verb(step)).collect()
    }

    /// Whether the plan deletes the role of that name.
    pub fn deletes_role(&self, name: &str) -> bool {
        self.steps.iter().any(|(step, _)| matches!(step, Step::DeleteRole { name: deleted } if deleted == name))
    }
}

/// The log line: verb, object.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateRole { name, .. } => write!(f, "create role `{name}`"),
            Self::TagRole { name, tags } => write!(f, "tag role `{name}` with {}", shown(tags.keys())),
            Self::UntagRole { name, keys } => write!(f, "untag role `{name}` of {}", shown(keys)),
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
                write!(f, "tag instance profile `{name}` with {}", shown(tags.keys()))
            }
            Self::UntagInstanceProfile { name, keys } => {
                write!(f, "untag instance profile `{name}` of {}", shown(keys))
            }
            Self::AddRoleToInstanceProfile { name, role } => {
                write!(f, "add role `{role}` to instance profile `{name}`")
            }
            Self::RemoveRoleFromInstanceProfile { name, role } => {
                write!(f, "remove role `{role}` from instance profile `{name}`")
            }
            Self::DeleteInstanceProfile { name } => write!(f, "delete instance profile `{name}`"),
            Self::CreateTags { ids, tags } => write!(f, "tag {} with {}", shown(ids), shown(tags.keys())),
            Self::DeleteTags { ids, tags } => write!(f, "remove the tags {} from {}", shown(tags.keys()), shown(ids)),
            Self::ConfirmTags { ids, claim } => write!(f, "confirm the tag `{}` of {}", claim.tag.key, shown(ids)),
            Self::MarkLeaving { ids, .. } => write!(f, "note on {} that it is about to be left", shown(ids)),
            Self::LeaveTags { ids, .. } => write!(f, "remove the tags that nobody needs any more from {}", shown(ids)),
            Self::EditAwsAuth { change: config_map::Change::Admit { entry, .. }, .. } => {
                write!(f, "add role {} to mapRoles of kube-system/aws-auth", entry.rolearn())
            }
            Self::EditAwsAuth { change: config_map::Change::Expel { .. }, .. } => {
                f.write_str("remove the node role from mapRoles of kube-system/aws-auth")
            }
            Self::CreateAccessEntry { principal_arn, .. } => {
                write!(f, "create the EC2_LINUX access entry of {principal_arn}")
            }
            Self::TagEksResource { arn, tags } | Self::TagOpenIdConnectProvider { arn, tags } => {
                write!(f, "tag {arn} with {}", shown(tags.keys()))
            }
            Self::UntagEksResource { arn, keys } | Self::UntagOpenIdConnectProvider { arn, keys } => {
                write!(f, "untag {arn} of {}", shown(keys))
            }
            Self::DeleteAccessEntry { principal_arn, .. } => write!(f, "delete the access entry of {principal_arn}"),
            Self::CreateOpenIdConnectProvider { url, .. } => write!(f, "create the OIDC provider of {url}"),
            Self::DeleteOpenIdConnectProvider { arn } => write!(f, "delete {arn}"),
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

/// Up to five names, then how many more.
fn shown<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    const MOST: usize = 5;
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MOST) {
        Some(more) if 0 < more => format!("{} and {more} more", names[..MOST].join(", ")),
        _ => names.join(", "),
    }
}
