//! The [`Spec`]: the desired state, read from the properties, with every default filled in.

use crate::desired::discovery_tag::DiscoveryTag;
use crate::desired::properties::{Properties, PropertyError};
use crate::identity::aws_names::{self, Scope, default_name};
use crate::identity::karpenter_version::KarpenterVersions;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::{Identity, Tags};
use crate::request::event::RawProperties;
use std::collections::BTreeSet;

/// The managed policies of every node role that this project creates. The policies for pulling images are not among them, because
/// they depend on the Karpenter version (<https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html>). The last
/// policy gives Session Manager access to the node.
pub const NODE_POLICIES: [&str; 3] =
    ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonSSMManagedInstanceCore"];

/// The prefix of [`Spec::controller_policy_name`].
pub const CONTROLLER_POLICY_PREFIX: &str = "KarpenterControllerPolicy-";

/// The desired state of the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The partition, Region and account.
    pub scope: Scope,
    /// The name of the EKS cluster.
    pub cluster_name: String,
    /// The Karpenter versions that get the permissions they need.
    pub karpenter_versions: KarpenterVersions,
    /// The namespace of Karpenter's service account.
    pub namespace: String,
    /// The name of Karpenter's service account.
    pub service_account: String,
    /// The ways by which the controller gets the credentials of its role. Never empty.
    pub controller_identities: BTreeSet<ControllerIdentity>,
    /// Whether the OIDC provider is created if IAM has none.
    pub creates_oidc_provider: bool,
    /// The way by which nodes join the cluster.
    pub node_access: NodeAccess,
    /// The node role.
    pub node_role: NodeRole,
    /// The name of the controller role.
    pub controller_role_name: String,
    /// The ARNs of additional managed policies of the controller role.
    pub controller_policy_arns: Vec<String>,
    /// The name of the instance profile.
    pub instance_profile_name: String,
    /// The path of roles and instance profile. It begins and ends with `/`.
    pub path: String,
    /// The ARN of the managed policy that is the permissions boundary of both roles, if there is one.
    pub permissions_boundary: Option<String>,
    /// The user's tags for every IAM and EKS object that is created.
    pub tags: Tags,
    /// The discovery tag.
    pub discovery_tag: DiscoveryTag,
    /// The ids of the subnets to tag. `None`: the subnets of the node groups.
    pub subnet_ids: Option<Vec<String>>,
    /// The ids of the security groups to tag. `None`: the security groups of the node groups.
    pub security_group_ids: Option<Vec<String>>,
    /// The reaction to a discovery tag with another value.
    pub tag_conflict: TagConflict,
    /// Whether existing objects with the desired names are adopted, although this stack did not create them.
    pub adopts_existing_objects: bool,
    /// Whether a Delete continues while nodes run.
    pub ignores_running_nodes: bool,
    /// The ARN of the interruption queue, if there is one. It is in the account and Region of the scope.
    pub interruption_queue_arn: Option<String>,
    /// The ARN of the role that the function assumes for the Kubernetes API, if it is not the function's own role.
    pub kubernetes_role_arn: Option<String>,
}

/// A value of the property `ControllerIdentity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControllerIdentity {
    /// The OIDC issuer of the cluster (IAM roles for service accounts).
    Irsa,
    /// An EKS Pod Identity association.
    PodIdentity,
}

/// The property `NodeAccess`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeAccess {
    /// An access entry if the cluster's authenticationMode supports it, and an entry in aws-auth otherwise.
    Auto,
    /// An entry in aws-auth.
    AwsAuth,
    /// An EKS access entry.
    AccessEntry,
    /// Neither.
    None,
}

/// The role of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// A role that the resource creates or adopts.
    Managed {
        /// The name.
        name: String,
        /// The ARNs of all its managed policies.
        policy_arns: Vec<String>,
    },
    /// The role of the property `NodeRoleArn`, which is never changed or deleted.
    Existing {
        /// The ARN, with the path.
        arn: String,
    },
}

/// The property `TagConflict`: the reaction to a discovery tag with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagConflict {
    /// Fail before any change.
    Fail,
    /// Leave the subnet or security group out, with a warning.
    Skip,
}

impl Spec {
    /// Reads the properties.
    ///
    /// # Errors
    /// Returns every error in the properties, so that the user can correct all of them at once.
    pub fn new(raw: &RawProperties, scope: &Scope) -> Result<Self, Vec<PropertyError>> {
        let (properties, mut errors) = Properties::parse(raw);
        let elsewhere = properties.text("InterruptionQueueArn").filter(|arn| !scope.has_queue(arn));
        errors.extend(
            elsewhere
                .map(|found| PropertyError::QueueElsewhere { wanted: scope.queue_arn(""), found: found.to_owned() }),
        );
        match Self::from_valid(&properties, scope) {
            Some(spec) if errors.is_empty() => Ok(spec),
            _ => Err(errors),
        }
    }

    /// Reads the valid properties, and uses the default for each invalid property. A Delete needs this, because its properties
    /// may be those with which the Create failed.
    ///
    /// Returns `None` without a valid `ClusterName`, because no object was created then.
    pub fn parse_lossy(raw: &RawProperties, scope: &Scope) -> Option<Self> {
        Self::from_valid(&Properties::parse(raw).0, scope)
    }

    /// Returns the properties that cannot change in place.
    pub fn identity(&self) -> Identity {
        Identity {
            cluster_name: self.cluster_name.clone(),
            node_role_arn: self.node_role_arn(),
            controller_role_name: self.controller_role_name.clone(),
            instance_profile_name: self.instance_profile_name.clone(),
            path: self.path.clone(),
        }
    }

    /// Returns the ARN of the node role, with its path.
    pub fn node_role_arn(&self) -> String {
        match &self.node_role {
            NodeRole::Managed { name, .. } => self.scope.role_arn(&self.path, name),
            NodeRole::Existing { arn } => arn.clone(),
        }
    }

    /// Returns the name of the node role, without its path.
    pub fn node_role_name(&self) -> &str {
        match &self.node_role {
            NodeRole::Managed { name, .. } => name,
            NodeRole::Existing { arn } => aws_names::role_name_of_arn(arn),
        }
    }

    /// Returns the service account of the controller.
    pub fn controller_account(&self) -> ServiceAccount {
        ServiceAccount { namespace: self.namespace.clone(), name: self.service_account.clone() }
    }

    /// Returns whether the controller gets the credentials of its role in this way. It may get them in both ways.
    pub fn has_controller_identity(&self, identity: ControllerIdentity) -> bool {
        self.controller_identities.contains(&identity)
    }

    /// Returns the ARNs of the managed policies that only the property `NodePolicyArns` adds to the node role.
    pub fn further_node_policy_arns(&self) -> Vec<String> {
        let own = own_node_policies(&self.scope, &self.karpenter_versions);
        match &self.node_role {
            NodeRole::Managed { policy_arns, .. } => {
                policy_arns.iter().filter(|arn| !own.contains(arn)).cloned().collect()
            }
            NodeRole::Existing { .. } => Vec::new(),
        }
    }

    /// Returns the ARN of the controller role.
    pub fn controller_role_arn(&self) -> String {
        self.scope.role_arn(&self.path, &self.controller_role_name)
    }

    /// Returns the ARN of the instance profile.
    pub fn instance_profile_arn(&self) -> String {
        self.scope.instance_profile_arn(&self.path, &self.instance_profile_name)
    }

    /// Returns the name of the controller role's inline policy. It contains the cluster name, so that a role which already serves
    /// another cluster can be recognised.
    pub fn controller_policy_name(&self) -> String {
        format!("{CONTROLLER_POLICY_PREFIX}{}", self.cluster_name)
    }

    fn from_valid(properties: &Properties, scope: &Scope) -> Option<Self> {
        let text = |name| properties.text(name).map(str::to_owned);
        let list = |name| properties.list(name).map(<[String]>::to_vec);
        let cluster_name = text("ClusterName")?;
        let named = |property, prefix, max| text(property).unwrap_or_else(|| default_name(prefix, &cluster_name, max));
        let karpenter_versions = KarpenterVersions::new(properties.list("KarpenterVersion").unwrap_or_default());
        let node_role = match text("NodeRoleArn") {
            Some(arn) => NodeRole::Existing { arn },
            None => NodeRole::Managed {
                name: named("NodeRoleName", "KarpenterNodeRole-", aws_names::ROLE_NAME_MAX),
                policy_arns: node_policies(
                    scope,
                    &karpenter_versions,
                    properties.list("NodePolicyArns").unwrap_or_default(),
                ),
            },
        };
        let instance_profile_name = text("InstanceProfileName").or_else(|| text("NodeRoleName")).unwrap_or_else(|| {
            default_name("KarpenterNodeInstanceProfile-", &cluster_name, aws_names::INSTANCE_PROFILE_NAME_MAX)
        });
        Some(Self {
            scope: scope.clone(),
            namespace: text("Namespace").unwrap_or_else(|| "karpenter".to_owned()),
            service_account: text("ServiceAccount").unwrap_or_else(|| "karpenter".to_owned()),
            controller_identities: controller_identities(properties.list("ControllerIdentity").unwrap_or_default()),
            creates_oidc_provider: properties.text("OidcProvider") == Some("Create"),
            node_access: match properties.text("NodeAccess") {
                Some("AwsAuth") => NodeAccess::AwsAuth,
                Some("AccessEntry") => NodeAccess::AccessEntry,
                Some("None") => NodeAccess::None,
                _ => NodeAccess::Auto,
            },
            node_role,
            controller_role_name: named("ControllerRoleName", "KarpenterControllerRole-", aws_names::ROLE_NAME_MAX),
            controller_policy_arns: list("ControllerPolicyArns").unwrap_or_default(),
            instance_profile_name,
            path: text("RolePath").unwrap_or_else(|| "/".to_owned()),
            permissions_boundary: text("PermissionsBoundary"),
            tags: properties.tags("Tags"),
            discovery_tag: DiscoveryTag {
                key: text("DiscoveryTagKey").unwrap_or_else(|| "karpenter.sh/discovery".to_owned()),
                value: text("DiscoveryTagValue").unwrap_or_else(|| cluster_name.clone()),
            },
            subnet_ids: list("SubnetIds"),
            security_group_ids: list("SecurityGroupIds"),
            tag_conflict: match properties.text("TagConflict") {
                Some("Skip") => TagConflict::Skip,
                _ => TagConflict::Fail,
            },
            adopts_existing_objects: properties.text("ExistingObjects") == Some("Adopt"),
            ignores_running_nodes: properties.text("RunningNodes") == Some("Ignore"),
            interruption_queue_arn: text("InterruptionQueueArn").filter(|arn| scope.has_queue(arn)),
            kubernetes_role_arn: text("KubernetesRoleArn"),
            karpenter_versions,
            cluster_name,
        })
    }
}

fn controller_identities(words: &[String]) -> BTreeSet<ControllerIdentity> {
    let identity = |word: &String| match word.as_str() {
        "PodIdentity" => ControllerIdentity::PodIdentity,
        _ => ControllerIdentity::Irsa,
    };
    let all: BTreeSet<_> = words.iter().map(identity).collect();
    if all.is_empty() { [ControllerIdentity::Irsa].into() } else { all }
}

/// Returns the ARNs of the managed policies of every node role for these Karpenter versions.
fn own_node_policies(scope: &Scope, karpenter_versions: &KarpenterVersions) -> Vec<String> {
    let names = NODE_POLICIES.into_iter().chain(karpenter_versions.node_image_policies());
    names.map(|name| scope.partition.managed_policy_arn(name)).collect()
}

fn node_policies(scope: &Scope, karpenter_versions: &KarpenterVersions, further: &[String]) -> Vec<String> {
    let mut arns = own_node_policies(scope, karpenter_versions);
    for arn in further {
        if !arns.contains(arn) {
            arns.push(arn.clone());
        }
    }
    arns
}
