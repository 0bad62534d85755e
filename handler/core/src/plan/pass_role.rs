//! Whether IAM lets the function pass a node role that this stack did not create, before anything is granted on it.
//!
//! The controller's policy lets Karpenter pass the node role to EC2, and aws-auth admits its nodes. Both would hand out a role
//! that a stack's properties only name, so IAM's own check of iam:PassRole comes first: it is made when
//! AddRoleToInstanceProfile is called, and simulated where the profile holds the role already.

use super::{Aim, Refusal};
use crate::observed::{Observed, PassRoleDecision};
use crate::ownership::{Generation, Owner, Tags, marks};
use crate::policy;
use crate::spec::{NodeRole, Spec};

/// Whether no resource of this stack created the node role: the role of NodeRoleArn, or one that is adopted. A role that is
/// yet to be created is the stack's own.
pub(super) fn is_foreign(spec: &Spec, owner: &Owner, observed: &Observed) -> bool {
    match &spec.node_role {
        NodeRole::Given { .. } => true,
        NodeRole::Made { .. } => observed.node_role.as_ref().is_some_and(|role| !owner.is_same_stack(&role.tags)),
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
    let generation: Generation = owner.generation(&spec.identity());
    let is_ours = |tags: &Tags| owner.is_same_stack(tags) || marks(tags).any(|(mark, _)| mark == generation.mark());
    let role = observed.controller_role.as_ref().filter(|role| is_ours(&role.tags));
    let document = role.and_then(|role| role.inline.get(&spec.controller_policy_name())).and_then(Option::as_ref);
    document.is_some_and(|document| policy::passed(document).contains(&spec.node_role_arn()))
}

/// Why the function may not grant what it was not allowed to pass itself.
pub(super) fn problem(aim: Aim<'_>, observed: &Observed) -> Option<Refusal> {
    if !needs_simulation(aim.spec, aim.owner, observed) {
        return None;
    }
    let why = match &observed.pass_role {
        PassRoleDecision::Allowed | PassRoleDecision::Unknown => return None,
        PassRoleDecision::NotAsked => "it was not simulated".to_owned(),
        PassRoleDecision::Denied { why } => why.clone(),
    };
    Some(Refusal::MayNotPassNodeRole { arn: aim.spec.node_role_arn(), why })
}
