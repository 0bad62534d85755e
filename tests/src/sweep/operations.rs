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
    /// The resource is created as on a cluster of today: an access entry, Pod Identity, a release's permissions.
    CreateToday,
    /// An Update by which a resource of the runbook's days becomes one of today.
    ToToday,
    /// A resource of today is deleted.
    DeleteToday,
    /// The resource is deleted.
    Delete,
    /// The Delete of what a replacement has left, which shares the controller role with what stays.
    CleanUp,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Create,
        Self::UpdateInPlace,
        Self::Replace,
        Self::ReplaceNodes,
        Self::NoOp,
        Self::AwsAuthToNone,
        Self::CreateToday,
        Self::ToToday,
        Self::DeleteToday,
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
            Self::CreateToday => "create-today",
            Self::ToToday => "to-today",
            Self::DeleteToday => "delete-today",
            Self::Delete => "delete",
            Self::CleanUp => "clean-up",
        }
    }

    /// The properties that stand before it; `None`: nothing does.
    pub fn before(self) -> Option<Value> {
        let further = match self {
            Self::Create | Self::CreateToday => return None,
            Self::NoOp => json!({"Revision": 1}),
            Self::DeleteToday => of_today(),
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
            Self::CreateToday | Self::ToToday => of_today(),
            Self::Delete | Self::DeleteToday => return None,
        };
        Some(properties(&further))
    }
}

fn of_today() -> Value {
    json!({
        "NodeAccess": "Auto",
        "ControllerIdentity": "PodIdentity",
        "OidcProvider": "Require",
        "KarpenterVersion": "1.14.1",
        "PermissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess",
    })
}

/// Those of the runbook's days, on a cluster without an OIDC provider, with these further ones.
fn properties(further: &Value) -> Value {
    let mut properties = json!({"ClusterName": CLUSTER, "NodeAccess": "AwsAuth", "OidcProvider": "Create"});
    for (name, value) in further.as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    properties
}
