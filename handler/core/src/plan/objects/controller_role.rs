//! The controller role, with the inline policy that Karpenter needs.

use super::controller_identity::{self, Issuer};
use super::controller_policy::controller_policy;
use super::controller_trust::controller_trust;
use super::pass_role;
use super::role::{self, DesiredRole, RoleTeardown, Steps};
use crate::desired::spec::CONTROLLER_POLICY_PREFIX;
use crate::documents::policy;
use crate::identity::ownership::arn_marker_value;
use crate::observed::Role;
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, Plan, RoleKind, Step, StepId, TaggedObject};
use serde_json::Value;

/// The steps on which the controller role depends, each if it is planned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prerequisites {
    /// The step that creates the OIDC provider of the issuer.
    pub(crate) provider: Option<StepId>,
    /// The step in which IAM checks iam:PassRole on a node role that this stack did not create.
    pub(crate) pass_role_checked: Option<StepId>,
    /// The step that creates or tags the node role, or adds it to the instance profile. The policy that passes the role depends
    /// on it.
    pub(crate) node_role: Option<StepId>,
}

/// Plans the controller role and its policy. Plans nothing if the issuer is missing, because the role would trust nothing.
/// [`controller_identity::issuer`] reports that problem.
pub(crate) fn reconcile(
    context: Context<'_>,
    issuer: Issuer<'_>,
    prerequisites: Prerequisites,
    draft: &mut Draft,
) -> Steps {
    if matches!(issuer, Issuer::Missing) {
        return Steps::default();
    }
    let Prerequisites { provider, pass_role_checked, node_role } = prerequisites;
    let (spec, found) = (context.spec, context.observed.controller_role.as_ref());
    let stale_associations = controller_identity::stale_associations(context).map(|(account, _)| account);
    let issuer = issuer.url().or_else(|| controller_identity::previous_issuer(context));
    let wanted = DesiredRole {
        kind: RoleKind::Controller,
        name: &spec.controller_role_name,
        property: "ControllerRoleName",
        alternative: "",
        trust: controller_trust(spec, issuer, stale_associations),
        trust_needs: provider,
        needs: pass_role_checked,
        policy_arns: spec.controller_policy_arns.clone(),
        previous_policy_arns: context
            .previous
            .map(|previous| previous.controller_policy_arns.clone())
            .unwrap_or_default(),
        policies_property: "ControllerPolicyArns",
        tags: context.tags(&arn_marker_value(&spec.node_role_arn())),
    };
    draft.report(found.and_then(|found| serves_another_cluster(context, found)));
    let steps = role::reconcile(context, &wanted, found, draft);
    plan_policy(context, steps.claimed.into_iter().chain(node_role), draft);
    steps
}

/// Returns a problem if another generation uses the role for another cluster. A controller role has the policy of one cluster
/// only.
fn serves_another_cluster(context: Context<'_>, found: &Role) -> Option<Problem> {
    let policy_name = context.spec.controller_policy_name();
    let is_foreign = |name: &&String| name.starts_with(CONTROLLER_POLICY_PREFIX) && **name != policy_name;
    let foreign = found.inline.keys().find(is_foreign).filter(|_| context.has_foreign_marker(&found.tags))?;
    Some(Problem::ControllerServesOther { name: found.name.clone(), policy: foreign.clone() })
}

/// Plans the controller's policy: the permissions that the properties ask for, with iam:PassRole on the node roles of all
/// generations that share the role.
fn plan_policy(context: Context<'_>, needs: impl Iterator<Item = StepId>, draft: &mut Draft) {
    let (spec, found) = (context.spec, context.observed.controller_role.as_ref());
    let policy_name = spec.controller_policy_name();
    let others =
        |found| pass_role::passable_for_others(spec, context.markers, found, &context.observed.proven_node_roles);
    let mut passable = found.map(others).unwrap_or_default();
    passable.insert(spec.node_role_arn());
    let document = controller_policy(spec, &passable);
    let current = found.and_then(|found| found.inline_document(&policy_name));
    if current.is_none_or(|current| !policy::equivalent(current, &document)) {
        draft.report(found.and_then(|found| inline_policies_too_large(found, &policy_name, &document)));
        draft.add(IamStep::PutRolePolicy { name: spec.controller_role_name.clone(), policy_name, document }, needs);
    }
}

/// Returns a problem if the role cannot have this inline policy beside its others. A role without others has room for the policy of
/// any two versions.
fn inline_policies_too_large(found: &Role, policy_name: &str, document: &Value) -> Option<Problem> {
    let others: Vec<_> = found
        .inline
        .iter()
        .filter(|(name, _)| *name != policy_name)
        .filter_map(|(name, document)| Some((name.clone(), policy::size(document.as_ref()?))))
        .collect();
    let size = policy::size(document);
    let total = others.iter().map(|(_, size)| size).sum::<usize>() + size;
    (policy::INLINE_MAX < total).then(|| Problem::InlinePoliciesTooLarge {
        name: found.name.clone(),
        total,
        size,
        others,
    })
}

/// Returns whether the plan writes the policy of a controller role that has markers of other generations.
pub(crate) fn updates_shared_policy(context: Context<'_>, plan: &Plan) -> bool {
    let found = context.observed.controller_role.as_ref();
    let is_shared = found.is_some_and(|role| context.has_foreign_marker(&role.tags));
    is_shared && plan.steps().any(|(_, step, _)| matches!(step, Step::Iam(IamStep::PutRolePolicy { .. })))
}

/// Plans the deletion of the controller role, or the removal of its markers. It depends on `access_steps`, which remove the node
/// access, and on `association_steps`.
pub(crate) fn tear_down(
    teardown: Teardown<'_>,
    access_steps: &[StepId],
    association_steps: &[StepId],
    draft: &mut Draft,
) -> Recheck {
    let Some(role) = &teardown.observed.controller_role else { return Recheck::Nothing };
    let policy_step = remove_pass_role_targets(teardown, role, access_steps, draft);
    let needs: Vec<_> =
        access_steps.iter().copied().chain(policy_step).chain(association_steps.iter().copied()).collect();
    let spec = teardown.spec;
    let attached = spec.controller_policy_arns.iter().cloned().collect();
    let removed = RoleTeardown { role, attached, inline: Some(spec.controller_policy_name()) };
    role::tear_down(teardown.torn_down, &removed, &needs, draft)
}

/// Removes the node roles of the generations that are torn down from the controller's iam:PassRole, before their markers are
/// removed. After the teardown it is checked once more, because another run may have read the policy before this change and
/// written it after.
fn remove_pass_role_targets(
    teardown: Teardown<'_>,
    role: &Role,
    needs: &[StepId],
    draft: &mut Draft,
) -> Option<StepId> {
    let Teardown { spec, torn_down, observed } = teardown;
    let may_be_overwritten = torn_down.is_recheck() && torn_down.owner.is_same_stack(&role.tags);
    let is_deleted = torn_down.deletes(TaggedObject::Role(&role.name), &role.tags);
    let is_kept_for_others = !is_deleted && !torn_down.keeps_adopted(&role.tags);
    if torn_down.keys(&role.tags).is_empty() && !may_be_overwritten || !is_kept_for_others {
        return None;
    }
    let policy_name = spec.controller_policy_name();
    let current = role.inline_document(&policy_name)?;
    let passable = pass_role::passable_for_others(spec, torn_down.markers, role, &observed.proven_node_roles);
    // The rest of the policy belongs to the generations that are kept, so it stays even if these properties ask for something
    // else.
    let document = policy::with_pass_role_arns(current, &passable)?;
    (!policy::equivalent(current, &document)).then(|| {
        draft.add(IamStep::PutRolePolicy { name: role.name.clone(), policy_name, document }, needs.iter().copied())
    })
}
