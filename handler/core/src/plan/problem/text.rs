//! The text of each problem, for stack events, the log, `plan` and `check`.
//!
//! A message says what was found. A remedy says what the reader can do, in the situation in which the problem is reported. Both are
//! sentences without the last period.

use super::{Problem, ProblemText};
use crate::documents::policy::INLINE_MAX;

/// Returns the code, the message and the remedy of a problem.
pub(super) fn of(problem: &Problem) -> ProblemText {
    match problem {
        Problem::NoCluster { cluster, region, account } => text(
            "KP0001",
            format!("EKS has no cluster `{cluster}` in region {region} of account {account}"),
            "Correct ClusterName, or deploy the stack in the cluster's region and account",
        ),
        Problem::ClusterNotReady { cluster, status } => {
            text("KP0002", format!("cluster `{cluster}` is {status}"), "Wait until it is ACTIVE, then retry")
        }
        Problem::NoIssuer { cluster } => {
            text("KP0003", format!("cluster `{cluster}` has no OIDC issuer"), "Wait until it is ACTIVE, then retry")
        }
        Problem::NoOidcProvider { cluster, issuer } => text(
            "KP0004",
            format!("IAM has no OIDC provider for the issuer {issuer} of cluster `{cluster}`"),
            format!(
                "Set OidcProvider to Create, or create the provider with `eksctl utils associate-iam-oidc-provider --cluster {cluster} --approve`"
            ),
        ),
        Problem::NoAudience { provider } => text(
            "KP0005",
            format!("the OIDC provider {provider} has no audience `sts.amazonaws.com`"),
            format!(
                "Add it with `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} --client-id sts.amazonaws.com`"
            ),
        ),
        Problem::RoleTaken { name, owner, property, alternative } => text(
            "KP0006",
            format!("role `{name}` already exists and {owner}"),
            format!(
                "Set {property} to another name{alternative}, set ExistingObjects to Adopt to use this role, or delete it"
            ),
        ),
        Problem::InstanceProfileTaken { name, owner } => text(
            "KP0007",
            format!("instance profile `{name}` already exists and {owner}"),
            "Set InstanceProfileName to another name, set ExistingObjects to Adopt to use this profile, or delete it",
        ),
        Problem::ProfileHoldsOther { name, role } => text(
            "KP0008",
            format!(
                "instance profile `{name}` was not created by this stack and already contains role `{role}`. A profile can contain only one role"
            ),
            format!(
                "Remove the role with `aws iam remove-role-from-instance-profile --instance-profile-name {name} --role-name {role}`, or set InstanceProfileName to another name"
            ),
        ),
        Problem::OtherPath { kind, name, found, wanted, property } => text(
            "KP0009",
            format!("{kind} `{name}` exists under the path `{found}`, not under `{wanted}`. IAM cannot change a path"),
            format!("Set {property} to another name"),
        ),
        Problem::OtherSpelling { kind, found, wanted, property } => text(
            "KP0010",
            format!(
                "{kind} `{found}` exists. IAM compares names without regard to letter case, so `{wanted}` cannot be created"
            ),
            format!("Set {property} to `{found}`, or to another name"),
        ),
        Problem::OneRoleForBoth { name } => text(
            "KP0011",
            format!(
                "node role and controller role have the same name `{name}`. IAM compares names without regard to letter case"
            ),
            "Set NodeRoleName or ControllerRoleName to another name",
        ),
        Problem::ProfileServesOther { name, role } => text(
            "KP0012",
            format!(
                "instance profile `{name}` still contains role `{role}` of the resource that this Update replaces. A profile can contain only one role"
            ),
            "Set InstanceProfileName to another name",
        ),
        Problem::ControllerServesOther { name, policy } => text(
            "KP0013",
            format!(
                "controller role `{name}` still has the inline policy `{policy}` for another cluster. A controller role can trust only one cluster"
            ),
            "Set ControllerRoleName to another name",
        ),
        Problem::NoNodeRole { arn } => text(
            "KP0014",
            format!("the role {arn} of NodeRoleArn does not exist"),
            "Correct the ARN (account, path and letter case too), or remove NodeRoleArn to have a role created",
        ),
        Problem::PassRoleNotAllowed { arn } => text(
            "KP0015",
            format!(
                "the function's role may not pass the node role {arn} to EC2 (iam:SimulatePrincipalPolicy returned implicitDeny)"
            ),
            "Allow it with NodeRoleArns of function.yaml or nodeRoles of the CDK's function, check the permissions boundary of the function's role, or choose another node role",
        ),
        Problem::PassRoleDenied { arn } => text(
            "KP0016",
            format!(
                "the function's role may not pass the node role {arn} to EC2 (iam:SimulatePrincipalPolicy returned explicitDeny)"
            ),
            "Remove the Deny from the policies of the function's role, or choose another node role",
        ),
        Problem::PassRoleUnknown { arn } => text(
            "KP0017",
            format!(
                "the function cannot find out whether it may pass the node role {arn} to EC2, because its environment has no EXECUTION_ROLE_ARN"
            ),
            "Deploy the function's stack again with its current template",
        ),
        Problem::QueueOutOfBounds { arn, allowed } => text(
            "KP0018",
            format!(
                "the function may not grant access to the queue {arn} of InterruptionQueueArn. It may grant access to {allowed}"
            ),
            "Choose another queue, or allow this one with InterruptionQueueArns of function.yaml or interruptionQueues of the CDK's function",
        ),
        Problem::BoundsUnreadable { why } => text(
            "KP0019",
            format!(
                "the function's environment variable BOUNDS is not valid ({why}), so it creates and updates nothing"
            ),
            "Deploy the function's stack again with the template of this function's version",
        ),
        Problem::UnknownPolicy { arn, property } => text(
            "KP0020",
            format!("the managed policy {arn} of {property} does not exist"),
            "Correct the ARN. The policy must be AWS managed or belong to this account",
        ),
        Problem::TooManyObjectTags { kind, name, count } => text(
            "KP0021",
            format!("{kind} `{name}` would have {count} tags. AWS allows 50"),
            "Remove tags from it, or from the property Tags",
        ),
        Problem::TooManyPolicies { name, count, property } => text(
            "KP0022",
            format!("role `{name}` would have {count} managed policies. IAM's default quota is 10"),
            format!("Remove policies from {property}, or detach others from the role"),
        ),
        Problem::InlinePoliciesTooLarge { name, total, size, others } => {
            let list: Vec<_> = others.iter().map(|(name, size)| format!("`{name}` {size}")).collect();
            let parts =
                if list.is_empty() { String::new() } else { format!(": the controller's {size}, {}", list.join(", ")) };
            text(
                "KP0035",
                format!(
                    "the inline policies of role `{name}` would have {total} characters without white space{parts}. IAM allows {INLINE_MAX} in all inline policies of a role together"
                ),
                if others.is_empty() {
                    "Set KarpenterVersion to fewer versions, or ControllerRoleName to another name"
                } else {
                    "Attach the other policies as managed policies and delete them from the role, set KarpenterVersion to fewer versions, or set ControllerRoleName to another name"
                },
            )
        }
        Problem::NothingToDiscover { cluster, what, property } => text(
            "KP0023",
            format!("cluster `{cluster}` has no managed node group from which to discover {what}"),
            format!("Set {property}"),
        ),
        Problem::NoSuchResource { what, ids, property, does_not, region } => text(
            "KP0024",
            format!("{what} {ids} of {property} {does_not} exist in region {region}"),
            format!("Correct {property}"),
        ),
        Problem::TagTaken { id, key, found, wanted, property } => text(
            "KP0025",
            format!(
                "{id} already has the tag `{key}` = `{found}`, so it is not set to `{wanted}`. Another cluster's Karpenter may use it"
            ),
            format!(
                "Set TagConflict to Skip to leave {id} out, choose another DiscoveryTagKey or other {property}, or delete the tag if no cluster uses it any more"
            ),
        ),
        Problem::TooManyTags { id, count, needed, property } => text(
            "KP0026",
            format!(
                "{id} has {count} tags and needs {needed} more for the discovery tag and its marker. EC2 allows 50"
            ),
            format!("Remove tags from it, or set {property} without it"),
        ),
        Problem::NoAwsAuth { cluster } => text(
            "KP0027",
            format!("cluster `{cluster}` has the authentication mode API, in which aws-auth has no effect"),
            "Set NodeAccess to AccessEntry, or remove it",
        ),
        Problem::NoAccessEntries { cluster } => text(
            "KP0028",
            format!("cluster `{cluster}` has the authentication mode CONFIG_MAP, which has no access entries"),
            format!(
                "Set NodeAccess to AwsAuth or remove it, or change the mode with `aws eks update-cluster-config --name {cluster} --access-config authenticationMode=API_AND_CONFIG_MAP`"
            ),
        ),
        Problem::OtherAccessEntry { cluster, found, node_role_arn } => text(
            "KP0029",
            format!(
                "the access entry of the node role {node_role_arn} in cluster `{cluster}` has the type {found}. Nodes that Karpenter launches need the type EC2_LINUX, and EKS cannot change the type"
            ),
            format!(
                "Choose another node role. If nothing uses this entry, delete it with `aws eks delete-access-entry --cluster-name {cluster} --principal-arn {node_role_arn}`"
            ),
        ),
        Problem::OutdatedAccessEntry { cluster, node_role_arn } => text(
            "KP0030",
            format!(
                "the access entry of the node role {node_role_arn} in cluster `{cluster}` is older than the role, so no node can join with it. This kind of resource did not create it"
            ),
            format!(
                "Delete it with `aws eks delete-access-entry --cluster-name {cluster} --principal-arn {node_role_arn}`"
            ),
        ),
        Problem::AssociationTaken { cluster, namespace, service_account, role_arn, owner, id } => text(
            "KP0031",
            format!(
                "service account `{namespace}/{service_account}` of cluster `{cluster}` already has a Pod Identity association with role {role_arn}. The association {owner}"
            ),
            format!(
                "Delete it with `aws eks delete-pod-identity-association --cluster-name {cluster} --association-id {id}`, set ServiceAccount to another name, or set ExistingObjects to Adopt to change its role"
            ),
        ),
        Problem::AwsAuth(error) => text("KP0032", error.to_string(), error.remedy()),
        Problem::RunningNodes { instances, profiles } => text(
            "KP0033",
            format!(
                "{instances} still run with instance profile {profiles}. The Delete would cut them off from AWS or from the cluster"
            ),
            "Delete Karpenter's NodePools while its controller runs, so that it ends its nodes, then delete again. Or update RunningNodes to Ignore first",
        ),
        Problem::OtherProfiles { role, profiles } => text(
            "KP0034",
            format!("role `{role}` is still in instance profiles that this resource did not create: {profiles}"),
            "Delete Karpenter's EC2NodeClasses while its controller runs, or remove the role from the profiles, then delete again",
        ),
    }
}

fn text(code: &'static str, message: String, remedy: impl Into<String>) -> ProblemText {
    ProblemText { code, message, remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_shows_code_message_and_remedy() {
        let problem = Problem::ClusterNotReady { cluster: "demo".to_owned(), status: "CREATING".to_owned() };
        assert_eq!(problem.to_string(), "KP0002: cluster `demo` is CREATING. Wait until it is ACTIVE, then retry");
    }
}
