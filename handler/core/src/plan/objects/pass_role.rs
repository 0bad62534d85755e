//! The check that IAM allows the function to pass a node role that this stack did not create, before the role is granted
//! anything.
//!
//! A user can put any role into the properties, also a role to which the user has no right. So IAM must allow the function to
//! pass the role before the controller's policy, a marker, aws-auth or an access entry names it. `AddRoleToInstanceProfile`
//! checks that. If the instance profile already contains the role, the function simulates the check.

use crate::desired::spec::{NodeRole, Spec};
use crate::documents::policy;
use crate::identity::ownership::{Marker, Owner, Tags, arns_of_marker_values, is_marked, markers};
use crate::observed::{Observed, PassRoleDecision, PassRoleDenial, Role};
use crate::plan::context::Context;
use crate::plan::problem::Problem;
use std::collections::BTreeSet;

/// Returns whether no resource of this stack created the node role: it is the role of `NodeRoleArn`, or it is adopted. A role
/// that does not exist yet is not foreign, because this stack will create it.
pub(crate) fn is_foreign(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    match &spec.node_role {
        NodeRole::Existing { .. } => true,
        NodeRole::Managed { .. } => observed.node_role.as_ref().is_some_and(|role| !owner.is_same_stack(&role.tags)),
    }
}

/// Returns whether the function must simulate iam:PassRole on the node role. It must, if all of these are true:
///
/// - This stack did not create the node role.
/// - The instance profile already contains the role, so that no `AddRoleToInstanceProfile` checks it.
/// - The controller policy does not pass the role yet.
pub fn needs_simulation(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    let is_node_role = |name: &String| name.eq_ignore_ascii_case(spec.node_role_name());
    let is_in_profile =
        observed.instance_profile.as_ref().is_some_and(|profile| profile.roles.iter().any(is_node_role));
    is_in_profile && is_foreign(spec, owner, observed) && !is_passed_already(spec, owner, observed)
}

/// Returns whether the controller policy passes the node role, and the controller role belongs to this stack or has this
/// generation's marker.
fn is_passed_already(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    let ours = [owner.generation(&spec.identity()).marker()].into();
    let is_ours = |tags: &Tags| owner.is_same_stack(tags) || is_marked(tags, &ours);
    let role = observed.controller_role.as_ref().filter(|role| is_ours(&role.tags));
    role.is_some_and(|role| currently_passed(spec, role).contains(&spec.node_role_arn()))
}

/// Returns the ARNs of the node roles that are in the markers of other generations on the controller role, but not in its policy.
/// `ours` has the markers of the generations that are reconciled or torn down.
///
/// A write at the same moment may have removed such a role from the policy. The marker alone is not enough to add it again,
/// because the run of that generation may have failed before its node role existed. So IAM is asked.
pub fn unproven_node_roles(spec: &Spec, ours: &BTreeSet<Marker>, controller_role: Option<&Role>) -> BTreeSet<String> {
    let Some(role) = controller_role else { return BTreeSet::new() };
    let passed = currently_passed(spec, role);
    named_by_others(role, ours, &passed).into_iter().filter(|arn| !passed.contains(arn)).collect()
}

/// Returns the ARNs of the node roles that the new policy passes for other generations: the roles that it passes now, and the
/// roles that are proven.
pub(super) fn passable_for_others(
    spec: &Spec,
    ours: &BTreeSet<Marker>,
    role: &Role,
    proven: &BTreeSet<String>,
) -> BTreeSet<String> {
    let passed = currently_passed(spec, role);
    named_by_others(role, ours, &passed)
        .into_iter()
        .filter(|arn| passed.contains(arn) || proven.contains(arn))
        .collect()
}

/// Returns the ARNs of the node roles that the controller policy passes now.
fn currently_passed(spec: &Spec, role: &Role) -> BTreeSet<String> {
    role.inline_document(&spec.controller_policy_name()).map(policy::pass_role_arns).unwrap_or_default()
}

/// Returns the ARNs of the node roles in the markers of other generations.
fn named_by_others(role: &Role, ours: &BTreeSet<Marker>, passed: &BTreeSet<String>) -> BTreeSet<String> {
    let values = markers(&role.tags).filter(|(marker, _)| !ours.contains(marker)).map(|(_, value)| value);
    arns_of_marker_values(values, passed)
}

/// Returns a problem if the function may not pass the node role, so that it must not grant iam:PassRole on it either.
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
