//! The controller role, and the inline policy with which Karpenter works.

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
use crate::plan::step::{IamStep, Plan, RoleKind, Step, StepId};

/// The steps that the controller role waits for, each if it is planned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prerequisites {
    /// The one that creates the issuer's OIDC provider.
    pub(crate) provider: Option<StepId>,
    /// The one in which IAM lets a node role be passed that this stack did not create.
    pub(crate) passed: Option<StepId>,
    /// The one that creates or tags the node role, or adds it to the profile: the policy that passes it waits for that.
    pub(crate) node_role: Option<StepId>,
}

/// Plans the controller role and its policy. Without an issuer that is wanted and missing, which is refused elsewhere, there is
/// nothing to trust, and nothing is planned.
pub(crate) fn reconcile(
    context: Context<'_>,
    issuer: Issuer<'_>,
    prerequisites: Prerequisites,
    draft: &mut Draft,
) -> Steps {
    if matches!(issuer, Issuer::Missing) {
        return Steps::default();
    }
    let Prerequisites { provider, passed, node_role } = prerequisites;
    let (spec, found) = (context.spec, context.observed.controller_role.as_ref());
    let stale_associations = controller_identity::stale_associations(context).map(|(account, _)| account);
    let issuer = issuer.url().or_else(|| controller_identity::previous_issuer(context));
    let wanted = DesiredRole {
        kind: RoleKind::Controller,
        name: &spec.controller_role_name,
        property: "ControllerRoleName",
        alternative: "",
        trust: controller_trust(spec, issuer, stale_associations),
        trusted: provider,
        first: passed,
        policy_arns: spec.controller_policy_arns.clone(),
        previous_policy_arns: context.old.map(|old| old.controller_policy_arns.clone()).unwrap_or_default(),
        policies_property: "ControllerPolicyArns",
        tags: context.tags(&arn_marker_value(&spec.node_role_arn())),
    };
    draft.report(found.and_then(|found| serves_another_cluster(context, found)));
    let steps = role::reconcile(context, &wanted, found, draft);
    policy(context, steps.claimed.into_iter().chain(node_role), draft);
    steps
}

/// A role that others use too has one controller policy: that of one cluster.
fn serves_another_cluster(context: Context<'_>, found: &Role) -> Option<Problem> {
    let policy_name = context.spec.controller_policy_name();
    let is_foreign = |name: &&String| name.starts_with(CONTROLLER_POLICY_PREFIX) && **name != policy_name;
    let foreign = found.inline.keys().find(is_foreign).filter(|_| context.has_foreign_marker(&found.tags))?;
    Some(Problem::ControllerServesOther { name: found.name.clone(), policy: foreign.clone() })
}

/// Plans the controller's policy: what the properties ask for, and the node roles of all generations that share the role.
fn policy(context: Context<'_>, needs: impl Iterator<Item = StepId>, draft: &mut Draft) {
    let (spec, found) = (context.spec, context.observed.controller_role.as_ref());
    let policy_name = spec.controller_policy_name();
    let others =
        |found| pass_role::passable_for_others(spec, context.markers, found, &context.observed.proven_node_roles);
    let mut passable = found.map(others).unwrap_or_default();
    passable.insert(spec.node_role_arn());
    let document = controller_policy(spec, &passable);
    let there = found.and_then(|found| found.inline_document(&policy_name));
    if there.is_none_or(|there| !policy::equivalent(there, &document)) {
        draft.add(IamStep::PutRolePolicy { name: spec.controller_role_name.clone(), policy_name, document }, needs);
    }
}

/// Whether the plan writes the policy of a controller role that others marker too.
pub(crate) fn updates_shared_policy(context: Context<'_>, plan: &Plan) -> bool {
    let found = context.observed.controller_role.as_ref();
    let is_shared = found.is_some_and(|role| context.has_foreign_marker(&role.tags));
    is_shared && plan.steps().any(|(_, step, _)| matches!(step, Step::Iam(IamStep::PutRolePolicy { .. })))
}

/// Plans the end of the controller role, or of its marker, after `first`, which shut nodes out, and `then`.
pub(crate) fn tear_down(teardown: Teardown<'_>, first: &[StepId], then: &[StepId], draft: &mut Draft) -> Recheck {
    let Some(role) = &teardown.observed.controller_role else { return Recheck::Nothing };
    let narrowed = narrow(teardown, role, first, draft);
    let needs: Vec<_> = first.iter().copied().chain(narrowed).chain(then.iter().copied()).collect();
    let spec = teardown.spec;
    let attached = spec.controller_policy_arns.iter().cloned().collect();
    let left = RoleTeardown { role, attached, inline: Some(spec.controller_policy_name()) };
    role::tear_down(teardown.departing, &left, &needs, draft)
}

/// Removes the node roles of the generations that go from the controller's PassRole, before their markers go; and after that
/// once more, if another run has meanwhile written what it had read before.
fn narrow(teardown: Teardown<'_>, role: &Role, needs: &[StepId], draft: &mut Draft) -> Option<StepId> {
    let Teardown { spec, departing, observed } = teardown;
    let is_left = departing.is_recheck && departing.owner.is_same_stack(&role.tags);
    let stays_with_others = !departing.deletes(&role.tags) && !departing.keeps_adopted(&role.tags);
    if departing.keys(&role.tags).is_empty() && !is_left || !stays_with_others {
        return None;
    }
    let policy_name = spec.controller_policy_name();
    let there = role.inline_document(&policy_name)?;
    let passable = pass_role::passable_for_others(spec, departing.markers, role, &observed.proven_node_roles);
    // All else in it is of those that stay, whatever these properties would have it say.
    let document = policy::with_pass_role_arns(there, &passable)?;
    (!policy::equivalent(there, &document)).then(|| {
        draft.add(IamStep::PutRolePolicy { name: role.name.clone(), policy_name, document }, needs.iter().copied())
    })
}
