//! What the two roles have in common: creation, tags, trust policy, attached policies, permissions boundary, and removal.

use super::adoption::{elsewhere, is_admitted, owner_of};
use super::tagging::{Object, Retag, retag};
use crate::documents::policy;
use crate::identity::ownership::Tags;
use crate::observed::Role;
use crate::plan::context::{Context, Departing, Draft, Recheck};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, RoleKind, Step, StepId};
use serde_json::Value;
use std::collections::BTreeSet;

/// IAM's default quota of managed policies on a role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICIES_MAX: usize = 10;

/// A role as it should be.
pub(super) struct Wanted<'a> {
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
    pub(super) formerly: Vec<String>,
    pub(super) policies_property: &'static str,
    pub(super) tags: Tags,
}

/// The steps on a role that others may depend on, each if it is planned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// The step that makes the role this generation's: its creation, or its marker.
    pub(crate) ready: Option<StepId>,
    /// The step that writes its trust policy.
    pub(crate) trust: Option<StepId>,
}

/// Plans one role. A teardown knows by the marker what to remove, so whatever is done to the role comes after it.
pub(super) fn reconcile(context: Context<'_>, wanted: &Wanted<'_>, found: Option<&Role>, draft: &mut Draft) -> Steps {
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
            Steps { ready: created, trust: created }
        }
        Some(found) => {
            if let Some(problem) = unusable(context, wanted, found) {
                draft.report(problem);
                return Steps::default();
            }
            update(context, wanted, found, draft)
        }
    };
    attachments(wanted, found, steps.ready, draft);
    steps
}

/// Why a role that exists is not the one that is wanted.
fn unusable(context: Context<'_>, wanted: &Wanted<'_>, found: &Role) -> Option<Problem> {
    if !is_admitted(context, &found.tags) {
        let owner = owner_of(&found.tags, &context.spec.scope);
        let (property, alternative) = (wanted.property, wanted.alternative);
        return Some(Problem::RoleTaken { name: found.name.clone(), owner, property, alternative });
    }
    elsewhere("role", (&found.path, &found.name), (&context.spec.path, wanted.name), wanted.property)
}

fn update(context: Context<'_>, wanted: &Wanted<'_>, found: &Role, draft: &mut Draft) -> Steps {
    let name = wanted.name.to_owned();
    let tags = Retag {
        object: Object::Role(&name),
        wanted: &wanted.tags,
        found: &found.tags,
        takes_away: true,
        needs: wanted.first,
    };
    let ready = retag(context, tags, draft).or(wanted.first);
    let trust = (!policy::equivalent(&found.trust, &wanted.trust)).then(|| {
        let needs = ready.into_iter().chain(wanted.trusted);
        draft.add(IamStep::UpdateAssumeRolePolicy { name: name.clone(), trust: wanted.trust.clone() }, needs)
    });
    bounded(context, name, found, ready, draft);
    Steps { ready, trust }
}

/// Plans the permissions boundary: what is wanted, or without what was and is not any more. Somebody else's stays.
fn bounded(context: Context<'_>, name: String, found: &Role, ready: Option<StepId>, draft: &mut Draft) {
    let there = found.permissions_boundary.as_ref();
    match &context.spec.permissions_boundary {
        Some(wanted) if there != Some(wanted) => {
            draft.add(IamStep::PutRolePermissionsBoundary { name, permissions_boundary: wanted.clone() }, ready);
        }
        None if there.is_some() && context.old.and_then(|old| old.permissions_boundary.as_ref()) == there => {
            draft.add(IamStep::DeleteRolePermissionsBoundary { name }, ready);
        }
        _ => {}
    }
}

/// Plans the managed policies: those that are wanted, then without those that were and are not any more. Others'
/// stay.
fn attachments(wanted: &Wanted<'_>, found: Option<&Role>, ready: Option<StepId>, draft: &mut Draft) {
    let name = || wanted.name.to_owned();
    let attached = |arn: &&String| found.is_some_and(|found| found.attached.contains(*arn));
    let missing: Vec<_> = wanted.policy_arns.iter().filter(|arn| !attached(arn)).collect();
    let leaving: Vec<_> =
        wanted.formerly.iter().filter(|arn| !wanted.policy_arns.contains(arn) && attached(arn)).collect();
    let both = found.map_or(0, |found| found.attached.len()) + missing.len();
    if !missing.is_empty() && POLICIES_MAX + leaving.len() < both {
        let (count, property) = (both - leaving.len(), wanted.policies_property);
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
        leaving.iter().map(detach).collect()
    };
    let first = |step: &[StepId]| ready.iter().chain(step).copied().collect::<Vec<_>>();
    if both <= POLICIES_MAX {
        let attached = attach(&first(&[]), draft);
        detach(&first(&attached), draft);
    } else {
        let detached = detach(&first(&[]), draft);
        attach(&first(&detached), draft);
    }
}

/// A role that generations leave, and what they put on it themselves.
pub(super) struct Left<'a> {
    pub(super) role: &'a Role,
    /// The managed policies that the properties attach.
    pub(super) attached: BTreeSet<String>,
    /// The inline policy that is ours.
    pub(super) inline: Option<String>,
}

/// Plans the role's end, or its marker's, after `needs`.
pub(super) fn tear_down(leaving: Departing<'_>, left: &Left<'_>, needs: &[StepId], draft: &mut Draft) -> Recheck {
    let role = left.role;
    let (name, keys) = (role.name.clone(), leaving.keys(&role.tags));
    if !leaving.ends(&role.tags) {
        if keys.is_empty() {
            return Recheck::Nothing;
        }
        let gives_back = leaving.gives_back(&role.tags);
        if gives_back {
            draft.warnings.push(format!("role `{name}` is left: it was adopted"));
        }
        draft.add(IamStep::UntagRole { name, keys }, needs.iter().copied());
        return Recheck::everything_if(!gives_back);
    }
    let mut emptied = needs.to_vec();
    for policy_arn in &role.attached {
        if !left.attached.contains(policy_arn) {
            draft.warnings.push(format!(
                "policy `{policy_arn}`, attached to role `{name}` by somebody else, is detached with it"
            ));
        }
        let step = Step::Iam(IamStep::DetachRolePolicy { name: name.clone(), policy_arn: policy_arn.clone() });
        emptied.push(draft.add(step, needs.iter().copied()));
    }
    for policy_name in role.inline.keys() {
        if left.inline.as_ref() != Some(policy_name) {
            draft.warnings.push(format!(
                "inline policy `{policy_name}`, put on role `{name}` by somebody else, is deleted with it"
            ));
        }
        let step = Step::Iam(IamStep::DeleteRolePolicy { name: name.clone(), policy_name: policy_name.clone() });
        emptied.push(draft.add(step, needs.iter().copied()));
    }
    draft.add(IamStep::DeleteRole { name }, emptied);
    Recheck::Nothing
}
