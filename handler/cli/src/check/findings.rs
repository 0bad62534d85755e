//! The steps and problems of a plan → findings.
//!
//! `check` plans a Create that adopts existing objects. A problem that keeps Karpenter or its nodes from working is a finding,
//! and so is a step that Karpenter depends on. Steps for ownership alone (markers, owner tags, annotations) and removals are not
//! findings.

use super::remedy;
use crate::plan::{PermissionChange, inline_policy, permission_changes};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::aws_auth::{MapRoles, NodeEntry, Presence};
use karpenter_prereqs_core::documents::config_map::Change;
use karpenter_prereqs_core::identity::ownership::PREFIX;
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::{Ec2Step, EditAwsAuth, EksStep, IamStep, Problem, ProblemText, RoleKind, Step};
use karpenter_prereqs_function::Survey;

/// A part of an installation that is checked. `docs/cli.md` lists what belongs to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckArea {
    Cluster,
    Assume,
    Permissions,
    Nodes,
    Join,
    Tags,
}

impl CheckArea {
    pub(super) const ALL: [Self; 6] =
        [Self::Cluster, Self::Assume, Self::Permissions, Self::Nodes, Self::Join, Self::Tags];

    /// Returns the statement about the area that holds if it has no findings.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Cluster => "The cluster exists and is ready",
            Self::Assume => "Karpenter can assume its role",
            Self::Permissions => "Karpenter has its permissions",
            Self::Nodes => "Nodes have their role, policies and instance profile",
            Self::Join => "Nodes can join the cluster",
            Self::Tags => "Karpenter finds subnets and security groups by their tags",
        }
    }
}

/// The code of the finding that aws-auth was not read. Its area is not known to lack anything.
pub(super) const NOT_READ: &str = "KP0416";

/// What Karpenter or its nodes lack, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) area: CheckArea,
    /// `KP` and four digits. A code is never used for another finding. docs/troubleshooting.md lists all.
    pub(super) code: &'static str,
    /// What is missing or differs, with the names of the objects. It can have several lines.
    pub(super) message: String,
    /// A command, or advice. Empty if there is none.
    pub(super) remedy: String,
}

/// Returns the findings of the problems, then those of the steps, then the one that the Kubernetes API cannot be used.
pub(super) fn findings(survey: &Survey) -> Vec<Finding> {
    let Survey { spec, plan, problems, observed, aws_auth_error } = survey;
    let problems = problems.iter().filter_map(|problem| {
        let ProblemText { code, message, remedy } = problem.text();
        Some(Finding { area: area_of_problem(problem)?, code, message, remedy })
    });
    let steps = plan.plan.steps().filter_map(|(_, step, _)| {
        let (area, code, message) = finding_of_step(spec, step, observed)?;
        Some(Finding { area, code, message, remedy: remedy::of_step(spec, step, observed) })
    });
    problems.chain(steps).chain(aws_auth_error.as_ref().map(not_read)).collect()
}

/// Returns the finding that aws-auth was not read, so it is unknown whether it has the entry of the node role.
fn not_read(error: &ProblemText) -> Finding {
    let ProblemText { code, message, remedy } = error;
    let message = format!("the ConfigMap kube-system/aws-auth could not be read\n{code}: {message}");
    Finding { area: CheckArea::Join, code: NOT_READ, message, remedy: remedy.clone() }
}

/// Returns the area of a problem. `None` if the problem prevents only the creation or the deletion of the objects, not their use.
fn area_of_problem(problem: &Problem) -> Option<CheckArea> {
    match problem {
        Problem::NoCluster { .. } | Problem::ClusterNotReady { .. } => Some(CheckArea::Cluster),
        Problem::NoIssuer { .. }
        | Problem::NoOidcProvider { .. }
        | Problem::NoAudience { .. }
        | Problem::AssociationTaken { .. } => Some(CheckArea::Assume),
        Problem::NoAwsAuth { .. }
        | Problem::NoAccessEntries { .. }
        | Problem::OtherAccessEntry { .. }
        | Problem::OutdatedAccessEntry { .. }
        | Problem::AwsAuth(_) => Some(CheckArea::Join),
        Problem::NothingToDiscover { .. } | Problem::NoSuchResource { .. } | Problem::TagTaken { .. } => {
            Some(CheckArea::Tags)
        }
        Problem::NoNodeRole { .. }
        | Problem::ProfileHoldsOther { .. }
        | Problem::ProfileServesOther { .. }
        | Problem::OtherPath { .. }
        | Problem::OtherSpelling { .. }
        | Problem::OneRoleForBoth { .. }
        | Problem::UnknownPolicy { .. } => Some(CheckArea::Nodes),
        Problem::ControllerServesOther { .. } => Some(CheckArea::Permissions),
        // `check` never gets the last five, because they depend on the role and on the bounds of the function.
        Problem::RoleTaken { .. }
        | Problem::InstanceProfileTaken { .. }
        | Problem::TooManyObjectTags { .. }
        | Problem::TooManyPolicies { .. }
        | Problem::InlinePoliciesTooLarge { .. }
        | Problem::TooManyTags { .. }
        | Problem::RunningNodes { .. }
        | Problem::OtherProfiles { .. }
        | Problem::PassRoleNotAllowed { .. }
        | Problem::PassRoleDenied { .. }
        | Problem::PassRoleUnknown { .. }
        | Problem::QueueOutOfBounds { .. }
        | Problem::BoundsUnreadable { .. } => None,
    }
}

/// Returns area, code and message of the finding for a step; `None` if Karpenter does not depend on it.
fn finding_of_step(spec: &Spec, step: &Step, observed: &Observed) -> Option<(CheckArea, &'static str, String)> {
    let of_role =
        |name: &String| if *name == spec.controller_role_name { CheckArea::Permissions } else { CheckArea::Nodes };
    Some(match step {
        Step::Iam(IamStep::CreateRole { kind: RoleKind::Controller, name, .. }) => {
            (CheckArea::Assume, "KP0401", format!("role `{name}` does not exist"))
        }
        Step::Iam(IamStep::CreateRole { kind: RoleKind::Node, name, .. }) => {
            (CheckArea::Nodes, "KP0402", format!("role `{name}` does not exist"))
        }
        Step::Iam(IamStep::UpdateAssumeRolePolicy { name, .. }) => {
            let area = if *name == spec.controller_role_name { CheckArea::Assume } else { CheckArea::Nodes };
            (area, "KP0403", format!("role `{name}` has another trust policy"))
        }
        Step::Iam(IamStep::AttachRolePolicy { name, policy_arn }) => {
            (of_role(name), "KP0404", format!("role `{name}` does not have the managed policy {policy_arn}"))
        }
        Step::Iam(IamStep::PutRolePolicy { name, policy_name, document }) => {
            let missing: Vec<_> = permission_changes(inline_policy(observed, name, policy_name), document)
                .into_iter()
                .filter_map(|(change, line)| (change != PermissionChange::Removed).then_some(line))
                .collect();
            if missing.is_empty() {
                return None;
            }
            (
                CheckArea::Permissions,
                "KP0405",
                format!("the inline policy `{policy_name}` of role `{name}` does not allow\n{}", missing.join("\n")),
            )
        }
        Step::Iam(IamStep::PutRolePermissionsBoundary { name, permissions_boundary }) => (
            of_role(name),
            "KP0406",
            format!("role `{name}` does not have the permissions boundary {permissions_boundary}"),
        ),
        Step::Iam(IamStep::CreateInstanceProfile { name, .. }) => {
            (CheckArea::Nodes, "KP0407", format!("instance profile `{name}` does not exist"))
        }
        Step::Iam(IamStep::AddRoleToInstanceProfile { name, role }) => {
            (CheckArea::Nodes, "KP0408", format!("instance profile `{name}` does not contain role `{role}`"))
        }
        Step::Ec2(Ec2Step::CreateTags { ids, tags }) => {
            let tag = &spec.discovery_tag;
            // A call with markers only is for ownership.
            if tags.keys().all(|key| key.starts_with(PREFIX)) {
                return None;
            }
            (
                CheckArea::Tags,
                "KP0409",
                format!("these resources do not have the tag `{}` = `{}`: {}", tag.key, tag.value, ids.join(", ")),
            )
        }
        Step::AwsAuth(EditAwsAuth { change: Change::AddEntry { entry, .. }, .. }) => {
            let text = observed.aws_auth.config_map().and_then(|map| map.map_roles.as_deref());
            // Then the step only writes the annotation with the marker.
            if MapRoles::read(text, entry).is_ok_and(|list| list.presence() == Presence::Equal) {
                return None;
            }
            (
                CheckArea::Join,
                "KP0410",
                format!("mapRoles of kube-system/aws-auth has no entry for {}", NodeEntry::rolearn(entry)),
            )
        }
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) if observed.access_entry.is_some() => (
            CheckArea::Join,
            "KP0411",
            format!("the access entry for {principal_arn} is older than the role, so no node can join with it"),
        ),
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) => {
            (CheckArea::Join, "KP0412", format!("{principal_arn} has no access entry of type EC2_LINUX"))
        }
        Step::Iam(IamStep::CreateOpenIdConnectProvider { url, .. }) => {
            (CheckArea::Assume, "KP0413", format!("IAM has no OIDC provider for the issuer {url}"))
        }
        Step::Eks(EksStep::CreatePodIdentityAssociation { namespace, service_account, .. }) => (
            CheckArea::Assume,
            "KP0414",
            format!("service account `{namespace}/{service_account}` has no Pod Identity association"),
        ),
        Step::Eks(EksStep::UpdatePodIdentityAssociation { id, role_arn, .. }) => (
            CheckArea::Assume,
            "KP0415",
            format!("the Pod Identity association `{id}` does not have role {role_arn} with session tags"),
        ),
        _ => return None,
    })
}
