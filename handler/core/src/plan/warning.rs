//! What the user should know, although the plan can be carried out.

use aws_auth::Remark;
use serde::{Serialize, Serializer};
use std::fmt;

/// What the user should know: in the attribute `Warnings`, in the log, in `plan` and `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the text of each variant says what its fields are")]
pub enum Warning {
    BaselinePolicyAlone,
    NewerKarpenter {
        requested: String,
        known: String,
    },
    OtherNamespace {
        version: String,
        namespace: String,
    },
    NodesOfBaseline {
        first_scoped: String,
        baseline: &'static str,
    },
    NoPodIdentityAgent {
        cluster: String,
    },
    NoSessionTags {
        cluster: String,
        service_account: String,
        role: String,
        id: String,
    },
    ResourceSkipped {
        id: String,
        key: String,
        found: String,
        /// The tag belongs to the generation that the Update replaces.
        is_of_replaced: bool,
    },
    TwoClusterGroups {
        ids: String,
        key: String,
    },
    AttributeEmpty {
        name: &'static str,
        limit: usize,
    },
    AdoptedKept {
        kind: &'static str,
        name: String,
    },
    PolicyDetached {
        arn: String,
        role: String,
    },
    InlinePolicyDeleted {
        name: String,
        role: String,
    },
    LaunchTemplateKept {
        id: String,
    },
    OidcProviderKept {
        arn: String,
        roles: String,
    },
    CleanUpFails {
        reason: String,
    },
    ReplacedUnknown {
        id: String,
    },
    AwsAuth(Remark),
}

impl Warning {
    /// Returns `KP` and four digits, for example `KP0305`. A code is never used for another warning. docs/troubleshooting.md lists
    /// all.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BaselinePolicyAlone => "KP0301",
            Self::NewerKarpenter { .. } => "KP0302",
            Self::OtherNamespace { .. } => "KP0303",
            Self::NodesOfBaseline { .. } => "KP0304",
            Self::NoPodIdentityAgent { .. } => "KP0305",
            Self::NoSessionTags { .. } => "KP0306",
            Self::ResourceSkipped { .. } => "KP0307",
            Self::TwoClusterGroups { .. } => "KP0308",
            Self::AttributeEmpty { .. } => "KP0309",
            Self::AdoptedKept { .. } => "KP0310",
            Self::PolicyDetached { .. } => "KP0311",
            Self::InlinePolicyDeleted { .. } => "KP0312",
            Self::LaunchTemplateKept { .. } => "KP0313",
            Self::OidcProviderKept { .. } => "KP0314",
            Self::CleanUpFails { .. } => "KP0315",
            Self::ReplacedUnknown { .. } => "KP0316",
            Self::AwsAuth(Remark::EquivalentEntry { .. }) => "KP0317",
            Self::AwsAuth(Remark::EntryWithoutEffect { .. }) => "KP0318",
            Self::AwsAuth(Remark::SecondDocument { .. }) => "KP0319",
            Self::AwsAuth(Remark::EntryKept { .. }) => "KP0320",
        }
    }

    /// Returns what was found and what to do. Sentences without the last period.
    pub fn message(&self) -> String {
        match self {
            Self::BaselinePolicyAlone => "KarpenterVersion is not set, so the controller gets the permissions of Karpenter before v0.32. A later Karpenter can launch nodes with them, but may not terminate them (ec2:TerminateInstances requires `karpenter` in the Name tag), and may not call ec2:DescribeInstanceStatus. Set KarpenterVersion to the version that you run".to_owned(),
            Self::NewerKarpenter { requested, known } => format!(
                "this function does not know Karpenter {requested} and gives it the permissions of {known}. Compare them with the guide of that version, or deploy a newer function"
            ),
            Self::OtherNamespace { version, namespace } => format!(
                "the guide of Karpenter {version} installs Karpenter into the namespace kube-system, but the controller role trusts the service account in `{namespace}`. Set Namespace to the namespace of Karpenter"
            ),
            Self::NodesOfBaseline { first_scoped, baseline } => format!(
                "the controller may no longer terminate nodes that a Karpenter before {first_scoped} launched, because their tags differ. While such nodes run, set KarpenterVersion to a list of both versions (`{baseline}` is the older one)"
            ),
            Self::NoPodIdentityAgent { cluster } => format!(
                "cluster `{cluster}` has no add-on eks-pod-identity-agent, so pods get no credentials from Pod Identity. Install it with `aws eks create-addon --cluster-name {cluster} --addon-name eks-pod-identity-agent`, unless you run the agent yourself"
            ),
            Self::NoSessionTags { cluster, service_account, role, id } => format!(
                "the Pod Identity association of `{service_account}` in cluster `{cluster}` has no session tags, and no stack created it. The trust policy of role `{role}` requires them, so Karpenter cannot assume the role. Enable them with `aws eks update-pod-identity-association --cluster-name {cluster} --association-id {id} --no-disable-session-tags`"
            ),
            Self::ResourceSkipped { id, key, found, is_of_replaced } => {
                let hint = if *is_of_replaced {
                    ". The tag belongs to the resource that this Update replaces, and CloudFormation's clean-up deletes it. Change Revision afterwards"
                } else {
                    ""
                };
                format!("{id} keeps its tag `{key}` = `{found}` and is left out, because TagConflict is Skip{hint}")
            }
            Self::TwoClusterGroups { ids, key } => format!(
                "the security groups {ids} all have the tag `{key}`. Karpenter attaches every group it finds to a node, and load balancer controllers accept only one such group. Set SecurityGroupIds"
            ),
            Self::AttributeEmpty { name, limit } => format!(
                "the attribute {name} is empty, because it does not fit into the {limit} bytes of CloudFormation's response"
            ),
            Self::AdoptedKept { kind, name } => format!("{kind} `{name}` is kept, because it was adopted"),
            Self::PolicyDetached { arn, role } => format!(
                "the policy {arn}, which this resource did not attach, is detached from role `{role}`, because the role is deleted"
            ),
            Self::InlinePolicyDeleted { name, role } => format!(
                "the inline policy `{name}`, which this resource did not write, is deleted with role `{role}`"
            ),
            Self::LaunchTemplateKept { id } => {
                format!("launch template `{id}`, which Karpenter created for the cluster, is kept")
            }
            Self::OidcProviderKept { arn, roles } => {
                format!("the OIDC provider {arn} is kept, because other roles trust it: {roles}")
            }
            Self::CleanUpFails { reason } => format!("the clean-up after this Update would fail: {reason}"),
            Self::ReplacedUnknown { id } => format!(
                "this Update replaces the resource, and CloudFormation then deletes {id}. Pass --old-property for each property that differs in the deployed stack, to see what it deletes"
            ),
            Self::AwsAuth(remark) => remark.to_string(),
        }
    }
}

/// `<code>: <message>`
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

/// `{"code": "KP0313", "message": "…"}`
impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Text {
            code: &'static str,
            message: String,
        }
        Text { code: self.code(), message: self.message() }.serialize(serializer)
    }
}
