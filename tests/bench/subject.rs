//! What is measured: ours, and what people use today; and the operations that each of them performs.

use local_cloud::scenario::CLUSTER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who performs an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Subject {
    /// Our function, by aws-auth: the same job as the peers'.
    Ours,
    /// Our function, by an access entry, on a cluster of today.
    OursToday,
    /// The function in Python.
    Python,
    /// The runbook.
    Runbook,
}

/// How nodes join.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// By an entry in aws-auth.
    AwsAuth,
    /// By an access entry.
    AccessEntry,
}

/// What is done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Operation {
    /// All is made.
    Create,
    /// All is there already.
    NoChange,
    /// A policy is added, and another namespace trusted.
    Change,
    /// All is taken away.
    Delete,
}

/// The cluster of today, which has access entries.
pub(crate) const TODAY: &str = "today";

/// The namespace that [`Operation::Change`] trusts in place of the other.
pub(crate) const OTHER_NAMESPACE: &str = "kube-system";

/// The policy that it adds.
pub(crate) const MORE_POLICY: &str = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy";

impl Subject {
    /// All of them, in the order in which they take turns.
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::OursToday, Self::Python, Self::Runbook];

    /// In a table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursToday => "ours, access entry",
            Self::Python => "Python function",
            Self::Runbook => "runbook, AWS CLI",
        }
    }

    /// How it lets nodes in.
    pub(crate) const fn way(self) -> Way {
        match self {
            Self::OursToday => Way::AccessEntry,
            Self::Ours | Self::Python | Self::Runbook => Way::AwsAuth,
        }
    }

    /// The cluster that it makes ready.
    pub(crate) const fn cluster(self) -> &'static str {
        match self {
            Self::OursToday => TODAY,
            Self::Ours | Self::Python | Self::Runbook => CLUSTER,
        }
    }
}

impl Way {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::AwsAuth, Self::AccessEntry];
}

impl Operation {
    /// In the order of a resource's life.
    pub(crate) const ALL: [Self; 4] = [Self::Create, Self::NoChange, Self::Change, Self::Delete];

    /// In a table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::NoChange => "no-op Update",
            Self::Change => "changing Update",
            Self::Delete => "Delete",
        }
    }

    /// What CloudFormation shows of stack and resource meanwhile.
    pub(crate) const fn status(self) -> &'static str {
        match self {
            Self::Create => "CREATE_IN_PROGRESS",
            Self::NoChange | Self::Change => "UPDATE_IN_PROGRESS",
            Self::Delete => "DELETE_IN_PROGRESS",
        }
    }

    /// The properties from then on.
    pub(crate) fn properties(self, cluster: &str) -> Value {
        match self {
            Self::Create | Self::NoChange => json!({"ClusterName": cluster}),
            Self::Change | Self::Delete => {
                json!({"ClusterName": cluster, "Namespace": OTHER_NAMESPACE, "NodePolicyArns": [MORE_POLICY]})
            }
        }
    }
}
