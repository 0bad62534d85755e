//! The step on the ConfigMap `kube-system/aws-auth`.

use super::Effect;
use crate::documents::config_map::Change;
use serde::Serialize;
use std::fmt;

/// Kubernetes is no service of AWS: its name in a [`Write`](super::Write).
pub(super) const SERVICE: &str = "kubernetes";

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

/// An edit of the ConfigMap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase", rename = "EditAwsAuth")]
pub struct EditAwsAuth {
    /// The entry that is added or removed.
    pub change: Change,
    /// The verb of the write.
    pub verb: Verb,
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

impl EditAwsAuth {
    pub(super) fn effect(&self) -> Effect {
        match self.change {
            Change::AddEntry { .. } => Effect::Add,
            Change::RemoveEntry { .. } => Effect::Remove,
        }
    }

    /// The verb and the ConfigMap.
    pub(super) fn call(&self) -> (&'static str, Vec<String>) {
        (self.verb.name(), vec!["aws-auth".to_owned()])
    }
}

impl fmt::Display for EditAwsAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.change {
            Change::AddEntry { entry, .. } => {
                write!(f, "add role {} to mapRoles of kube-system/aws-auth", entry.rolearn())
            }
            Change::RemoveEntry { .. } => f.write_str("remove the node role from mapRoles of kube-system/aws-auth"),
        }
    }
}
