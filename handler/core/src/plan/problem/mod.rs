//! The problems that the preflight checks find.

mod text;

use crate::documents::aws_auth::AwsAuthError;
use std::fmt;

/// All problems of a plan. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// A reason why a plan cannot be carried out. It is found before the first write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the text of each variant says what its fields are")]
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
    InlinePoliciesTooLarge {
        name: String,
        /// The characters of all inline policies of the role.
        total: usize,
        /// The characters of the policy that this resource puts.
        size: usize,
        /// The other inline policies of the role, with their characters.
        others: Vec<(String, usize)>,
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
    TagTaken {
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
    OutdatedAccessEntry {
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
    AwsAuth(AwsAuthError),
    RunningNodes {
        instances: String,
        profiles: String,
    },
    OtherProfiles {
        role: String,
        profiles: String,
    },
}

/// The text of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemText {
    /// `KP` and four digits, for example `KP0004`. A code is never used for another problem. docs/troubleshooting.md lists all.
    pub code: &'static str,
    /// What was found, with the names of the objects. Sentences without the last period.
    pub message: String,
    /// What to do about it. Sentences without the last period.
    pub remedy: String,
}

impl Problem {
    /// Returns the code, the message and the remedy.
    pub fn text(&self) -> ProblemText {
        text::of(self)
    }
}

/// `<code>: <message>. <remedy>`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProblemText { code, message, remedy } = self.text();
        write!(f, "{code}: {message}. {remedy}")
    }
}

impl std::error::Error for Problem {}

impl std::error::Error for Problems {}

/// All problems, with `. ` between them.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if 0 < index {
                f.write_str(". ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
