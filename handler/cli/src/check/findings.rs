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
use karpenter_prereqs_core::plan::{Ec2Step, EditAwsAuth, EksStep, IamStep, Plan, Refusal, RoleKind, Step};

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
pub(super) fn findings(spec: &Spec, plan: &Plan, refusals: &[Refusal], observed: &Observed) -> Vec<Finding> {
    let refused = refusals.iter().filter_map(|refusal| {
        let area = area_of_refusal(refusal)?;
        let (missing, cure) = match refusal {
            // Its words quote the text, and end in what to do.
            Refusal::AwsAuth(words) => (words.clone(), "edit aws-auth by hand, with the cluster's creator".to_owned()),
            refusal => split(&refusal.to_string()),
        };
        Some(Finding { area, missing, cure })
    });
    let steps = plan.steps().filter_map(|(_, step, _)| {
        let (area, missing) = missing(spec, step, observed)?;
        Some(Finding { area, missing, cure: cure::of(spec, step, observed) })
    });
    refused.chain(steps).collect()
}

/// A refusal says what is wrong and, after its last colon, what to do.
fn split(refusal: &str) -> (String, String) {
    let (wrong, cure) = refusal.rsplit_once(": ").unwrap_or((refusal, "see the README's table of errors"));
    (wrong.to_owned(), cure.to_owned())
}

/// What a refusal is about; `None` for what stands in the way of making the objects, and not of using them.
fn area_of_refusal(refusal: &Refusal) -> Option<Area> {
    match refusal {
        Refusal::NoCluster { .. } | Refusal::ClusterNotReady { .. } => Some(Area::Cluster),
        Refusal::NoIssuer { .. }
        | Refusal::NoOidcProvider { .. }
        | Refusal::NoAudience { .. }
        | Refusal::AssociationTaken { .. } => Some(Area::Assume),
        Refusal::NoAwsAuth { .. }
        | Refusal::NoAccessEntries { .. }
        | Refusal::OtherAccessEntry { .. }
        | Refusal::DeadAccessEntry { .. }
        | Refusal::AwsAuth(_) => Some(Area::Join),
        Refusal::NothingToDiscover { .. } | Refusal::NoSuchResource { .. } | Refusal::TagConflict { .. } => {
            Some(Area::Tags)
        }
        Refusal::NoNodeRole { .. }
        | Refusal::ProfileHoldsOther { .. }
        | Refusal::ProfileServesOther { .. }
        | Refusal::OtherPath { .. }
        | Refusal::OtherSpelling { .. }
        | Refusal::OneRoleForBoth { .. }
        | Refusal::UnknownPolicy { .. } => Some(Area::Nodes),
        Refusal::ControllerServesOther { .. } => Some(Area::Permissions),
        // The last five are the function's own: nobody else knows its role and its bounds.
        Refusal::RoleTaken { .. }
        | Refusal::InstanceProfileTaken { .. }
        | Refusal::TooManyObjectTags { .. }
        | Refusal::TooManyPolicies { .. }
        | Refusal::TooManyTags { .. }
        | Refusal::RunningNodes { .. }
        | Refusal::OtherProfiles { .. }
        | Refusal::PassRoleNotAllowed { .. }
        | Refusal::PassRoleDenied { .. }
        | Refusal::PassRoleUnknown { .. }
        | Refusal::QueueOutOfBounds { .. }
        | Refusal::BoundsUnreadable { .. } => None,
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
