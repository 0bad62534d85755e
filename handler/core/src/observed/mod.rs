//! What was read, as data: the world as far as a plan depends on it.

use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::Tags;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The cluster; `None` when EKS knows none of that name.
    pub cluster: Option<Cluster>,
    /// IAM's OIDC provider for the cluster's issuer; for a release of a cluster that has gone, the one that the controller
    /// role trusts.
    pub oidc_provider: Option<OidcProvider>,
    /// The names of the roles whose trust names that provider; read where it may go.
    pub roles_that_trust_issuer: BTreeSet<String>,
    /// The role of the node role's name.
    pub node_role: Option<Role>,
    /// The instance profiles that hold the node role; read for a release alone.
    pub profiles_of_node_role: Vec<InstanceProfile>,
    /// The instances that run with one of them, or with the profile of the wanted name; read for a release alone.
    pub running: Vec<Running>,
    /// The names of the launch templates that Karpenter made for the cluster; read for a release alone.
    pub launch_templates: Vec<String>,
    /// The role of the controller role's name.
    pub controller_role: Option<Role>,
    /// The instance profile of the wanted name.
    pub instance_profile: Option<InstanceProfile>,
    /// Subnets and security groups.
    pub discovery: Discovery,
    /// The ConfigMap.
    pub aws_auth: AwsAuth,
    /// The access entry for the node role, if the cluster has access entries and one for it.
    pub access_entry: Option<AccessEntry>,
    /// The Pod Identity associations of the service accounts that are wanted, were before, or are trusted by the controller
    /// role, which trusts whatever an Update that was cut off may have left an association of.
    pub associations: BTreeMap<ServiceAccount, PodIdentityAssociation>,
    /// Whether the cluster has the add-on that Pod Identity needs.
    pub has_pod_identity_agent: bool,
    /// Whether IAM lets the function pass the node role to EC2.
    pub pass_role: PassRoleDecision,
    /// Of [`unproven_node_roles`](crate::plan::unproven_node_roles), those that IAM lets the function pass.
    pub proven_node_roles: BTreeSet<String>,
    /// The managed policies that the properties name, no role carries yet, and IAM does not know.
    pub unknown_policies: BTreeSet<String>,
}

impl Observed {
    /// Of all this the OIDC provider, who trusts it, and the cluster.
    #[must_use]
    pub fn oidc_provider_alone(self) -> Self {
        let Self { cluster, oidc_provider, roles_that_trust_issuer, .. } = self;
        Self { cluster, oidc_provider, roles_that_trust_issuer, ..Self::default() }
    }
}

/// What IAM decides of iam:PassRole on the node role, for the function's own role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PassRoleDecision {
    /// IAM was not asked: [`needs_simulation`](crate::plan::needs_simulation) is false.
    #[default]
    NotAsked,
    /// Who reads the world does not know the function's role: a preview of a plan.
    Unknown,
    /// IAM's policy simulation allows it.
    Allowed,
    /// The function may not pass it, as far as anybody knows.
    Denied(PassRoleDenial),
}

/// Why IAM does not let the function pass the node role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassRoleDenial {
    /// No statement of the function's role, or of its permissions boundary, allows it: `implicitDeny`.
    Implicit,
    /// A statement denies it: `explicitDeny`.
    Explicit,
    /// The function does not know its own role, so that IAM could not be asked.
    UnknownRole,
}

/// An EKS cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `ACTIVE`, `UPDATING`, `DELETING`, …
    pub status: String,
    /// The URL of its API server; empty while it has none.
    pub endpoint: String,
    /// The certificate authority of its API server, PEM; empty while it has none.
    pub certificate_authority: String,
    /// The OIDC issuer, with its scheme; `None` while it has none.
    pub issuer: Option<String>,
    /// How it authenticates IAM principals.
    pub authentication_mode: AuthenticationMode,
    /// The cluster security group.
    pub security_group_id: Option<String>,
}

/// A cluster's `accessConfig.authenticationMode`. Clusters whose answer has none are of before access entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthenticationMode {
    /// aws-auth alone.
    #[default]
    ConfigMap,
    /// Both; an access entry overrides the map.
    ApiAndConfigMap,
    /// Access entries alone.
    Api,
}

impl AuthenticationMode {
    /// Whether aws-auth counts.
    pub fn has_aws_auth(self) -> bool {
        self != Self::Api
    }

    /// Whether access entries count.
    pub fn has_access_entries(self) -> bool {
        self != Self::ConfigMap
    }
}

/// An EKS access entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// Its ARN, by which it is tagged.
    pub arn: String,
    /// `EC2_LINUX`, `STANDARD`, …
    pub kind: String,
    /// The tags.
    pub tags: Tags,
    /// When it was created, in whole seconds.
    pub created_at: Timestamp,
}

/// An EKS Pod Identity association: there is one for a service account, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodIdentityAssociation {
    /// Its id.
    pub id: String,
    /// Its ARN, by which it is tagged.
    pub arn: String,
    /// The role that the service account's pods come by.
    pub role_arn: String,
    /// Whether EKS sends the pod's session tags, which the controller role's trust asks for.
    pub has_session_tags: bool,
    /// The tags.
    pub tags: Tags,
}

/// An instance that is pending or running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its id.
    pub id: String,
    /// The name of its instance profile.
    pub instance_profile: String,
}

/// An IAM OIDC provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProvider {
    /// Its ARN.
    pub arn: String,
    /// Its audiences.
    pub client_ids: Vec<String>,
    /// The tags.
    pub tags: Tags,
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// The name as IAM spells it (names are equal in any letter case).
    pub name: String,
    /// The path.
    pub path: String,
    /// The trust document; `Null` when it is no JSON.
    pub trust: Value,
    /// The tags.
    pub tags: Tags,
    /// The ARNs of the attached managed policies.
    pub attached: BTreeSet<String>,
    /// The inline policies by name, with the document where it was read.
    pub inline: BTreeMap<String, Option<Value>>,
    /// When it was created, in whole seconds.
    pub created_at: Timestamp,
    /// The ARN of the managed policy that bounds it.
    pub permissions_boundary: Option<String>,
}

impl Role {
    /// The document of the inline policy of that name, where there is one and it was read.
    pub fn inline_document(&self, policy_name: &str) -> Option<&Value> {
        self.inline.get(policy_name)?.as_ref()
    }
}

/// An IAM instance profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceProfile {
    /// The name as IAM spells it.
    pub name: String,
    /// The path.
    pub path: String,
    /// The names of its roles: one, or none.
    pub roles: Vec<String>,
    /// The tags.
    pub tags: Tags,
}

/// Subnets and security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The cluster's node groups, by name.
    pub node_groups: Vec<String>,
    /// The union of the node groups' subnets.
    pub subnet_ids: BTreeSet<String>,
    /// The union of the node groups' security groups.
    pub security_group_ids: BTreeSet<String>,
    /// The tags of every subnet that is wanted or carries one of our markers.
    pub subnets: BTreeMap<String, Tags>,
    /// The tags of every security group that is wanted or carries one of our markers.
    pub security_groups: BTreeMap<String, Tags>,
}

/// What was seen of `kube-system/aws-auth`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AwsAuth {
    /// It was not read: nothing depends on it.
    #[default]
    NotRead,
    /// There is none.
    Missing,
    /// There is one.
    Present(ConfigMap),
}

impl AwsAuth {
    /// The ConfigMap, if there is one.
    pub fn config_map(&self) -> Option<&ConfigMap> {
        match self {
            Self::Present(map) => Some(map),
            Self::NotRead | Self::Missing => None,
        }
    }
}

/// A ConfigMap, as far as the edit depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMap {
    /// `data.mapRoles`.
    pub map_roles: Option<String>,
    /// The annotations.
    pub annotations: Tags,
    /// Whether it holds anything else: other data, labels, finalizers, owners.
    pub has_more: bool,
}
