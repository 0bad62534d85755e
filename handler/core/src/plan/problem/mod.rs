//! What keeps a plan from being carried out, in the words of the stack event.

mod words;

use std::fmt;

/// All problems of a plan; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// What the preflight checks find: something that keeps a plan from being carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's words say what its fields are")]
pub enum Problem {
    NoCluster {
        cluster: String,
        region: String,
        account: String,
    },
    ClusterNotReady {
        cluster: String,
        status: String,
    },
    NoIssuer {
        cluster: String,
    },
    NoOidcProvider {
        cluster: String,
        issuer: String,
    },
    NoAudience {
        provider: String,
    },
    RoleTaken {
        name: String,
        owner: String,
        property: &'static str,
        alternative: &'static str,
    },
    InstanceProfileTaken {
        name: String,
        owner: String,
    },
    ProfileHoldsOther {
        name: String,
        role: String,
    },
    OtherPath {
        kind: &'static str,
        name: String,
        found: String,
        wanted: String,
        property: &'static str,
    },
    OtherSpelling {
        kind: &'static str,
        found: String,
        wanted: String,
        property: &'static str,
    },
    OneRoleForBoth {
        name: String,
    },
    ProfileServesOther {
        name: String,
        role: String,
    },
    ControllerServesOther {
        name: String,
        policy: String,
    },
    NoNodeRole {
        arn: String,
    },
    PassRoleNotAllowed {
        arn: String,
    },
    PassRoleDenied {
        arn: String,
    },
    PassRoleUnknown {
        arn: String,
    },
    QueueOutOfBounds {
        arn: String,
        allowed: String,
    },
    BoundsUnreadable {
        why: String,
    },
    UnknownPolicy {
        arn: String,
        property: &'static str,
    },
    TooManyObjectTags {
        kind: &'static str,
        name: String,
        count: usize,
    },
    TooManyPolicies {
        name: String,
        count: usize,
        property: &'static str,
    },
    NothingToDiscover {
        cluster: String,
        what: &'static str,
        property: &'static str,
    },
    NoSuchResource {
        what: &'static str,
        ids: String,
        property: &'static str,
        does_not: &'static str,
        region: String,
    },
    TagConflict {
        id: String,
        key: String,
        found: String,
        wanted: String,
        property: &'static str,
    },
    TooManyTags {
        id: String,
        count: usize,
        needed: usize,
        property: &'static str,
    },
    NoAwsAuth {
        cluster: String,
    },
    NoAccessEntries {
        cluster: String,
    },
    OtherAccessEntry {
        cluster: String,
        found: String,
        node_role_arn: String,
    },
    DeadAccessEntry {
        cluster: String,
        node_role_arn: String,
    },
    AssociationTaken {
        cluster: String,
        namespace: String,
        service_account: String,
        role_arn: String,
        owner: String,
        id: String,
    },
    AwsAuth(String),
    RunningNodes {
        instances: String,
        profiles: String,
    },
    OtherProfiles {
        role: String,
        profiles: String,
    },
}

/// What a problem says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// `KP` and four digits. A code is never used for another problem.
    pub code: &'static str,
    /// What is wrong, with the names of the objects.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// Returns its code, what is wrong, and what to do about it.
    pub fn words(&self) -> Words {
        words::of(self)
    }
}

/// `<message>: <remedy>`. The words of [`Problem::AwsAuth`] quote the text and end in the remedy.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words { message, remedy, .. } = self.words();
        match self {
            Self::AwsAuth(_) => f.write_str(&message),
            _ => write!(f, "{message}: {remedy}"),
        }
    }
}

impl std::error::Error for Problem {}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if 0 < index {
                f.write_str("; also: ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
