//! What is swept: one operation of a stack each, with what stands before it.

use serde_json::{Value, json};

use crate::{cluster::Cluster, scenario::CLUSTER};

/// An operation of a stack with one resource.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Operation {
    /// The resource is created.
    Create,
    /// An Update that touches every kind of object and keeps the id. The Kubernetes API is reached by a role of its
    /// own in it.
    UpdateInPlace,
    /// An Update that comes to another id, with objects of its own.
    Replace,
    /// An Update that comes to another id, and shares the controller role with the one before.
    ReplaceNodes,
    /// An Update with nothing to do.
    NoOp,
    /// An Update by which nodes are no longer let in by aws-auth.
    AwsAuthToNone,
    /// The resource is deleted.
    Delete,
    /// The Delete of what a replacement has left, which shares the controller role with what stays.
    CleanUp,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::UpdateInPlace,
        Self::Replace,
        Self::ReplaceNodes,
        Self::NoOp,
        Self::AwsAuthToNone,
        Self::Delete,
        Self::CleanUp,
    ];

    /// Its name in the id of a case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::UpdateInPlace => "update-in-place",
            Self::Replace => "replace",
            Self::ReplaceNodes => "replace-nodes",
            Self::NoOp => "no-op",
            Self::AwsAuthToNone => "aws-auth-to-none",
            Self::Delete => "delete",
            Self::CleanUp => "clean-up",
        }
    }

    /// The properties that stand before it; `None`: nothing does.
    pub fn before(self) -> Option<Value> {
        let further = match self {
            Self::Create => return None,
            Self::NoOp => json!({"Revision": 1}),
            Self::AwsAuthToNone => json!({"NodeAccess": "AwsAuth"}),
            _ => json!({}),
        };
        Some(properties(&further))
    }

    /// The properties that it asks for; `None`: it is a deletion.
    pub fn wanted(self, cluster: &Cluster) -> Option<Value> {
        let further = match self {
            Self::Create => json!({}),
            Self::UpdateInPlace => json!({
                "Tags": {"team": "platform"},
                "NodePolicyArns": ["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"],
                "ControllerPolicyArns": ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"],
                "Namespace": "kube-system",
                "DiscoveryTagKey": "team/discovery",
                "KubernetesRoleArn": cluster.creator_role_arn,
            }),
            Self::Replace => json!({
                "NodeRoleName": "swept-nodes",
                "ControllerRoleName": "swept-controller",
                "InstanceProfileName": "swept-profile",
                "DiscoveryTagKey": "team/discovery",
            }),
            Self::ReplaceNodes | Self::CleanUp => json!({"NodeRoleName": "swept-nodes", "Namespace": "kube-system"}),
            Self::NoOp => json!({"Revision": 2}),
            Self::AwsAuthToNone => json!({"NodeAccess": "None"}),
            Self::Delete => return None,
        };
        Some(properties(&further))
    }
}

fn properties(further: &Value) -> Value {
    let mut properties = json!({"ClusterName": CLUSTER});
    for (name, value) in further.as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    properties
}
