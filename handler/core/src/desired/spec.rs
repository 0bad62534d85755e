//! Properties → [`Spec`]: what is wanted, with every default filled in.

use crate::desired::discovery_tag::DiscoveryTag;
use crate::desired::properties::{Properties, PropertyError};
use crate::identity::aws_names::{self, Scope, default_name};
use crate::identity::karpenter_version::KarpenterVersions;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::{Identity, Tags};
use crate::request::event::RawProperties;
use std::collections::BTreeSet;

/// The managed policies that every node role made here carries, beside those of its Karpenter karpenter_versions for pulling images
/// (<https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html>; the last lets Session Manager in).
pub const NODE_POLICIES: [&str; 3] =
    ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonSSMManagedInstanceCore"];

/// What the names of [`Spec::controller_policy_name`] begin with.
pub const CONTROLLER_POLICY_PREFIX: &str = "KarpenterControllerPolicy-";

/// What the resource wants to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Partition, region and account.
    pub scope: Scope,
    /// The EKS cluster.
    pub cluster_name: String,
    /// The karpenter_versions of Karpenter that the permissions are for.
    pub karpenter_versions: KarpenterVersions,
    /// The namespace of Karpenter's service account.
    pub namespace: String,
    /// The name of Karpenter's service account.
    pub service_account: String,
    /// How the controller comes by its role; never empty.
    pub identities: BTreeSet<ControllerIdentity>,
    /// Whether the OIDC provider is made where there is none.
    pub creates_oidc_provider: bool,
    /// How nodes join.
    pub node_access: NodeAccess,
    /// The node role.
    pub node_role: NodeRole,
    /// The controller role's name.
    pub controller_role_name: String,
    /// Managed policies of the controller role, beyond its own.
    pub controller_policy_arns: Vec<String>,
    /// The instance profile's name.
    pub instance_profile_name: String,
    /// The path of roles and profile: begins and ends with `/`.
    pub path: String,
    /// The managed policy that bounds both roles.
    pub permissions_boundary: Option<String>,
    /// Tags for every IAM object made.
    pub tags: Tags,
    /// The discovery tag.
    pub discovery_tag: DiscoveryTag,
    /// The subnets to tag; `None`: the node groups'.
    pub subnet_ids: Option<Vec<String>>,
    /// The security groups to tag; `None`: the node groups'.
    pub security_group_ids: Option<Vec<String>>,
    /// What to do with a tag of another cluster.
    pub tag_conflict: TagConflict,
    /// Whether objects of the wanted names are used though they are not this stack's.
    pub adopts_existing_objects: bool,
    /// Whether a Delete goes on while nodes run.
    pub ignores_running_nodes: bool,
    /// The queue with the notices of interruptions: one of the scope's account and region.
    pub interruption_queue_arn: Option<String>,
    /// The role to assume for the Kubernetes API.
    pub kubernetes_role_arn: Option<String>,
}

/// One word of the property `ControllerIdentity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControllerIdentity {
    /// By the cluster's OIDC issuer.
    Irsa,
    /// By a Pod Identity association.
    PodIdentity,
}

/// The property `NodeAccess`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeAccess {
    /// What the cluster's authenticationMode offers.
    Auto,
    /// An entry in aws-auth.
    AwsAuth,
    /// An EKS access entry.
    AccessEntry,
    /// Nothing.
    None,
}

/// The role of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// To be made.
    Managed {
        /// Its name.
        name: String,
        /// Its managed policies, all of them.
        policy_arns: Vec<String>,
    },
    /// Given: never changed, never deleted.
    Existing {
        /// Its ARN, with its path.
        arn: String,
    },
}

/// The property `TagConflict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagConflict {
    /// Fail before any change.
    Fail,
    /// Leave it as it is, with a warning.
    Skip,
}

impl Spec {
    /// What these properties want.
    ///
    /// # Errors
    /// All that is wrong with them, so that one round mends all.
    pub fn new(raw: &RawProperties, scope: &Scope) -> Result<Self, Vec<PropertyError>> {
        let (properties, mut errors) = Properties::parse(raw);
        let elsewhere = properties.text("InterruptionQueueArn").filter(|arn| !scope.has_queue(arn));
        errors.extend(
            elsewhere
                .map(|found| PropertyError::QueueElsewhere { wanted: scope.queue_arn(""), found: found.to_owned() }),
        );
        match Self::from_good(&properties, scope) {
            Some(spec) if errors.is_empty() => Ok(spec),
            _ => Err(errors),
        }
    }

    /// What these properties want as far as they are good, with defaults for the rest: for a Delete, whose
    /// properties may be the very ones that made the Create fail. `None` without a good `ClusterName`:
    /// nothing was ever made then.
    pub fn parse_lossy(raw: &RawProperties, scope: &Scope) -> Option<Self> {
        Self::from_good(&Properties::parse(raw).0, scope)
    }

    /// What cannot change in place.
    pub fn identity(&self) -> Identity {
        Identity {
            cluster_name: self.cluster_name.clone(),
            node_role_arn: self.node_role_arn(),
            controller_role_name: self.controller_role_name.clone(),
            instance_profile_name: self.instance_profile_name.clone(),
            path: self.path.clone(),
        }
    }

    /// The node role's ARN, with its path.
    pub fn node_role_arn(&self) -> String {
        match &self.node_role {
            NodeRole::Managed { name, .. } => self.scope.role_arn(&self.path, name),
            NodeRole::Existing { arn } => arn.clone(),
        }
    }

    /// The node role's bare name.
    pub fn node_role_name(&self) -> &str {
        match &self.node_role {
            NodeRole::Managed { name, .. } => name,
            NodeRole::Existing { arn } => aws_names::role_name_of_arn(arn),
        }
    }

    /// The service account that the controller runs as.
    pub fn controller_account(&self) -> ServiceAccount {
        ServiceAccount { namespace: self.namespace.clone(), name: self.service_account.clone() }
    }

    /// Whether the controller comes by its role in this way, among others.
    pub fn has_identity(&self, identity: ControllerIdentity) -> bool {
        self.identities.contains(&identity)
    }

    /// The managed policies that the properties ask the node role to carry, beyond those of every node role.
    pub fn further_node_policy_arns(&self) -> Vec<String> {
        let own = own_node_policies(&self.scope, &self.karpenter_versions);
        match &self.node_role {
            NodeRole::Managed { policy_arns, .. } => {
                policy_arns.iter().filter(|arn| !own.contains(arn)).cloned().collect()
            }
            NodeRole::Existing { .. } => Vec::new(),
        }
    }

    /// The controller role's ARN.
    pub fn controller_role_arn(&self) -> String {
        self.scope.role_arn(&self.path, &self.controller_role_name)
    }

    /// The instance profile's ARN.
    pub fn instance_profile_arn(&self) -> String {
        self.scope.instance_profile_arn(&self.path, &self.instance_profile_name)
    }

    /// The controller role's own inline policy: named by cluster, so that a second cluster on the role is seen.
    pub fn controller_policy_name(&self) -> String {
        format!("{CONTROLLER_POLICY_PREFIX}{}", self.cluster_name)
    }

    fn from_good(given: &Properties, scope: &Scope) -> Option<Self> {
        let text = |name| given.text(name).map(str::to_owned);
        let list = |name| given.list(name).map(<[String]>::to_vec);
        let cluster_name = text("ClusterName")?;
        let named = |property, prefix, max| text(property).unwrap_or_else(|| default_name(prefix, &cluster_name, max));
        let karpenter_versions = KarpenterVersions::new(given.list("KarpenterVersion").unwrap_or_default());
        let node_role = match text("NodeRoleArn") {
            Some(arn) => NodeRole::Existing { arn },
            None => NodeRole::Managed {
                name: named("NodeRoleName", "KarpenterNodeRole-", aws_names::ROLE_NAME_MAX),
                policy_arns: node_policies(
                    scope,
                    &karpenter_versions,
                    given.list("NodePolicyArns").unwrap_or_default(),
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
            identities: identities(given.list("ControllerIdentity").unwrap_or_default()),
            creates_oidc_provider: given.text("OidcProvider") == Some("Create"),
            node_access: match given.text("NodeAccess") {
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
            tags: given.tags("Tags"),
            discovery_tag: DiscoveryTag {
                key: text("DiscoveryTagKey").unwrap_or_else(|| "karpenter.sh/discovery".to_owned()),
                value: text("DiscoveryTagValue").unwrap_or_else(|| cluster_name.clone()),
            },
            subnet_ids: list("SubnetIds"),
            security_group_ids: list("SecurityGroupIds"),
            tag_conflict: if given.text("TagConflict") == Some("Skip") { TagConflict::Skip } else { TagConflict::Fail },
            adopts_existing_objects: given.text("ExistingObjects") == Some("Adopt"),
            ignores_running_nodes: given.text("RunningNodes") == Some("Ignore"),
            interruption_queue_arn: text("InterruptionQueueArn").filter(|arn| scope.has_queue(arn)),
            kubernetes_role_arn: text("KubernetesRoleArn"),
            karpenter_versions,
            cluster_name,
        })
    }
}

fn identities(words: &[String]) -> BTreeSet<ControllerIdentity> {
    let identity = |word: &String| match word.as_str() {
        "PodIdentity" => ControllerIdentity::PodIdentity,
        _ => ControllerIdentity::Irsa,
    };
    let all: BTreeSet<_> = words.iter().map(identity).collect();
    if all.is_empty() { [ControllerIdentity::Irsa].into() } else { all }
}

/// What every node role carries.
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
