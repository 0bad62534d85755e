//! The subjects of the benchmark, and the operations that each of them runs.

use local_cloud::scenario::CLUSTER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What runs an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Subject {
    /// This function, with aws-auth: the same task as the alternatives.
    Ours,
    /// The same function of another commit, with aws-auth.
    Baseline,
    /// This function, with an access entry, on a cluster that has them.
    OursAccessEntry,
    /// The smallest function on the same runtime. It has no operations, only a start.
    Hello,
    /// The function in Python.
    Python,
    /// The runbook.
    Runbook,
}

/// How nodes join the cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JoinMethod {
    /// With an entry in aws-auth.
    AwsAuth,
    /// With an access entry.
    AccessEntry,
}

/// One operation of the lifecycle.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Operation {
    /// All objects are created.
    Create,
    /// All objects exist already.
    NoChange,
    /// A policy is added, and another namespace is trusted.
    Change,
    /// All objects are deleted.
    Delete,
}

/// The name of the cluster with access entries.
pub(crate) const ACCESS_ENTRY_CLUSTER: &str = "access-entry";

/// The namespace that [`Operation::Change`] trusts instead of the previous one.
pub(crate) const OTHER_NAMESPACE: &str = "kube-system";

/// The policy that [`Operation::Change`] adds.
pub(crate) const MORE_POLICY: &str = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy";

impl Subject {
    /// All subjects with operations, in the order of a table.
    pub(crate) const WITH_OPERATIONS: [Self; 5] =
        [Self::Ours, Self::Baseline, Self::OursAccessEntry, Self::Python, Self::Runbook];

    /// The programs that Lambda starts, in the order of a table.
    pub(crate) const STARTED: [Self; 4] = [Self::Ours, Self::Baseline, Self::Hello, Self::Python];

    /// Returns the name in a table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Baseline => "baseline",
            Self::OursAccessEntry => "ours, access entry",
            Self::Hello => "hello-world",
            Self::Python => "Python function",
            Self::Runbook => "runbook, AWS CLI",
        }
    }

    /// Returns how nodes join.
    pub(crate) const fn join_method(self) -> JoinMethod {
        match self {
            Self::OursAccessEntry => JoinMethod::AccessEntry,
            Self::Ours | Self::Baseline | Self::Hello | Self::Python | Self::Runbook => JoinMethod::AwsAuth,
        }
    }

    /// Returns the cluster that it prepares.
    pub(crate) const fn cluster(self) -> &'static str {
        match self.join_method() {
            JoinMethod::AccessEntry => ACCESS_ENTRY_CLUSTER,
            JoinMethod::AwsAuth => CLUSTER,
        }
    }
}

impl JoinMethod {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::AwsAuth, Self::AccessEntry];
}

impl Operation {
    /// All operations, in the order of a resource's lifecycle.
    pub(crate) const ALL: [Self; 4] = [Self::Create, Self::NoChange, Self::Change, Self::Delete];

    /// Returns the name in a table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::NoChange => "no-op Update",
            Self::Change => "changing Update",
            Self::Delete => "Delete",
        }
    }

    /// Returns the status of stack and resource that CloudFormation reports during the operation.
    pub(crate) const fn status(self) -> &'static str {
        match self {
            Self::Create => "CREATE_IN_PROGRESS",
            Self::NoChange | Self::Change => "UPDATE_IN_PROGRESS",
            Self::Delete => "DELETE_IN_PROGRESS",
        }
    }

    /// Returns the properties of the operation's event.
    pub(crate) fn properties(self, cluster: &str) -> Value {
        match self {
            Self::Create | Self::NoChange => json!({"ClusterName": cluster}),
            Self::Change | Self::Delete => {
                json!({"ClusterName": cluster, "Namespace": OTHER_NAMESPACE, "NodePolicyArns": [MORE_POLICY]})
            }
        }
    }
}
