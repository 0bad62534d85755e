//! The chain of calls of each operation: calls that must follow each other, with the reason for each link. The length of the
//! chain is the minimum of round trips for any implementation.
//!
//! The reasons come from the input that a call needs, and from the guarantees of `docs/guarantees.md`. They do not come from
//! a recorded run. A call outside of the chain can run at the same time as the chain. The cluster of the scenario has two
//! node groups. One of them has a launch template that names security groups.

use std::fmt::Write as _;

use crate::subject::{JoinMethod, Operation};

/// One call that must wait for the previous one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// The service and the operation.
    pub(crate) call: &'static str,
    /// Why the call cannot start earlier.
    pub(crate) why: Why,
    /// The same, in words.
    pub(crate) reason: &'static str,
}

/// Why a call waits for the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is the first call.
    First,
    /// It needs something from the previous response, or the service rejects it until then.
    Needs,
    /// A guarantee requires this order.
    Promise,
}

impl Why {
    /// Returns the word for the table.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Needs => "needs",
            Self::Promise => "promise",
        }
    }
}

/// Returns the chain of an operation, for the way nodes join the cluster.
pub(crate) fn links(operation: Operation, join_method: JoinMethod) -> Vec<Link> {
    let discovery = DISCOVERY.iter().copied();
    match (operation, join_method) {
        (Operation::Create, JoinMethod::AwsAuth) => {
            discovery.chain([CREATE_ROLE, ADD_AWS_AUTH_ENTRY, STILL_WANTED, RESPONSE]).collect()
        }
        (Operation::Create, JoinMethod::AccessEntry) => {
            discovery.chain([CREATE_ROLE, CREATE_ACCESS_ENTRY, STILL_WANTED, RESPONSE]).collect()
        }
        (Operation::NoChange, _) => discovery.chain([RESPONSE_COMPARED]).collect(),
        (Operation::Change, _) => discovery.chain([ATTACH, STILL_WANTED, RESPONSE]).collect(),
        (Operation::Delete, JoinMethod::AwsAuth) => {
            REMOVE_FROM_AWS_AUTH.iter().chain(&REMOVE_TAGS).copied().chain([RESPONSE_DELETE]).collect()
        }
        (Operation::Delete, JoinMethod::AccessEntry) => {
            REMOVE_ACCESS_ENTRY.iter().chain(&REMOVE_TAGS).copied().chain([RESPONSE_DELETE]).collect()
        }
    }
}

const fn link(call: &'static str, why: Why, reason: &'static str) -> Link {
    Link { call, why, reason }
}

/// No other path through the reads is longer.
const DISCOVERY: [Link; 4] = [
    link(
        "eks ListNodegroups",
        Why::First,
        "needs only the cluster's name. At the same time: DescribeCluster, then with its result the OIDC provider, aws-auth and the dry run of its write. Also everything in IAM, and whether CloudFormation still wants the operation",
    ),
    link("eks DescribeNodegroup", Why::Needs, "takes the names from the list. All node groups at the same time"),
    link(
        "ec2 DescribeLaunchTemplateVersions",
        Why::Needs,
        "takes the id and the version of the launch template from the node group",
    ),
    link(
        "ec2 DescribeSecurityGroups",
        Why::Needs,
        "takes the ids from the launch template, and reads the tags. Tag conflicts and full objects are problems before any change",
    ),
];

const CREATE_ROLE: Link = link(
    "iam CreateRole",
    Why::Promise,
    "the first write, after all preflight checks. At the same time: the other role, the instance profile, CreateTags",
);

const ADD_AWS_AUTH_ENTRY: Link = link(
    "kubernetes update aws-auth",
    Why::Promise,
    "the entry follows the markers on roles and profile. So a Delete that finds no marker, as after a failed Create, does not need the Kubernetes API. At the same time, because they need the role or the tags: AttachRolePolicy, PutRolePolicy, AddRoleToInstanceProfile, the second read of the tags",
);

const CREATE_ACCESS_ENTRY: Link = link(
    "eks CreateAccessEntry",
    Why::Needs,
    "EKS rejects an entry for a role that does not exist. At the same time, because they need the role or the tags: AttachRolePolicy, PutRolePolicy, AddRoleToInstanceProfile, the second read of the tags",
);

const ATTACH: Link = link(
    "iam AttachRolePolicy",
    Why::Promise,
    "the first write, after all preflight checks. At the same time: UpdateAssumeRolePolicy, for the service account of another namespace",
);

const STILL_WANTED: Link = link(
    "cloudformation DescribeStacks",
    Why::Promise,
    "after the last write: whether CloudFormation has cancelled the operation meanwhile. At the same time: DescribeStackResource",
);

const RESPONSE: Link =
    link("s3 PUT of the response", Why::Needs, "reports the result of the writes and of DescribeStacks");

const RESPONSE_COMPARED: Link =
    link("s3 PUT of the response", Why::Needs, "reports that nothing is missing, after everything was compared");

const RESPONSE_DELETE: Link = link("s3 PUT of the response", Why::Needs, "reports the result of the writes");

const REMOVE_FROM_AWS_AUTH: [Link; 5] = [
    link(
        "eks DescribeCluster",
        Why::First,
        "needs only the cluster's name. At the same time: everything in IAM, the instances with the profiles, the subnets and groups with the marker, and whether CloudFormation still wants the operation",
    ),
    link("kubernetes get aws-auth", Why::Needs, "takes endpoint and certificate from DescribeCluster"),
    link(
        "kubernetes dry-run-update aws-auth",
        Why::Promise,
        "whether the API server accepts the removal of the entry is known before anything is removed",
    ),
    link(
        "kubernetes update aws-auth",
        Why::Promise,
        "access is removed first, so that no node joins with a role that is being deleted",
    ),
    link(
        "kubernetes update aws-auth",
        Why::Needs,
        "removes the function from managedFields, where the write before has recorded it. The role keeps its marker until then, so that a redelivered Delete does it too",
    ),
];

const REMOVE_ACCESS_ENTRY: [Link; 3] = [
    link(
        "iam ListInstanceProfilesForRole",
        Why::First,
        "needs only the role's name. At the same time: the cluster, its access entry and OIDC provider, everything else in IAM, the subnets and groups with the marker, and whether CloudFormation still wants the operation",
    ),
    link("ec2 DescribeInstances", Why::Needs, "takes the profiles from the list. No instance may run with them"),
    link(
        "eks DeleteAccessEntry",
        Why::Promise,
        "the first write, after all preflight checks. Access is removed first, so that no node joins with a role that is being deleted",
    ),
];

/// The deletion of the roles takes as many calls at the same time: out of the profile and off with the policies, then
/// `DeleteRole`.
const REMOVE_TAGS: [Link; 3] = [
    link(
        "ec2 CreateTags",
        Why::Promise,
        "writes the departing markers, after access is removed. At the same time: RemoveRoleFromInstanceProfile and DetachRolePolicy, then DeleteInstanceProfile and DeleteRole",
    ),
    link("ec2 DescribeSecurityGroups", Why::Needs, "reads which other markers are departing by then"),
    link("ec2 DeleteTags", Why::Needs, "deletes the tags that no remaining marker needs"),
];

/// Returns the chains in Markdown, for `docs/performance.md`.
pub(crate) fn page() -> String {
    let mut page = String::new();
    for join_method in JoinMethod::ALL {
        for operation in Operation::ALL {
            if join_method == JoinMethod::AccessEntry && matches!(operation, Operation::NoChange | Operation::Change) {
                continue;
            }
            let links = links(operation, join_method);
            let suffix = match (operation, join_method) {
                (Operation::NoChange | Operation::Change, _) => "",
                (_, JoinMethod::AwsAuth) => ", aws-auth",
                (_, JoinMethod::AccessEntry) => ", access entry",
            };
            let _ = write!(
                page,
                "\n**{}{suffix}**: {} calls\n\n| | Call | Why not earlier | |\n|---|---|---|---|\n",
                operation.name(),
                links.len()
            );
            for (index, Link { call, why, reason }) in links.iter().enumerate() {
                let _ = writeln!(page, "| {} | {call} | {} | {reason} |", index + 1, why.word());
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_begins_once_and_ends_with_the_response() {
        for operation in Operation::ALL {
            for join_method in JoinMethod::ALL {
                let links = links(operation, join_method);
                assert!(links.iter().skip(1).all(|link| link.why != Why::First), "{operation:?} {join_method:?}");
                assert_eq!(links.first().map(|link| link.why), Some(Why::First));
                assert!(links.last().is_some_and(|link| link.call.contains("PUT")), "{operation:?} {join_method:?}");
            }
        }
    }
}
