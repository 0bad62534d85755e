//! The chain of calls that must follow each other, operation by operation, with the reason for each link: the least that
//! an operation takes, in round trips, whoever does the job.
//!
//! It is argued from what a call needs to know and from what is promised (`docs/guarantees.md`), not from what a run of
//! ours did. What is not in a chain can be done beside it. A scenario's cluster has two node groups, one of them with
//! a launch template that names security groups.

use std::fmt::Write as _;

use crate::subject::{Operation, Way};

/// One call that must wait for the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// The service and the call.
    pub(crate) call: &'static str,
    /// Why it cannot be made earlier.
    pub(crate) why: Why,
    /// That in words.
    pub(crate) reason: &'static str,
}

/// Why a call waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is the first.
    First,
    /// It takes something out of the other's answer, or the service refuses it before.
    Needs,
    /// A promise says so.
    Promise,
}

impl Why {
    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Needs => "needs",
            Self::Promise => "promise",
        }
    }
}

/// The chain of an operation where nodes join in this way.
pub(crate) fn of(operation: Operation, way: Way) -> Vec<Link> {
    let discovery = DISCOVERY.iter().copied();
    match (operation, way) {
        (Operation::Create, Way::AwsAuth) => {
            discovery.chain([CREATE_ROLE, ADMIT_AWS_AUTH, STILL_WANTED, ANSWER]).collect()
        }
        (Operation::Create, Way::AccessEntry) => {
            discovery.chain([CREATE_ROLE, CREATE_ACCESS_ENTRY, STILL_WANTED, ANSWER]).collect()
        }
        (Operation::NoChange, _) => discovery.chain([ANSWER_COMPARED]).collect(),
        (Operation::Change, _) => discovery.chain([ATTACH, STILL_WANTED, ANSWER]).collect(),
        (Operation::Delete, Way::AwsAuth) => {
            OUT_OF_AWS_AUTH.iter().chain(&TAGS_OFF).copied().chain([ANSWER_DELETE]).collect()
        }
        (Operation::Delete, Way::AccessEntry) => {
            OUT_OF_ACCESS_ENTRIES.iter().chain(&TAGS_OFF).copied().chain([ANSWER_DELETE]).collect()
        }
    }
}

const fn link(call: &'static str, why: Why, reason: &'static str) -> Link {
    Link { call, why, reason }
}

/// Longer than any other way through the reads.
const DISCOVERY: [Link; 4] = [
    link(
        "eks ListNodegroups",
        Why::First,
        "needs only the cluster's name. At the same time: DescribeCluster, then with its result the OIDC provider, aws-auth and the access review of the one verb that the plan needs. Also everything in IAM, and whether CloudFormation still wants the operation",
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

const ADMIT_AWS_AUTH: Link = link(
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

const ANSWER: Link =
    link("s3 PUT of the response", Why::Needs, "reports the result of the writes and of DescribeStacks");

const ANSWER_COMPARED: Link =
    link("s3 PUT of the response", Why::Needs, "reports that nothing is missing, after everything was compared");

const ANSWER_DELETE: Link = link("s3 PUT of the response", Why::Needs, "reports the result of the writes");

const OUT_OF_AWS_AUTH: [Link; 4] = [
    link(
        "eks DescribeCluster",
        Why::First,
        "needs only the cluster's name. At the same time: everything in IAM, the instances with the profiles, the subnets and groups with the marker, and whether CloudFormation still wants the operation",
    ),
    link("kubernetes get aws-auth", Why::Needs, "takes endpoint and certificate from DescribeCluster"),
    link(
        "kubernetes SelfSubjectAccessReview",
        Why::Promise,
        "whether the entry can be removed is known before anything is removed. The ConfigMap decides which verb that needs, and only this verb is checked",
    ),
    link(
        "kubernetes update aws-auth",
        Why::Promise,
        "access is removed first, so that no node joins with a role that is being deleted",
    ),
];

const OUT_OF_ACCESS_ENTRIES: [Link; 3] = [
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

/// As long as what becomes of the roles beside it: out of the profile and off with the policies, then `DeleteRole`.
const TAGS_OFF: [Link; 3] = [
    link(
        "ec2 CreateTags",
        Why::Promise,
        "writes the departing markers, after access is removed. At the same time: RemoveRoleFromInstanceProfile and DetachRolePolicy, then DeleteInstanceProfile and DeleteRole",
    ),
    link("ec2 DescribeSecurityGroups", Why::Needs, "reads which other markers are departing by then"),
    link("ec2 DeleteTags", Why::Needs, "deletes the tags that no remaining marker needs"),
];

/// The chains as a page has them.
pub(crate) fn page() -> String {
    let mut page = String::new();
    for way in Way::ALL {
        for operation in Operation::ALL {
            if way == Way::AccessEntry && matches!(operation, Operation::NoChange | Operation::Change) {
                continue;
            }
            let links = of(operation, way);
            let of_way = match (operation, way) {
                (Operation::NoChange | Operation::Change, _) => "",
                (_, Way::AwsAuth) => ", aws-auth",
                (_, Way::AccessEntry) => ", access entry",
            };
            // Writing to a String does not fail.
            let _ = write!(
                page,
                "\n**{}{of_way}**: {} calls\n\n| | Call | Why not earlier | |\n|---|---|---|---|\n",
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
    fn every_chain_begins_once_and_ends_with_the_answer() {
        for operation in Operation::ALL {
            for way in Way::ALL {
                let links = of(operation, way);
                assert!(links.iter().skip(1).all(|link| link.why != Why::First), "{operation:?} {way:?}");
                assert_eq!(links.first().map(|link| link.why), Some(Why::First));
                assert!(links.last().is_some_and(|link| link.call.contains("PUT")), "{operation:?} {way:?}");
            }
        }
    }
}
