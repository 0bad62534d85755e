//! The steps and problems of a plan → findings.
//!
//! `check` plans a Create that adopts existing objects. Each problem is a finding, and each step that Karpenter depends on. Steps for
//! ownership alone (markers, owner tags, annotations) are not findings, and neither are removals.

use super::remedy;
use crate::plan::{Grants, inline, statements};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::aws_auth::{NodeEntry, Presence, presence};
use karpenter_prereqs_core::documents::config_map::Change;
use karpenter_prereqs_core::identity::ownership::PREFIX;
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::{
    Ec2Step, EditAwsAuth, EksStep, IamStep, Plan, Problem, ProblemText, RoleKind, Step,
};

/// What is asked of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Cluster,
    Assume,
    Permissions,
    Nodes,
    Join,
    Tags,
}

impl Area {
    pub(super) const ALL: [Self; 6] =
        [Self::Cluster, Self::Assume, Self::Permissions, Self::Nodes, Self::Join, Self::Tags];

    /// The question, as it is shown.
    pub(super) fn question(self) -> &'static str {
        match self {
            Self::Cluster => "The cluster is there",
            Self::Assume => "Karpenter can assume its role",
            Self::Permissions => "Karpenter has its permissions",
            Self::Nodes => "Nodes have their role, policies and instance profile",
            Self::Join => "Nodes can join the cluster",
            Self::Tags => "Karpenter finds subnets and security groups by their tags",
        }
    }
}

/// What Karpenter lacks, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) area: Area,
    /// `KP` and four digits. A code is never used for another finding. docs/troubleshooting.md lists all.
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) remedy: String,
}

/// Returns the findings, problems first.
pub(super) fn findings(spec: &Spec, plan: &Plan, problems: &[Problem], observed: &Observed) -> Vec<Finding> {
    let problems = problems.iter().filter_map(|problem| {
        let ProblemText { code, message, remedy } = problem.text();
        Some(Finding { area: area_of_problem(problem)?, code, message, remedy })
    });
    let steps = plan.steps().filter_map(|(_, step, _)| {
        let (area, code, message) = finding(spec, step, observed)?;
        Some(Finding { area, code, message, remedy: remedy::of(spec, step, observed) })
    });
    problems.chain(steps).collect()
}

/// What a problem is about; `None` for what stands in the way of making the objects, and not of using them.
fn area_of_problem(problem: &Problem) -> Option<Area> {
    match problem {
        Problem::NoCluster { .. } | Problem::ClusterNotReady { .. } => Some(Area::Cluster),
        Problem::NoIssuer { .. }
        | Problem::NoOidcProvider { .. }
        | Problem::NoAudience { .. }
        | Problem::AssociationTaken { .. } => Some(Area::Assume),
        Problem::NoAwsAuth { .. }
        | Problem::NoAccessEntries { .. }
        | Problem::OtherAccessEntry { .. }
        | Problem::DeadAccessEntry { .. }
        | Problem::AwsAuth(_) => Some(Area::Join),
        Problem::NothingToDiscover { .. } | Problem::NoSuchResource { .. } | Problem::TagConflict { .. } => {
            Some(Area::Tags)
        }
        Problem::NoNodeRole { .. }
        | Problem::ProfileHoldsOther { .. }
        | Problem::ProfileServesOther { .. }
        | Problem::OtherPath { .. }
        | Problem::OtherSpelling { .. }
        | Problem::OneRoleForBoth { .. }
        | Problem::UnknownPolicy { .. } => Some(Area::Nodes),
        Problem::ControllerServesOther { .. } => Some(Area::Permissions),
        // The last five are the function's own: nobody else knows its role and its bounds.
        Problem::RoleTaken { .. }
        | Problem::InstanceProfileTaken { .. }
        | Problem::TooManyObjectTags { .. }
        | Problem::TooManyPolicies { .. }
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
fn finding(spec: &Spec, step: &Step, observed: &Observed) -> Option<(Area, &'static str, String)> {
    let of_role = |name: &String| if *name == spec.controller_role_name { Area::Permissions } else { Area::Nodes };
    Some(match step {
        Step::Iam(IamStep::CreateRole { kind: RoleKind::Controller, name, .. }) => {
            (Area::Assume, "KP0401", format!("role `{name}` does not exist"))
        }
        Step::Iam(IamStep::CreateRole { kind: RoleKind::Node, name, .. }) => {
            (Area::Nodes, "KP0402", format!("role `{name}` does not exist"))
        }
        Step::Iam(IamStep::UpdateAssumeRolePolicy { name, .. }) => {
            let area = if *name == spec.controller_role_name { Area::Assume } else { Area::Nodes };
            (area, "KP0403", format!("role `{name}` has another trust policy"))
        }
        Step::Iam(IamStep::AttachRolePolicy { name, policy_arn }) => {
            (of_role(name), "KP0404", format!("role `{name}` does not have the managed policy {policy_arn}"))
        }
        Step::Iam(IamStep::PutRolePolicy { name, policy_name, document }) => {
            let lacks: Vec<_> = statements(inline(observed, name, policy_name), document)
                .into_iter()
                .filter_map(|(grants, line)| (grants != Grants::Less).then_some(line))
                .collect();
            if lacks.is_empty() {
                return None;
            }
            (
                Area::Permissions,
                "KP0405",
                format!("the inline policy `{policy_name}` of role `{name}` does not allow\n{}", lacks.join("\n")),
            )
        }
        Step::Iam(IamStep::PutRolePermissionsBoundary { name, permissions_boundary }) => (
            of_role(name),
            "KP0406",
            format!("role `{name}` does not have the permissions boundary {permissions_boundary}"),
        ),
        Step::Iam(IamStep::CreateInstanceProfile { name, .. }) => {
            (Area::Nodes, "KP0407", format!("instance profile `{name}` does not exist"))
        }
        Step::Iam(IamStep::AddRoleToInstanceProfile { name, role }) => {
            (Area::Nodes, "KP0408", format!("instance profile `{name}` does not contain role `{role}`"))
        }
        Step::Ec2(Ec2Step::CreateTags { ids, tags }) => {
            let tag = &spec.discovery_tag;
            // Karpenter does not depend on markers.
            if tags.keys().all(|key| key.starts_with(PREFIX)) {
                return None;
            }
            (
                Area::Tags,
                "KP0409",
                format!("these resources do not have the tag `{}` = `{}`: {}", tag.key, tag.value, ids.join(", ")),
            )
        }
        Step::AwsAuth(EditAwsAuth { change: Change::AddEntry { entry, .. }, .. }) => {
            let text = observed.aws_auth.config_map().and_then(|map| map.map_roles.as_deref());
            if matches!(presence(text, entry), Ok(Presence::Equal)) {
                return None;
            }
            (
                Area::Join,
                "KP0410",
                format!("mapRoles of kube-system/aws-auth has no entry for {}", NodeEntry::rolearn(entry)),
            )
        }
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) if observed.access_entry.is_some() => (
            Area::Join,
            "KP0411",
            format!("the access entry for {principal_arn} is older than the role, so no node can join with it"),
        ),
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) => {
            (Area::Join, "KP0412", format!("{principal_arn} has no access entry of type EC2_LINUX"))
        }
        Step::Iam(IamStep::CreateOpenIdConnectProvider { url, .. }) => {
            (Area::Assume, "KP0413", format!("IAM has no OIDC provider for the issuer {url}"))
        }
        Step::Eks(EksStep::CreatePodIdentityAssociation { namespace, service_account, .. }) => (
            Area::Assume,
            "KP0414",
            format!("service account `{namespace}/{service_account}` has no Pod Identity association"),
        ),
        Step::Eks(EksStep::UpdatePodIdentityAssociation { id, role_arn, .. }) => (
            Area::Assume,
            "KP0415",
            format!("the Pod Identity association `{id}` does not have role {role_arn} with session tags"),
        ),
        _ => return None,
    })
}
