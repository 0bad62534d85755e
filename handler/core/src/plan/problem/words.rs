//! The words of each problem: what stack events, the log and `check` say.

use super::{Problem, Words};

/// Returns the code, the message and the remedy of a problem.
pub(super) fn of(problem: &Problem) -> Words {
    match problem {
        Problem::NoCluster { cluster, region, account } => words(
            "KP0001",
            format!("EKS has no cluster `{cluster}` in {region} of account {account}"),
            "check ClusterName, and that the stack is in the cluster's region",
        ),
        Problem::ClusterNotReady { cluster, status } => {
            words("KP0002", format!("cluster `{cluster}` is {status}"), "wait until it is ACTIVE, then retry")
        }
        Problem::NoIssuer { cluster } => {
            words("KP0003", format!("cluster `{cluster}` has no OIDC issuer"), "wait until it is ACTIVE, then retry")
        }
        Problem::NoOidcProvider { cluster, issuer } => words(
            "KP0004",
            format!("IAM has no OIDC provider for cluster `{cluster}`'s issuer {issuer}"),
            format!(
                "make one, for instance with `eksctl utils associate-iam-oidc-provider --cluster {cluster} --approve`, or set OidcProvider to Create"
            ),
        ),
        Problem::NoAudience { provider } => words(
            "KP0005",
            format!("the OIDC provider {provider} lacks the audience `sts.amazonaws.com`"),
            format!(
                "add it with `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} --client-id sts.amazonaws.com`"
            ),
        ),
        Problem::RoleTaken { name, owner, property, alternative } => words(
            "KP0006",
            format!("role `{name}` exists and is {owner}"),
            format!(
                "set {property} to another name{alternative}, or ExistingObjects to Adopt to have it brought into line and used, or delete the role"
            ),
        ),
        Problem::InstanceProfileTaken { name, owner } => words(
            "KP0007",
            format!("instance profile `{name}` exists and is {owner}"),
            "set InstanceProfileName to another name, or ExistingObjects to Adopt to use it, or delete the profile",
        ),
        Problem::ProfileHoldsOther { name, role } => words(
            "KP0008",
            format!(
                "instance profile `{name}`, which this stack did not make, holds role `{role}`, and a profile holds one role"
            ),
            format!(
                "remove that with `aws iam remove-role-from-instance-profile --instance-profile-name {name} --role-name {role}`, or set InstanceProfileName to another name"
            ),
        ),
        Problem::OtherPath { kind, name, found, wanted, property } => words(
            "KP0009",
            format!("{kind} `{name}` stands under the path `{found}` and is wanted under `{wanted}`"),
            format!("IAM cannot move it, so give it another name with {property}"),
        ),
        Problem::OtherSpelling { kind, found, wanted, property } => words(
            "KP0010",
            format!(
                "{kind} `{found}` exists, and IAM holds names equal in any letter case, so there cannot be `{wanted}` beside it"
            ),
            format!("spell {property} as it is spelled, or choose another name"),
        ),
        Problem::OneRoleForBoth { name } => words(
            "KP0011",
            format!(
                "`{name}` is to be both the node role and the controller role (IAM holds names equal in any letter case)"
            ),
            "give one of them another name with NodeRoleName or ControllerRoleName",
        ),
        Problem::ProfileServesOther { name, role } => words(
            "KP0012",
            format!(
                "instance profile `{name}` still serves role `{role}` for the resource's earlier generation, and a profile holds one role"
            ),
            "give the new one another name with InstanceProfileName",
        ),
        Problem::ControllerServesOther { name, policy } => words(
            "KP0013",
            format!(
                "controller role `{name}` still serves another cluster (inline policy `{policy}`), and a role trusts one cluster"
            ),
            "give the new one another name with ControllerRoleName",
        ),
        Problem::NoNodeRole { arn } => words(
            "KP0014",
            format!("the role {arn} of NodeRoleArn does not exist"),
            "check the ARN (account, path and letter case too), or leave NodeRoleArn out to have a role made",
        ),
        Problem::PassRoleNotAllowed { arn } => words(
            "KP0015",
            format!(
                "the function's role may not pass the node role {arn} to EC2 (iam:SimulatePrincipalPolicy returned implicitDeny)"
            ),
            "allow it (NodeRoleArns of function.yaml, nodeRoles of the CDK's function, or the role's permissions boundary), or choose another node role",
        ),
        Problem::PassRoleDenied { arn } => words(
            "KP0016",
            format!(
                "the function's role may not pass the node role {arn} to EC2 (iam:SimulatePrincipalPolicy returned explicitDeny)"
            ),
            "remove the Deny from the policies of the function's role, or choose another node role",
        ),
        Problem::PassRoleUnknown { arn } => words(
            "KP0017",
            format!(
                "the function cannot find out whether it may pass the node role {arn} to EC2 (its environment has no EXECUTION_ROLE_ARN)"
            ),
            "deploy the function's stack again, from its current template",
        ),
        Problem::QueueOutOfBounds { arn, allowed } => words(
            "KP0018",
            format!("the queue {arn} of InterruptionQueueArn is outside of what the function may grant ({allowed})"),
            "choose another queue, or allow this one (InterruptionQueueArns of function.yaml, interruptionQueues of the CDK's function)",
        ),
        Problem::BoundsUnreadable { why } => words(
            "KP0019",
            format!(
                "the function's environment variable BOUNDS cannot be read ({why}), so nothing is created or updated"
            ),
            "deploy the function's stack again, from the template of this function's version",
        ),
        Problem::UnknownPolicy { arn, property } => words(
            "KP0020",
            format!("IAM has no managed policy {arn} ({property})"),
            "check the ARN, and that the policy is this account's or AWS's own",
        ),
        Problem::TooManyObjectTags { kind, name, count } => {
            words("KP0021", format!("{kind} `{name}` would carry {count} tags, and AWS allows 50"), "take some away")
        }
        Problem::TooManyPolicies { name, count, property } => words(
            "KP0022",
            format!("role `{name}` would carry {count} managed policies, and IAM's default quota is 10"),
            format!("take some out of {property}, or detach others"),
        ),
        Problem::NothingToDiscover { cluster, what, property } => words(
            "KP0023",
            format!("cluster `{cluster}` has no managed node group to learn {what} from"),
            format!("set {property}"),
        ),
        Problem::NoSuchResource { what, ids, property, does_not, region } => {
            words("KP0024", format!("{what} {ids} of {property} {does_not} exist in {region}"), "check the ids")
        }
        Problem::TagConflict { id, key, found, wanted, property } => words(
            "KP0025",
            format!(
                "{id} already has the tag `{key}` = `{found}`, which another cluster's Karpenter may rely on, so it is not changed to `{wanted}`"
            ),
            format!("set TagConflict to Skip to leave it out, or choose another DiscoveryTagKey or other {property}"),
        ),
        Problem::TooManyTags { id, count, needed, property } => words(
            "KP0026",
            format!("{id} has {count} tags, and EC2 allows 50: the discovery tag and its mark need {needed} more"),
            format!("take some away, or set {property} without it"),
        ),
        Problem::NoAwsAuth { cluster } => words(
            "KP0027",
            format!(
                "cluster `{cluster}` uses access entries alone (authenticationMode API), so aws-auth would have no effect"
            ),
            "set NodeAccess to AccessEntry, or leave it out",
        ),
        Problem::NoAccessEntries { cluster } => words(
            "KP0028",
            format!(
                "cluster `{cluster}` uses aws-auth alone (authenticationMode CONFIG_MAP), so there are no access entries"
            ),
            format!(
                "set NodeAccess to AwsAuth, or leave it out, or let the cluster have both with `aws eks update-cluster-config --name {cluster} --access-config authenticationMode=API_AND_CONFIG_MAP`"
            ),
        ),
        Problem::OtherAccessEntry { cluster, found, node_role_arn } => words(
            "KP0029",
            format!(
                "cluster `{cluster}` has an access entry of type {found} for the node role {node_role_arn}, which lets no node join"
            ),
            format!(
                "delete it with `aws eks delete-access-entry --cluster-name {cluster} --principal-arn {node_role_arn}`"
            ),
        ),
        Problem::DeadAccessEntry { cluster, node_role_arn } => words(
            "KP0030",
            format!(
                "cluster `{cluster}` has an access entry for the node role {node_role_arn} that this kind of resource did not make, of a former role of that name, so it lets no node join"
            ),
            format!(
                "delete it with `aws eks delete-access-entry --cluster-name {cluster} --principal-arn {node_role_arn}`"
            ),
        ),
        Problem::AssociationTaken { cluster, namespace, service_account, role_arn, owner, id } => words(
            "KP0031",
            format!(
                "service account `{namespace}/{service_account}` of cluster `{cluster}` already has a Pod Identity association, with role {role_arn}; it is {owner}"
            ),
            format!(
                "delete it with `aws eks delete-pod-identity-association --cluster-name {cluster} --association-id {id}`, or set ServiceAccount to another, or ExistingObjects to Adopt to have it lead to the controller role"
            ),
        ),
        Problem::AwsAuth(text) => {
            words("KP0032", format!("aws-auth: {text}"), "edit aws-auth by hand, with the cluster's creator")
        }
        Problem::RunningNodes { instances, profiles } => words(
            "KP0033",
            format!(
                "{instances} still run with instance profile {profiles}, and would lose it, its role or their way into the cluster"
            ),
            "delete Karpenter's NodePools while its controller runs, so that it ends its nodes, then delete again; or set RunningNodes to Ignore by an Update first",
        ),
        Problem::OtherProfiles { role, profiles } => words(
            "KP0034",
            format!("role `{role}` is still in instance profiles that this resource did not make: {profiles}"),
            "delete Karpenter's EC2NodeClasses first, while the controller runs, or remove the role from them, then delete again",
        ),
    }
}

fn words(code: &'static str, message: String, remedy: impl Into<String>) -> Words {
    Words { code, message, remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_remedy_are_joined_by_a_colon() {
        let problem = Problem::ClusterNotReady { cluster: "demo".to_owned(), status: "CREATING".to_owned() };
        let Words { code, message, remedy } = of(&problem);
        assert_eq!((code, message.as_str()), ("KP0002", "cluster `demo` is CREATING"));
        assert_eq!(remedy, "wait until it is ACTIVE, then retry");
        assert_eq!(problem.to_string(), format!("{message}: {remedy}"));
    }

    #[test]
    fn words_of_aws_auth_bring_their_own_remedy() {
        let problem = Problem::AwsAuth("line 3 is broken: mend it".to_owned());
        assert_eq!(problem.to_string(), "aws-auth: line 3 is broken: mend it");
        assert_eq!(of(&problem).remedy, "edit aws-auth by hand, with the cluster's creator");
    }
}
