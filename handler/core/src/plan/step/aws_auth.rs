//! The step on the ConfigMap `kube-system/aws-auth`.

use super::Effect;
use crate::documents::config_map::Change;
use serde::Serialize;
use std::fmt;

/// The service of these steps in a [`Write`](super::Write).
pub(super) const SERVICE: &str = "kubernetes";

/// A verb of the Kubernetes API for the ConfigMap `kube-system/aws-auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// An HTTP POST.
    Create,
    /// An HTTP PUT.
    Update,
    /// An HTTP DELETE.
    Delete,
}

/// An edit of the ConfigMap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "camelCase", rename = "EditAwsAuth")]
pub struct EditAwsAuth {
    /// What changes.
    pub change: Change,
    /// The verb of the write.
    pub verb: Verb,
}

impl Verb {
    /// Returns the spelling of the verb in RBAC.
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
            Change::ReleaseFields => Effect::Change,
        }
    }

    /// Returns the verb and the ConfigMap.
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
            Change::ReleaseFields => f.write_str("remove the function from managedFields of kube-system/aws-auth"),
        }
    }
}
