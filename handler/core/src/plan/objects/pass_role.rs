//! Whether IAM lets the function pass a node role that this stack did not create, before anything is granted on it.
//!
//! A stack names the role, but may have no right to it. So IAM must allow the function to pass it before the controller's policy,
//! its marker, aws-auth or an access entry grants it. `AddRoleToInstanceProfile` checks that. If the profile holds the role
//! already, the function simulates the check.

use crate::desired::spec::{NodeRole, Spec};
use crate::documents::policy;
use crate::identity::ownership::{Marker, Owner, Tags, arns_of_marker_values, is_marked, markers};
use crate::observed::{Observed, PassRoleDecision, PassRoleDenial, Role};
use crate::plan::context::Context;
use crate::plan::problem::Problem;
use std::collections::BTreeSet;

/// Whether no resource of this stack created the node role: the role of `NodeRoleArn`, or one that is adopted. A role that is
/// yet to be created is the stack's own.
pub(crate) fn is_foreign(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    match &spec.node_role {
        NodeRole::Existing { .. } => true,
        NodeRole::Managed { .. } => observed.node_role.as_ref().is_some_and(|role| !owner.is_same_stack(&role.tags)),
    }
}

/// Whether IAM must be asked by a simulation: the node role is not this stack's own, its profile holds it already, so that
/// nothing is left to be passed, and no policy of ours lets it be passed yet.
pub fn needs_simulation(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    let is_held = observed
        .instance_profile
        .as_ref()
        .is_some_and(|profile| profile.roles.iter().any(|held| held.eq_ignore_ascii_case(spec.node_role_name())));
    is_held && is_foreign(spec, owner, observed) && !is_passed_already(spec, owner, observed)
}

/// Whether the controller role is this stack's, or marked for this generation, and its policy passes the node role.
fn is_passed_already(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    let ours = [owner.generation(&spec.identity()).marker()].into();
    let is_ours = |tags: &Tags| owner.is_same_stack(tags) || is_marked(tags, &ours);
    let role = observed.controller_role.as_ref().filter(|role| is_ours(&role.tags));
    role.is_some_and(|role| passed_now(spec, role).contains(&spec.node_role_arn()))
}

/// The ARNs of node roles that other generations' markers on the controller role name, and that its policy does not pass. A
/// concurrent write may have removed them from the policy. A marker alone does not justify adding them again: its run may have
/// failed before its node role existed. `ours`: the generations that are reconciled or torn down.
pub fn unproven_node_roles(spec: &Spec, ours: &BTreeSet<Marker>, controller_role: Option<&Role>) -> BTreeSet<String> {
    let Some(role) = controller_role else { return BTreeSet::new() };
    let passed = passed_now(spec, role);
    noted_by_others(role, ours, &passed).into_iter().filter(|arn| !passed.contains(arn)).collect()
}

/// The node roles of other generations that the new policy passes: those that it passes now, and those that are proven.
pub(super) fn passable_for_others(
    spec: &Spec,
    ours: &BTreeSet<Marker>,
    role: &Role,
    proven: &BTreeSet<String>,
) -> BTreeSet<String> {
    let passed = passed_now(spec, role);
    noted_by_others(role, ours, &passed)
        .into_iter()
        .filter(|arn| passed.contains(arn) || proven.contains(arn))
        .collect()
}

fn passed_now(spec: &Spec, role: &Role) -> BTreeSet<String> {
    role.inline_document(&spec.controller_policy_name()).map(policy::pass_role_arns).unwrap_or_default()
}

fn noted_by_others(role: &Role, ours: &BTreeSet<Marker>, passed: &BTreeSet<String>) -> BTreeSet<String> {
    let notes = markers(&role.tags).filter(|(marker, _)| !ours.contains(marker)).map(|(_, note)| note);
    arns_of_marker_values(notes, passed)
}

/// Why the function may not grant what it was not allowed to pass itself.
pub(crate) fn problem(Context { spec, owner, observed, .. }: Context<'_>) -> Option<Problem> {
    if !needs_simulation(spec, owner, observed) {
        return None;
    }
    let arn = spec.node_role_arn();
    match observed.pass_role {
        PassRoleDecision::Allowed | PassRoleDecision::Unknown => None,
        PassRoleDecision::Denied(PassRoleDenial::Implicit) => Some(Problem::PassRoleNotAllowed { arn }),
        PassRoleDecision::Denied(PassRoleDenial::Explicit) => Some(Problem::PassRoleDenied { arn }),
        PassRoleDecision::Denied(PassRoleDenial::UnknownRole) | PassRoleDecision::NotAsked => {
            Some(Problem::PassRoleUnknown { arn })
        }
    }
}
