//! What stands in the way, in the words of the stack event: what is wrong, and what to do.

use std::fmt;

/// All that stands in the way of a plan; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Vec<Refusal>);

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, refusal) in self.0.iter().enumerate() {
            if 0 < index {
                f.write_str("; also: ")?;
            }
            write!(f, "{refusal}")?;
        }
        Ok(())
    }
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what its fields are")]
pub enum Refusal {
    #[error(
        "EKS has no cluster `{cluster}` in {region} of account {account}: check ClusterName, and that the stack is in the cluster's region"
    )]
    NoCluster { cluster: String, region: String, account: String },
    #[error("cluster `{cluster}` is {status}: wait until it is ACTIVE, then retry")]
    ClusterNotReady { cluster: String, status: String },
    #[error("cluster `{cluster}` has no OIDC issuer: wait until it is ACTIVE, then retry")]
    NoIssuer { cluster: String },
    #[error(
        "IAM has no OIDC provider for cluster `{cluster}`'s issuer {issuer}: make one, for instance with `eksctl utils associate-iam-oidc-provider --cluster {cluster} --approve`, or set OidcProvider to Create"
    )]
    NoOidcProvider { cluster: String, issuer: String },
    #[error(
        "the OIDC provider {provider} lacks the audience `sts.amazonaws.com`: add it with `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} --client-id sts.amazonaws.com`"
    )]
    NoAudience { provider: String },
    #[error(
        "role `{name}` exists and is {owner}: set {property} to another name{alternative}, or ExistingObjects to Adopt to have it brought into line and used, or delete the role"
    )]
    RoleTaken { name: String, owner: String, property: &'static str, alternative: &'static str },
    #[error(
        "instance profile `{name}` exists and is {owner}: set InstanceProfileName to another name, or ExistingObjects to Adopt to use it, or delete the profile"
    )]
    InstanceProfileTaken { name: String, owner: String },
    #[error(
        "instance profile `{name}`, which this stack did not make, holds role `{role}`, and a profile holds one role: remove that with `aws iam remove-role-from-instance-profile --instance-profile-name {name} --role-name {role}`, or set InstanceProfileName to another name"
    )]
    ProfileHoldsOther { name: String, role: String },
    #[error(
        "{kind} `{name}` stands under the path `{found}` and is wanted under `{wanted}`: IAM cannot move it, so give it another name with {property}"
    )]
    OtherPath { kind: &'static str, name: String, found: String, wanted: String, property: &'static str },
    #[error(
        "{kind} `{found}` exists, and IAM holds names equal in any letter case, so there cannot be `{wanted}` beside it: spell {property} as it is spelled, or choose another name"
    )]
    OtherSpelling { kind: &'static str, found: String, wanted: String, property: &'static str },
    #[error(
        "`{name}` is to be both the node role and the controller role (IAM holds names equal in any letter case): give one of them another name with NodeRoleName or ControllerRoleName"
    )]
    OneRoleForBoth { name: String },
    #[error(
        "instance profile `{name}` still serves role `{role}` for the resource's earlier generation, and a profile holds one role: give the new one another name with InstanceProfileName"
    )]
    ProfileServesOther { name: String, role: String },
    #[error(
        "controller role `{name}` still serves another cluster (inline policy `{policy}`), and a role trusts one cluster: give the new one another name with ControllerRoleName"
    )]
    ControllerServesOther { name: String, policy: String },
    #[error(
        "the role {arn} of NodeRoleArn does not exist: check the ARN (account, path and letter case too), or leave NodeRoleArn out to have a role made"
    )]
    NoNodeRole { arn: String },
    #[error(
        "the function's role may not pass the node role {arn} to EC2 (iam:SimulatePrincipalPolicy returned implicitDeny): allow it (NodeRoleArns of function.yaml, nodeRoles of the CDK's function, or the role's permissions boundary), or choose another node role"
    )]
    PassRoleNotAllowed { arn: String },
    #[error(
        "the function's role may not pass the node role {arn} to EC2 (iam:SimulatePrincipalPolicy returned explicitDeny): remove the Deny from the policies of the function's role, or choose another node role"
    )]
    PassRoleDenied { arn: String },
    #[error(
        "the function cannot find out whether it may pass the node role {arn} to EC2 (its environment has no EXECUTION_ROLE_ARN): deploy the function's stack again, from its current template"
    )]
    PassRoleUnknown { arn: String },
    #[error(
        "the queue {arn} of InterruptionQueueArn is outside of what the function may grant ({allowed}): choose another queue, or allow this one (InterruptionQueueArns of function.yaml, interruptionQueues of the CDK's function)"
    )]
    QueueOutOfBounds { arn: String, allowed: String },
    #[error(
        "the function's environment variable BOUNDS cannot be read ({why}), so nothing is created or updated: deploy the function's stack again, from the template of this function's version"
    )]
    BoundsUnreadable { why: String },
    #[error(
        "IAM has no managed policy {arn} ({property}): check the ARN, and that the policy is this account's or AWS's own"
    )]
    UnknownPolicy { arn: String, property: &'static str },
    #[error("{kind} `{name}` would carry {count} tags, and AWS allows 50: take some away")]
    TooManyObjectTags { kind: &'static str, name: String, count: usize },
    #[error(
        "role `{name}` would carry {count} managed policies, and IAM's default quota is 10: take some out of {property}, or detach others"
    )]
    TooManyPolicies { name: String, count: usize, property: &'static str },
    #[error("cluster `{cluster}` has no managed node group to learn {what} from: set {property}")]
    NothingToDiscover { cluster: String, what: &'static str, property: &'static str },
    #[error("{what} {ids} of {property} {does_not} exist in {region}: check the ids")]
    NoSuchResource { what: &'static str, ids: String, property: &'static str, does_not: &'static str, region: String },
    #[error(
        "{id} already has the tag `{key}` = `{found}`, which another cluster's Karpenter may rely on, so it is not changed to `{wanted}`: set TagConflict to Skip to leave it out, or choose another DiscoveryTagKey or other {property}"
    )]
    TagConflict { id: String, key: String, found: String, wanted: String, property: &'static str },
    #[error(
        "{id} has {count} tags, and EC2 allows 50: the discovery tag and its mark need {needed} more; take some away, or set {property} without it"
    )]
    TooManyTags { id: String, count: usize, needed: usize, property: &'static str },
    #[error(
        "cluster `{cluster}` uses access entries alone (authenticationMode API), so aws-auth would have no effect: set NodeAccess to AccessEntry, or leave it out"
    )]
    NoAwsAuth { cluster: String },
    #[error(
        "cluster `{cluster}` uses aws-auth alone (authenticationMode CONFIG_MAP), so there are no access entries: set NodeAccess to AwsAuth, or leave it out, or let the cluster have both with `aws eks update-cluster-config --name {cluster} --access-config authenticationMode=API_AND_CONFIG_MAP`"
    )]
    NoAccessEntries { cluster: String },
    #[error(
        "cluster `{cluster}` has an access entry of type {found} for the node role {node_role_arn}, which lets no node join: delete it with `aws eks delete-access-entry --cluster-name {cluster} --principal-arn {node_role_arn}`"
    )]
    OtherAccessEntry { cluster: String, found: String, node_role_arn: String },
    #[error(
        "cluster `{cluster}` has an access entry for the node role {node_role_arn} that this kind of resource did not make, of a former role of that name, so it lets no node join: delete it with `aws eks delete-access-entry --cluster-name {cluster} --principal-arn {node_role_arn}`"
    )]
    DeadAccessEntry { cluster: String, node_role_arn: String },
    #[error(
        "service account `{namespace}/{service_account}` of cluster `{cluster}` already has a Pod Identity association, with role {role_arn}; it is {owner}: delete it with `aws eks delete-pod-identity-association --cluster-name {cluster} --association-id {id}`, or set ServiceAccount to another, or ExistingObjects to Adopt to have it lead to the controller role"
    )]
    AssociationTaken {
        cluster: String,
        namespace: String,
        service_account: String,
        role_arn: String,
        owner: String,
        id: String,
    },
    #[error("aws-auth: {0}")]
    AwsAuth(String),
    #[error(
        "{instances} still run with instance profile {profiles}, and would lose it, its role or their way into the cluster: delete Karpenter's NodePools while its controller runs, so that it ends its nodes, then delete again; or set RunningNodes to Ignore by an Update first"
    )]
    RunningNodes { instances: String, profiles: String },
    #[error(
        "role `{role}` is still in instance profiles that this resource did not make: {profiles}; delete Karpenter's EC2NodeClasses first, while the controller runs, or remove the role from them, then delete again"
    )]
    OtherProfiles { role: String, profiles: String },
}
