//! What the two roles have in common: creation, tags, trust policy, attached policies, permissions boundary, and removal.

use super::adoption::{may_use, name_problem, owner_text};
use super::tagging::{Object, TagSync, sync_tags};
use crate::documents::policy;
use crate::identity::ownership::Tags;
use crate::observed::Role;
use crate::plan::context::{Context, Departing, Draft, Recheck};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, RoleKind, Step, StepId};
use crate::plan::warning::Warning;
use serde_json::Value;
use std::collections::BTreeSet;

/// IAM's default quota of managed policies on a role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICIES_MAX: usize = 10;

/// A role as it should be.
pub(super) struct DesiredRole<'a> {
    pub(super) kind: RoleKind,
    pub(super) name: &'a str,
    /// The property that names it.
    pub(super) property: &'static str,
    pub(super) alternative: &'static str,
    pub(super) trust: Value,
    /// What the trust needs.
    pub(super) trusted: Option<StepId>,
    /// What comes before anything is done to the role.
    pub(super) first: Option<StepId>,
    pub(super) policy_arns: Vec<String>,
    /// The same by the old properties.
    pub(super) previous_policy_arns: Vec<String>,
    pub(super) policies_property: &'static str,
    pub(super) tags: Tags,
}

/// The steps on a role that others may depend on, each if it is planned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// The step that makes the role this generation's: its creation, or its marker.
    pub(crate) claimed: Option<StepId>,
    /// The step that writes its trust policy.
    pub(crate) trust: Option<StepId>,
}

/// Plans one role. A teardown knows by the marker what to remove, so whatever is done to the role comes after it.
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
            let created = Some(draft.add(create, wanted.trusted.into_iter().chain(wanted.first)));
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

/// Why a role that exists is not the one that is wanted.
fn existing_role_problem(context: Context<'_>, wanted: &DesiredRole<'_>, found: &Role) -> Option<Problem> {
    if !may_use(context, &found.tags) {
        let owner = owner_text(&found.tags, &context.spec.scope);
        let (property, alternative) = (wanted.property, wanted.alternative);
        return Some(Problem::RoleTaken { name: found.name.clone(), owner, property, alternative });
    }
    name_problem("role", (&found.path, &found.name), (&context.spec.path, wanted.name), wanted.property)
}

fn update(context: Context<'_>, wanted: &DesiredRole<'_>, found: &Role, draft: &mut Draft) -> Steps {
    let name = wanted.name.to_owned();
    let tags = TagSync {
        object: Object::Role(&name),
        wanted: &wanted.tags,
        found: &found.tags,
        removes_stale_tags: true,
        needs: wanted.first,
    };
    let claimed = sync_tags(context, tags, draft).or(wanted.first);
    let trust = (!policy::equivalent(&found.trust, &wanted.trust)).then(|| {
        let needs = claimed.into_iter().chain(wanted.trusted);
        draft.add(IamStep::UpdateAssumeRolePolicy { name: name.clone(), trust: wanted.trust.clone() }, needs)
    });
    plan_permissions_boundary(context, name, found, claimed, draft);
    Steps { claimed, trust }
}

/// Plans the permissions boundary: what is wanted, or without what was and is not any more. Somebody else's stays.
fn plan_permissions_boundary(
    context: Context<'_>,
    name: String,
    found: &Role,
    claimed: Option<StepId>,
    draft: &mut Draft,
) {
    let there = found.permissions_boundary.as_ref();
    match &context.spec.permissions_boundary {
        Some(wanted) if there != Some(wanted) => {
            draft.add(IamStep::PutRolePermissionsBoundary { name, permissions_boundary: wanted.clone() }, claimed);
        }
        None if there.is_some() && context.old.and_then(|old| old.permissions_boundary.as_ref()) == there => {
            draft.add(IamStep::DeleteRolePermissionsBoundary { name }, claimed);
        }
        _ => {}
    }
}

/// Plans the managed policies: those that are wanted, then without those that were and are not any more. Others'
/// stay.
fn plan_managed_policies(wanted: &DesiredRole<'_>, found: Option<&Role>, claimed: Option<StepId>, draft: &mut Draft) {
    let name = || wanted.name.to_owned();
    let attached = |arn: &&String| found.is_some_and(|found| found.attached.contains(*arn));
    let missing: Vec<_> = wanted.policy_arns.iter().filter(|arn| !attached(arn)).collect();
    let departing: Vec<_> =
        wanted.previous_policy_arns.iter().filter(|arn| !wanted.policy_arns.contains(arn) && attached(arn)).collect();
    let both = found.map_or(0, |found| found.attached.len()) + missing.len();
    if !missing.is_empty() && POLICIES_MAX + departing.len() < both {
        let (count, property) = (both - departing.len(), wanted.policies_property);
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
        departing.iter().map(detach).collect()
    };
    let first = |step: &[StepId]| claimed.iter().chain(step).copied().collect::<Vec<_>>();
    if both <= POLICIES_MAX {
        let attached = attach(&first(&[]), draft);
        detach(&first(&attached), draft);
    } else {
        let detached = detach(&first(&[]), draft);
        attach(&first(&detached), draft);
    }
}

/// A role that generations leave, and what they put on it themselves.
pub(super) struct RoleTeardown<'a> {
    pub(super) role: &'a Role,
    /// The managed policies that the properties attach.
    pub(super) attached: BTreeSet<String>,
    /// The inline policy that is ours.
    pub(super) inline: Option<String>,
}

/// Plans the role's end, or its marker's, after `needs`.
pub(super) fn tear_down(
    departing: Departing<'_>,
    removed: &RoleTeardown<'_>,
    needs: &[StepId],
    draft: &mut Draft,
) -> Recheck {
    let role = removed.role;
    let (name, keys) = (role.name.clone(), departing.keys(&role.tags));
    if !departing.deletes(&role.tags) {
        if keys.is_empty() {
            return Recheck::Nothing;
        }
        let keeps_adopted = departing.keeps_adopted(&role.tags);
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
