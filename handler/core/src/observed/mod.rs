//! The snapshot: what was read of the account and the cluster, as far as a plan depends on it. The function crate reads it.

use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::Tags;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A snapshot. An object is found by its name in the properties, so that another stack may have created it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The cluster. `None` if EKS has no cluster of that name.
    pub cluster: Option<Cluster>,
    /// The IAM OIDC provider of the cluster's issuer. For a teardown after the cluster was deleted, the OIDC provider that the
    /// controller role trusts.
    pub oidc_provider: Option<OidcProvider>,
    /// The names of the roles whose trust policy names that provider. Read only if the provider may be deleted.
    pub roles_that_trust_issuer: BTreeSet<String>,
    /// The role with the name of the node role.
    pub node_role: Option<Role>,
    /// The instance profiles that contain the node role. Read only for a teardown.
    pub profiles_of_node_role: Vec<InstanceProfile>,
    /// The instances that run with one of these profiles, or with `instance_profile`. Read only for a teardown.
    pub running: Vec<Running>,
    /// The names of the launch templates that Karpenter created for the cluster. Read only for a teardown.
    pub launch_templates: Vec<String>,
    /// The role with the name of the controller role.
    pub controller_role: Option<Role>,
    /// The instance profile with the name in the properties.
    pub instance_profile: Option<InstanceProfile>,
    /// The subnets and security groups.
    pub discovery: Discovery,
    /// The ConfigMap `kube-system/aws-auth`.
    pub aws_auth: AwsAuth,
    /// The access entry of the node role, if the cluster has one.
    pub access_entry: Option<AccessEntry>,
    /// The Pod Identity associations, by service account: of the new and the previous properties, and of the service accounts
    /// that the controller role trusts. An Update that was interrupted may have left an association of a trusted service account.
    pub associations: BTreeMap<ServiceAccount, PodIdentityAssociation>,
    /// Whether the cluster has the add-on that Pod Identity needs.
    pub has_pod_identity_agent: bool,
    /// Whether IAM allows the function to pass the node role to EC2.
    pub pass_role: PassRoleDecision,
    /// The ARNs in [`unproven_node_roles`](crate::plan::unproven_node_roles) that IAM allows the function to pass.
    pub proven_node_roles: BTreeSet<String>,
    /// The ARNs of managed policies in the properties that do not exist. Only policies that the role does not have yet are looked
    /// up.
    pub unknown_policies: BTreeSet<String>,
}

impl Observed {
    /// Returns a snapshot with only the cluster, the OIDC provider, and the roles that trust it.
    #[must_use]
    pub fn oidc_provider_alone(self) -> Self {
        let Self { cluster, oidc_provider, roles_that_trust_issuer, .. } = self;
        Self { cluster, oidc_provider, roles_that_trust_issuer, ..Self::default() }
    }
}

/// IAM's decision on iam:PassRole for the node role, by the function's own role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PassRoleDecision {
    /// There is no decision, because [`needs_simulation`](crate::plan::needs_simulation) is false.
    #[default]
    NotAsked,
    /// The program that reads the snapshot is not the function and does not know its role. This is so in a preview.
    Unknown,
    /// IAM's policy simulation allows it.
    Allowed,
    /// The function may not pass the role, or cannot find out whether it may.
    Denied(PassRoleDenial),
}

/// The reason why the function may not pass the node role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassRoleDenial {
    /// No statement of the function's role, or of its permissions boundary, allows it: `implicitDeny`.
    Implicit,
    /// A statement denies it: `explicitDeny`.
    Explicit,
    /// The function does not know its own role, so it could not start the simulation.
    UnknownRole,
}

/// An EKS cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `ACTIVE`, `UPDATING`, `DELETING`, …
    pub status: String,
    /// The URL of the API server. Empty if the cluster has none yet.
    pub endpoint: String,
    /// The certificate authority of the API server, in PEM. Empty if the cluster has none yet.
    pub certificate_authority: String,
    /// The OIDC issuer, with its scheme. `None` if the cluster has none yet.
    pub issuer: Option<String>,
    /// The way in which the cluster authenticates IAM principals.
    pub authentication_mode: AuthenticationMode,
    /// The id of the cluster security group.
    pub security_group_id: Option<String>,
}

/// The `accessConfig.authenticationMode` of a cluster. If EKS returns none, the cluster is older than access entries, and the
/// mode is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthenticationMode {
    /// aws-auth only.
    #[default]
    ConfigMap,
    /// Both. An access entry overrides aws-auth.
    ApiAndConfigMap,
    /// Access entries only.
    Api,
}

impl AuthenticationMode {
    /// Returns whether aws-auth has an effect.
    pub fn has_aws_auth(self) -> bool {
        self != Self::Api
    }

    /// Returns whether the cluster can have access entries.
    pub fn has_access_entries(self) -> bool {
        self != Self::ConfigMap
    }
}

/// An EKS access entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// The ARN, which the calls on its tags take.
    pub arn: String,
    /// The type: `EC2_LINUX`, `STANDARD`, …
    pub kind: String,
    /// The tags.
    pub tags: Tags,
    /// The time of its creation, in whole seconds.
    pub created_at: Timestamp,
}

/// An EKS Pod Identity association. A service account has at most one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodIdentityAssociation {
    /// The id.
    pub id: String,
    /// The ARN, which the calls on its tags take.
    pub arn: String,
    /// The ARN of the role whose credentials the pods of the service account get.
    pub role_arn: String,
    /// Whether EKS adds session tags to these credentials. The trust policy of the controller role requires them.
    pub has_session_tags: bool,
    /// The tags.
    pub tags: Tags,
}

/// An instance that is pending or running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The id.
    pub id: String,
    /// The name of its instance profile.
    pub instance_profile: String,
}

/// An IAM OIDC provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProvider {
    /// The ARN.
    pub arn: String,
    /// The audiences.
    pub client_ids: Vec<String>,
    /// The tags.
    pub tags: Tags,
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// The name in IAM's spelling. IAM compares names without regard to letter case.
    pub name: String,
    /// The path.
    pub path: String,
    /// The trust policy. `Null` if it is not JSON.
    pub trust: Value,
    /// The tags.
    pub tags: Tags,
    /// The ARNs of the attached managed policies.
    pub attached: BTreeSet<String>,
    /// The inline policies by name. The document is `None` if it was not read: of a node role, and in a teardown.
    pub inline: BTreeMap<String, Option<Value>>,
    /// The time of its creation, in whole seconds.
    pub created_at: Timestamp,
    /// The ARN of the managed policy that is its permissions boundary.
    pub permissions_boundary: Option<String>,
}

impl Role {
    /// Returns the document of an inline policy. Returns `None` if the role has no policy of that name, or if it was not read.
    pub fn inline_document(&self, policy_name: &str) -> Option<&Value> {
        self.inline.get(policy_name)?.as_ref()
    }
}

/// An IAM instance profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceProfile {
    /// The name in IAM's spelling.
    pub name: String,
    /// The path.
    pub path: String,
    /// The names of its roles. IAM allows at most one.
    pub roles: Vec<String>,
    /// The tags.
    pub tags: Tags,
}

/// The subnets and security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The names of the cluster's node groups.
    pub node_groups: Vec<String>,
    /// The ids of the subnets of all these node groups.
    pub subnet_ids: BTreeSet<String>,
    /// The ids of the security groups of all these node groups.
    pub security_group_ids: BTreeSet<String>,
    /// The tags of each subnet to tag, and of each subnet that has a marker of a generation in question.
    pub subnets: BTreeMap<String, Tags>,
    /// The tags of each security group to tag, and of each security group that has a marker of a generation in question.
    pub security_groups: BTreeMap<String, Tags>,
}

/// The ConfigMap `kube-system/aws-auth`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AwsAuth {
    /// It was not read, because nothing depends on it.
    #[default]
    NotRead,
    /// It does not exist.
    Missing,
    /// It exists. It is shared, because `mapRoles` can have a megabyte.
    Present(Arc<ConfigMap>),
}

impl AwsAuth {
    /// Returns the ConfigMap. Returns `None` if it does not exist or was not read.
    pub fn config_map(&self) -> Option<&ConfigMap> {
        match self {
            Self::Present(map) => Some(map),
            Self::NotRead | Self::Missing => None,
        }
    }
}

/// The parts of a ConfigMap on which an edit depends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMap {
    /// `data.mapRoles`.
    pub map_roles: Option<String>,
    /// The annotations.
    pub annotations: Tags,
    /// Whether it has anything else, such as other data, labels, finalizers or owners. Then it is never deleted.
    pub has_more: bool,
    /// Whether `metadata.managedFields` records the function as a writer of `mapRoles` or of annotations.
    pub is_field_manager: bool,
}
