//! The operations of a sweep, with the state before each.

use local_cloud::{Cluster, scenario::CLUSTER};
use serde_json::{Value, json};

/// An operation of a stack with one resource.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Operation {
    /// The resource is created.
    Create,
    /// An Update that changes every kind of object and keeps the physical id. It uses a role of its own for the Kubernetes
    /// API.
    UpdateInPlace,
    /// An Update with another physical id and all new objects.
    Replace,
    /// An Update with another physical id that shares the controller role with the previous generation.
    ReplaceNodes,
    /// An Update without changes.
    NoOp,
    /// An Update that removes node access by aws-auth.
    AwsAuthToNone,
    /// The resource is created with modern settings: an access entry, Pod Identity, the permissions of a Karpenter version.
    CreateModern,
    /// An Update from the original settings to modern ones.
    Modernize,
    /// A resource with modern settings is deleted.
    DeleteModern,
    /// The resource is deleted.
    Delete,
    /// The Delete after a replacement. The previous generation shares the controller role with the new one.
    CleanUp,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 11] = [
        Self::Create,
        Self::UpdateInPlace,
        Self::Replace,
        Self::ReplaceNodes,
        Self::NoOp,
        Self::AwsAuthToNone,
        Self::CreateModern,
        Self::Modernize,
        Self::DeleteModern,
        Self::Delete,
        Self::CleanUp,
    ];

    /// Returns its name in the id of a case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::UpdateInPlace => "update-in-place",
            Self::Replace => "replace",
            Self::ReplaceNodes => "replace-nodes",
            Self::NoOp => "no-op",
            Self::AwsAuthToNone => "aws-auth-to-none",
            Self::CreateModern => "create-modern",
            Self::Modernize => "modernize",
            Self::DeleteModern => "delete-modern",
            Self::Delete => "delete",
            Self::CleanUp => "clean-up",
        }
    }

    /// Returns the properties before the operation; `None` when the resource does not exist.
    pub fn before(self) -> Option<Value> {
        let additional = match self {
            Self::Create | Self::CreateModern => return None,
            Self::NoOp => json!({"Revision": 1}),
            Self::DeleteModern => modern(),
            _ => json!({}),
        };
        Some(properties(&additional))
    }

    /// Returns the properties that the operation requests; `None` for a deletion.
    pub fn requested(self, cluster: &Cluster) -> Option<Value> {
        let additional = match self {
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
            Self::CreateModern | Self::Modernize => modern(),
            Self::Delete | Self::DeleteModern => return None,
        };
        Some(properties(&additional))
    }
}

fn modern() -> Value {
    json!({
        "NodeAccess": "Auto",
        "ControllerIdentity": "PodIdentity",
        "OidcProvider": "Require",
        "KarpenterVersion": "1.14.1",
        "PermissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess",
    })
}

/// Returns the original settings for a cluster without an OIDC provider, with these additional properties.
fn properties(additional: &Value) -> Value {
    let mut properties = json!({"ClusterName": CLUSTER, "NodeAccess": "AwsAuth", "OidcProvider": "Create"});
    for (name, value) in additional.as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    properties
}
