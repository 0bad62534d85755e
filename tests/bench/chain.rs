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
        "takes the cluster's name alone. Beside it and what follows: DescribeCluster and, out of its answer, the OIDC provider, aws-auth and then the review of the one verb that the plan needs; all that IAM holds under the names; whether CloudFormation still wants it",
    ),
    link("eks DescribeNodegroup", Why::Needs, "takes a name out of the list; all groups side by side"),
    link("ec2 DescribeLaunchTemplateVersions", Why::Needs, "takes the template's id and version out of the node group"),
    link(
        "ec2 DescribeSecurityGroups",
        Why::Needs,
        "takes the groups' ids out of the template, and reads their tags: a conflict and a full object are told before any change",
    ),
];

const CREATE_ROLE: Link = link(
    "iam CreateRole",
    Why::Promise,
    "the first write, after every check. Beside it: the other role, the instance profile, CreateTags",
);

const ADMIT_AWS_AUTH: Link = link(
    "kubernetes update aws-auth",
    Why::Promise,
    "the entry comes when roles and profile carry their marks: a Delete that finds no mark has nothing to look for there, so that one of a Create that failed needs no Kubernetes API. Bound to the version that was read. Beside it, since they need the role or the tags: AttachRolePolicy, PutRolePolicy, AddRoleToInstanceProfile, the second look at the tags",
);

const CREATE_ACCESS_ENTRY: Link = link(
    "eks CreateAccessEntry",
    Why::Needs,
    "EKS refuses an entry for a role that is not there. Beside it, since they need the role or the tags: AttachRolePolicy, PutRolePolicy, AddRoleToInstanceProfile, the second look at the tags",
);

const ATTACH: Link = link(
    "iam AttachRolePolicy",
    Why::Promise,
    "the first write, after every check. Beside it: UpdateAssumeRolePolicy, for the service account of another namespace",
);

const STILL_WANTED: Link = link(
    "cloudformation DescribeStacks",
    Why::Promise,
    "after the last write: whether CloudFormation has cancelled it meanwhile. DescribeStackResource beside it",
);

const ANSWER: Link =
    link("s3 PUT of the answer", Why::Needs, "tells what CloudFormation's word and the writes came to");

const ANSWER_COMPARED: Link =
    link("s3 PUT of the answer", Why::Needs, "tells that nothing is missing, once all was compared");

const ANSWER_DELETE: Link = link("s3 PUT of the answer", Why::Needs, "tells what the writes came to");

const OUT_OF_AWS_AUTH: [Link; 4] = [
    link(
        "eks DescribeCluster",
        Why::First,
        "takes the cluster's name alone. Beside it and what follows: all that IAM holds under the names, who runs with the profiles, who carries the mark; whether CloudFormation still wants it",
    ),
    link("kubernetes get aws-auth", Why::Needs, "takes endpoint and certificate out of the cluster's description"),
    link(
        "kubernetes SelfSubjectAccessReview",
        Why::Promise,
        "whether the entry can be taken out is known before anything is; which verb that takes, the ConfigMap tells, and no other is asked for",
    ),
    link(
        "kubernetes update aws-auth",
        Why::Promise,
        "the way in goes first: no node joins with a role that is being taken apart. Bound to the version that was read",
    ),
];

const OUT_OF_ACCESS_ENTRIES: [Link; 3] = [
    link(
        "iam ListInstanceProfilesForRole",
        Why::First,
        "takes the role's name alone. Beside it and what follows: the cluster, its access entry and OIDC provider, all else that IAM holds under the names, who carries the mark; whether CloudFormation still wants it",
    ),
    link("ec2 DescribeInstances", Why::Needs, "takes the profiles out of the list: nobody may run with them"),
    link(
        "eks DeleteAccessEntry",
        Why::Promise,
        "the first write, after every check; and the way in goes first: no node joins with a role that is being taken apart",
    ),
];

/// As long as what becomes of the roles beside it: out of the profile and off with the policies, then `DeleteRole`.
const TAGS_OFF: [Link; 3] = [
    link(
        "ec2 CreateTags",
        Why::Promise,
        "after the way in; each says that it is about to go before it looks who else does. Beside it: RemoveRoleFromInstanceProfile and DetachRolePolicy, then DeleteInstanceProfile and DeleteRole",
    ),
    link("ec2 DescribeSecurityGroups", Why::Needs, "sees who else has said so by then"),
    link("ec2 DeleteTags", Why::Needs, "takes the tags that nobody needs out of what was seen"),
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
