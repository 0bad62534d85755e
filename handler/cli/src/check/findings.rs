//! (What is wanted, what a plan would do about it, the world) → findings.
//!
//! A plan that brings the world to what is wanted says what is missing. What it would do for its own sake, marks and
//! tags of ownership and the annotation, is no finding; nor is what it would take away.

use super::cure;
use crate::plan::{Grants, inline, statements};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::aws_auth::{NodeEntry, Presence, presence};
use karpenter_prereqs_core::documents::config_map::Change;
use karpenter_prereqs_core::identity::ownership::PREFIX;
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::{Ec2Step, EditAwsAuth, EksStep, IamStep, Plan, Problem, RoleKind, Step, Words};

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

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) area: Area,
    pub(super) missing: String,
    pub(super) cure: String,
}

/// What is missing.
pub(super) fn findings(spec: &Spec, plan: &Plan, problems: &[Problem], observed: &Observed) -> Vec<Finding> {
    let problems = problems.iter().filter_map(|problem| {
        let Words { message, remedy, .. } = problem.words();
        Some(Finding { area: area_of_problem(problem)?, missing: message, cure: remedy })
    });
    let steps = plan.steps().filter_map(|(_, step, _)| {
        let (area, missing) = missing(spec, step, observed)?;
        Some(Finding { area, missing, cure: cure::of(spec, step, observed) })
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

/// What is missing where a plan has this step.
fn missing(spec: &Spec, step: &Step, observed: &Observed) -> Option<(Area, String)> {
    let of_role = |name: &String| if *name == spec.controller_role_name { Area::Permissions } else { Area::Nodes };
    Some(match step {
        Step::Iam(IamStep::CreateRole { kind: RoleKind::Controller, name, .. }) => {
            (Area::Assume, format!("there is no role `{name}`"))
        }
        Step::Iam(IamStep::CreateRole { kind: RoleKind::Node, name, .. }) => {
            (Area::Nodes, format!("there is no role `{name}`"))
        }
        Step::Iam(IamStep::UpdateAssumeRolePolicy { name, .. }) => {
            let area = if *name == spec.controller_role_name { Area::Assume } else { Area::Nodes };
            (area, format!("the trust policy of role `{name}` is not as it must be"))
        }
        Step::Iam(IamStep::AttachRolePolicy { name, policy_arn }) => {
            (of_role(name), format!("role `{name}` lacks the managed policy {policy_arn}"))
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
                format!("the inline policy `{policy_name}` of role `{name}` lacks\n{}", lacks.join("\n")),
            )
        }
        Step::Iam(IamStep::PutRolePermissionsBoundary { name, permissions_boundary }) => {
            (of_role(name), format!("role `{name}` is not bounded by {permissions_boundary}"))
        }
        Step::Iam(IamStep::CreateInstanceProfile { name, .. }) => {
            (Area::Nodes, format!("there is no instance profile `{name}`"))
        }
        Step::Iam(IamStep::AddRoleToInstanceProfile { name, role }) => {
            (Area::Nodes, format!("instance profile `{name}` does not hold role `{role}`"))
        }
        Step::Ec2(Ec2Step::CreateTags { ids, tags }) => {
            let tag = &spec.discovery_tag;
            // Its own marks alone are nobody's loss.
            if tags.keys().all(|key| key.starts_with(PREFIX)) {
                return None;
            }
            (Area::Tags, format!("{} lack the tag `{}` = `{}`", ids.join(", "), tag.key, tag.value))
        }
        Step::AwsAuth(EditAwsAuth { change: Change::Admit { entry, .. }, .. }) => {
            let text = observed.aws_auth.config_map().and_then(|map| map.map_roles.as_deref());
            if matches!(presence(text, entry), Ok(Presence::Equal)) {
                return None;
            }
            (Area::Join, format!("mapRoles of kube-system/aws-auth has no entry for {}", NodeEntry::rolearn(entry)))
        }
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) if observed.access_entry.is_some() => {
            (Area::Join, format!("the access entry for {principal_arn} is of a former role of that name"))
        }
        Step::Eks(EksStep::CreateAccessEntry { principal_arn, .. }) => {
            (Area::Join, format!("there is no access entry of type EC2_LINUX for {principal_arn}"))
        }
        Step::Iam(IamStep::CreateOpenIdConnectProvider { url, .. }) => {
            (Area::Assume, format!("IAM has no OIDC provider for the issuer {url}"))
        }
        Step::Eks(EksStep::CreatePodIdentityAssociation { namespace, service_account, .. }) => {
            (Area::Assume, format!("service account `{namespace}/{service_account}` has no Pod Identity association"))
        }
        Step::Eks(EksStep::UpdatePodIdentityAssociation { id, role_arn, .. }) => {
            (Area::Assume, format!("the Pod Identity association `{id}` does not lead to {role_arn} with session tags"))
        }
        _ => return None,
    })
}
