//! The parts that both roles have in common: creation, tags, trust policy, managed policies, permissions boundary and deletion.

use super::adoption::{may_use, name_problem, owner_text};
use super::tag_sync::{TagSync, sync_tags};
use crate::documents::policy;
use crate::identity::ownership::Tags;
use crate::observed::Role;
use crate::plan::context::{Context, Draft, Recheck, TornDown};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, RoleKind, Step, StepId, TaggedObject};
use crate::plan::warning::Warning;
use serde_json::Value;
use std::collections::BTreeSet;

/// IAM's default quota of managed policies on a role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICIES_MAX: usize = 10;

/// The desired state of a role.
pub(super) struct DesiredRole<'a> {
    pub(super) kind: RoleKind,
    pub(super) name: &'a str,
    /// The property that sets the name.
    pub(super) property: &'static str,
    /// A further remedy for [`Problem::RoleTaken`], or an empty text.
    pub(super) alternative: &'static str,
    /// The trust policy.
    pub(super) trust: Value,
    /// The step on which the trust policy depends.
    pub(super) trust_needs: Option<StepId>,
    /// The step on which every step on the role depends.
    pub(super) needs: Option<StepId>,
    /// The ARNs of the managed policies.
    pub(super) policy_arns: Vec<String>,
    /// The ARNs of the managed policies in the previous properties.
    pub(super) previous_policy_arns: Vec<String>,
    /// The property that adds managed policies.
    pub(super) policies_property: &'static str,
    pub(super) tags: Tags,
}

/// The steps on a role on which other steps may depend, each if it is planned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// The step that creates the role, or adds this generation's marker.
    pub(crate) claimed: Option<StepId>,
    /// The step that writes its trust policy.
    pub(crate) trust: Option<StepId>,
}

/// Plans one role. Every other step on the role follows its marker, because a teardown finds the role by the marker.
pub(super) fn reconcile(
    context: Context<'_>,
    wanted: &DesiredRole<'_>,
    found: Option<&Role>,
    draft: &mut Draft,
) -> Steps {
    let steps = match found {
        None => {
            let create = Step::Iam(IamStep::CreateRole {
                kind: wanted.kind,
                name: wanted.name.to_owned(),
                path: context.spec.path.clone(),
                trust: wanted.trust.clone(),
                permissions_boundary: context.spec.permissions_boundary.clone(),
                tags: wanted.tags.clone(),
            });
            let created = Some(draft.add(create, wanted.trust_needs.into_iter().chain(wanted.needs)));
            Steps { claimed: created, trust: created }
        }
        Some(found) => {
            if let Some(problem) = existing_role_problem(context, wanted, found) {
                draft.report(problem);
                return Steps::default();
            }
            update(context, wanted, found, draft)
        }
    };
    plan_managed_policies(wanted, found, steps.claimed, draft);
    steps
}

/// Returns a problem if a role of this name exists that cannot be used.
fn existing_role_problem(context: Context<'_>, wanted: &DesiredRole<'_>, found: &Role) -> Option<Problem> {
    if !may_use(context, &found.tags) {
        let owner = owner_text(&found.tags, &context.spec.scope);
        let (property, alternative) = (wanted.property, wanted.alternative);
        return Some(Problem::RoleTaken { name: found.name.clone(), owner, property, alternative });
    }
    name_problem("role", (&found.path, &found.name), (&context.spec.path, wanted.name), wanted.property)
}

/// Plans the tags, the trust policy and the permissions boundary of a role that exists.
fn update(context: Context<'_>, wanted: &DesiredRole<'_>, found: &Role, draft: &mut Draft) -> Steps {
    let name = wanted.name.to_owned();
    let tags = TagSync {
        object: TaggedObject::Role(&name),
        wanted: &wanted.tags,
        found: &found.tags,
        removes_stale_tags: true,
        needs: wanted.needs,
    };
    let claimed = sync_tags(context, tags, draft).or(wanted.needs);
    let trust = (!policy::equivalent(&found.trust, &wanted.trust)).then(|| {
        let needs = claimed.into_iter().chain(wanted.trust_needs);
        draft.add(IamStep::UpdateAssumeRolePolicy { name: name.clone(), trust: wanted.trust.clone() }, needs)
    });
    plan_permissions_boundary(context, name, found, claimed, draft);
    Steps { claimed, trust }
}

/// Plans the permissions boundary. If the properties have none, only the boundary of the previous properties is removed. A
/// boundary that another program or person set is kept.
fn plan_permissions_boundary(
    context: Context<'_>,
    name: String,
    found: &Role,
    claimed: Option<StepId>,
    draft: &mut Draft,
) {
    let current = found.permissions_boundary.as_ref();
    match &context.spec.permissions_boundary {
        Some(wanted) if current != Some(wanted) => {
            draft.add(IamStep::PutRolePermissionsBoundary { name, permissions_boundary: wanted.clone() }, claimed);
        }
        None if current.is_some()
            && context.previous.and_then(|previous| previous.permissions_boundary.as_ref()) == current =>
        {
            draft.add(IamStep::DeleteRolePermissionsBoundary { name }, claimed);
        }
        _ => {}
    }
}

/// Plans the managed policies: attaches those of the properties, and detaches those that only the previous properties have. Any
/// other policy on the role is kept.
fn plan_managed_policies(wanted: &DesiredRole<'_>, found: Option<&Role>, claimed: Option<StepId>, draft: &mut Draft) {
    let name = || wanted.name.to_owned();
    let is_attached = |arn: &&String| found.is_some_and(|found| found.attached.contains(*arn));
    let is_outdated = |arn: &&String| !wanted.policy_arns.contains(arn) && is_attached(arn);
    let missing: Vec<_> = wanted.policy_arns.iter().filter(|arn| !is_attached(arn)).collect();
    let outdated: Vec<_> = wanted.previous_policy_arns.iter().filter(is_outdated).collect();
    let total = found.map_or(0, |found| found.attached.len()) + missing.len();
    if !missing.is_empty() && POLICIES_MAX + outdated.len() < total {
        let (count, property) = (total - outdated.len(), wanted.policies_property);
        draft.report(Problem::TooManyPolicies { name: name(), count, property });
    }
    let attach = |needs: &[StepId], draft: &mut Draft| -> Vec<StepId> {
        let attach = |arn: &&String| {
            draft.add(IamStep::AttachRolePolicy { name: name(), policy_arn: (*arn).clone() }, needs.iter().copied())
        };
        missing.iter().map(attach).collect()
    };
    let detach = |needs: &[StepId], draft: &mut Draft| -> Vec<StepId> {
        let detach = |arn: &&String| {
            draft.add(IamStep::DetachRolePolicy { name: name(), policy_arn: (*arn).clone() }, needs.iter().copied())
        };
        outdated.iter().map(detach).collect()
    };
    let after = |steps: &[StepId]| claimed.iter().chain(steps).copied().collect::<Vec<_>>();
    // New policies are attached first, so that the role never lacks a permission. If the quota does not allow that, old policies
    // are detached first.
    if total <= POLICIES_MAX {
        let attached = attach(&after(&[]), draft);
        detach(&after(&attached), draft);
    } else {
        let detached = detach(&after(&[]), draft);
        attach(&after(&detached), draft);
    }
}

/// A role that is torn down, and the policies on it that this resource wrote. The deletion of any other policy gets a warning.
pub(super) struct RoleTeardown<'a> {
    pub(super) role: &'a Role,
    /// The ARNs of the managed policies that the properties attach.
    pub(super) attached: BTreeSet<String>,
    /// The name of the inline policy of this resource, if the role has one.
    pub(super) inline: Option<String>,
}

/// Plans the deletion of the role, or the removal of its markers, after `needs`.
pub(super) fn tear_down(
    torn_down: TornDown<'_>,
    removed: &RoleTeardown<'_>,
    needs: &[StepId],
    draft: &mut Draft,
) -> Recheck {
    let role = removed.role;
    let (name, keys) = (role.name.clone(), torn_down.keys(&role.tags));
    if !torn_down.deletes(TaggedObject::Role(&role.name), &role.tags) {
        if keys.is_empty() {
            return Recheck::Nothing;
        }
        let keeps_adopted = torn_down.keeps_adopted(&role.tags);
        if keeps_adopted {
            draft.warnings.push(Warning::AdoptedKept { kind: "role", name: name.clone() });
        }
        draft.add(IamStep::UntagRole { name, keys }, needs.iter().copied());
        return Recheck::everything_if(!keeps_adopted);
    }
    let mut emptied = needs.to_vec();
    for policy_arn in &role.attached {
        if !removed.attached.contains(policy_arn) {
            draft.warnings.push(Warning::PolicyDetached { arn: policy_arn.clone(), role: name.clone() });
        }
        let step = Step::Iam(IamStep::DetachRolePolicy { name: name.clone(), policy_arn: policy_arn.clone() });
        emptied.push(draft.add(step, needs.iter().copied()));
    }
    for policy_name in role.inline.keys() {
        if removed.inline.as_ref() != Some(policy_name) {
            draft.warnings.push(Warning::InlinePolicyDeleted { name: policy_name.clone(), role: name.clone() });
        }
        let step = Step::Iam(IamStep::DeleteRolePolicy { name: name.clone(), policy_name: policy_name.clone() });
        emptied.push(draft.add(step, needs.iter().copied()));
    }
    draft.add(IamStep::DeleteRole { name }, emptied);
    Recheck::Nothing
}
