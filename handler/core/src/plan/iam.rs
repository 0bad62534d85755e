//! The two roles.

use super::object::{elsewhere, owner_of, tag_changes, too_many_tags};
use super::{Aim, Plan, Refusal, RoleKind, Step, StepId, made_with, profile};
use crate::observed::{Observed, Role};
use crate::ownership::{Tags, marked_by_others, marks};
use crate::policy::{self, baseline, trust};
use crate::spec::{CONTROLLER_POLICY_PREFIX, NodeRole, Spec};
use serde_json::Value;
use std::collections::BTreeSet;

/// IAM's default quota of managed policies on a role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICIES_MAX: usize = 10;

/// The steps that others may need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roles {
    /// What makes the node role this generation's, if it is planned.
    pub(super) node_role_ready: Option<StepId>,
    /// What makes the controller role this generation's, if it is planned.
    pub(super) controller_role_ready: Option<StepId>,
}

/// A role as it should be.
struct Wanted<'a> {
    kind: RoleKind,
    name: &'a str,
    property: &'static str,
    alternative: &'static str,
    trust: Value,
    policy_arns: Vec<String>,
    formerly: Vec<String>,
    policies_property: &'static str,
    tags: Tags,
}

/// Plans roles and profile. `issuer` is `None` when IRSA was refused already: the controller role is then left out.
pub(super) fn converge(
    aim: Aim<'_>,
    observed: &Observed,
    issuer: Option<&str>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Roles {
    if aim.spec.node_role_name().eq_ignore_ascii_case(&aim.spec.controller_role_name) {
        refusals.push(Refusal::OneRoleForBoth { name: aim.spec.controller_role_name.clone() });
    }
    let node_role_ready = node_role(aim, observed.node_role.as_ref(), plan, refusals);
    profile::converge(aim, observed.instance_profile.as_ref(), node_role_ready, plan, refusals);
    let controller_role_ready =
        issuer.and_then(|issuer| controller_role(aim, observed.controller_role.as_ref(), issuer, plan, refusals));
    Roles { node_role_ready, controller_role_ready }
}

/// Whether the plan writes the policy of a controller role that others mark too.
pub(super) fn writes_what_is_shared(aim: Aim<'_>, observed: &Observed, plan: &Plan) -> bool {
    let ours = [aim.generation.mark()].into();
    let is_shared = observed.controller_role.as_ref().is_some_and(|role| marked_by_others(&role.tags, &ours));
    is_shared && plan.steps().any(|(_, step, _)| matches!(step, Step::PutRolePolicy { .. }))
}

fn node_role(aim: Aim<'_>, found: Option<&Role>, plan: &mut Plan, refusals: &mut Vec<Refusal>) -> Option<StepId> {
    let policies = |spec: &Spec| match &spec.node_role {
        NodeRole::Made { policy_arns, .. } => policy_arns.clone(),
        NodeRole::Given { .. } => Vec::new(),
    };
    match &aim.spec.node_role {
        NodeRole::Given { arn } => {
            // Found by its name: the ARN may say another path, or another account.
            if found.is_none_or(|found| aim.spec.scope.role_arn(&found.path, &found.name) != *arn) {
                refusals.push(Refusal::NoNodeRole { arn: arn.clone() });
            }
            None
        }
        NodeRole::Made { name, policy_arns } => {
            let wanted = Wanted {
                kind: RoleKind::Node,
                name,
                property: "NodeRoleName",
                alternative: ", or NodeRoleArn to use it as it is",
                trust: trust::ec2(&aim.spec.scope.partition),
                policy_arns: policy_arns.clone(),
                formerly: aim.old.map(policies).unwrap_or_default(),
                policies_property: "NodePolicyArns",
                tags: made_with(aim, aim.generation.physical_resource_id()),
            };
            role(aim, &wanted, found, plan, refusals)
        }
    }
}

fn controller_role(
    aim: Aim<'_>,
    found: Option<&Role>,
    issuer: &str,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Option<StepId> {
    let spec = aim.spec;
    let wanted = Wanted {
        kind: RoleKind::Controller,
        name: &spec.controller_role_name,
        property: "ControllerRoleName",
        alternative: "",
        trust: trust::service_account(&spec.scope, issuer, &spec.namespace, &spec.service_account),
        policy_arns: spec.controller_policy_arns.clone(),
        formerly: aim.old.map(|old| old.controller_policy_arns.clone()).unwrap_or_default(),
        policies_property: "ControllerPolicyArns",
        tags: made_with(aim, &spec.node_role_arn()),
    };
    let policy_name = spec.controller_policy_name();
    if let Some(found) = found.filter(|found| marked_by_others(&found.tags, &[aim.generation.mark()].into())) {
        let foreign =
            found.inline.keys().find(|name| name.starts_with(CONTROLLER_POLICY_PREFIX) && **name != policy_name);
        if let Some(foreign) = foreign {
            refusals.push(Refusal::ControllerServesOther { name: found.name.clone(), policy: foreign.clone() });
        }
    }
    let ready = role(aim, &wanted, found, plan, refusals);
    let mut passable: BTreeSet<String> =
        found.map(|found| marks(&found.tags).map(|(_, arn)| arn.to_owned()).collect()).unwrap_or_default();
    passable.insert(spec.node_role_arn());
    let document = baseline::document(&spec.scope, &spec.cluster_name, &passable);
    let there = found.and_then(|found| found.inline.get(&policy_name)).and_then(Option::as_ref);
    if there.is_none_or(|there| !policy::same(there, &document)) {
        plan.add(Step::PutRolePolicy { name: wanted.name.to_owned(), policy_name, document }, ready);
    }
    ready
}

/// Plans one role; gives the step that makes it this generation's, if one is needed: its creation, or its mark. A
/// release knows by the mark what to take back, so whatever is done to the role comes after it.
fn role(
    aim: Aim<'_>,
    wanted: &Wanted<'_>,
    found: Option<&Role>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Option<StepId> {
    let name = wanted.name.to_owned();
    let ready = match found {
        None => Some(plan.add(
            Step::CreateRole {
                kind: wanted.kind,
                name,
                path: aim.spec.path.clone(),
                trust: wanted.trust.clone(),
                tags: wanted.tags.clone(),
            },
            None,
        )),
        Some(found) => {
            if !aim.owner.is_same_stack(&found.tags) {
                let (owner, property, alternative) = (owner_of(&found.tags), wanted.property, wanted.alternative);
                refusals.push(Refusal::RoleTaken { name: found.name.clone(), owner, property, alternative });
                return None;
            }
            if let Some(refusal) =
                elsewhere("role", (&found.path, &found.name), (&aim.spec.path, wanted.name), wanted.property)
            {
                refusals.push(refusal);
                return None;
            }
            let (add, remove) = tag_changes(aim, &wanted.tags, &found.tags);
            refusals.extend(too_many_tags("role", &name, &found.tags, &add, &remove));
            // A full object takes a tag only when another has gone.
            let untagged =
                (!remove.is_empty()).then(|| plan.add(Step::UntagRole { name: name.clone(), keys: remove }, None));
            let tagged = (!add.is_empty()).then(|| plan.add(Step::TagRole { name: name.clone(), tags: add }, untagged));
            if !policy::same(&found.trust, &wanted.trust) {
                plan.add(Step::UpdateAssumeRolePolicy { name, trust: wanted.trust.clone() }, tagged);
            }
            tagged
        }
    };
    attachments(wanted, found, ready, plan, refusals);
    ready
}

/// Plans the managed policies: those that are wanted, then without those that were and are not any more. Others'
/// stay.
fn attachments(
    wanted: &Wanted<'_>,
    found: Option<&Role>,
    ready: Option<StepId>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) {
    let name = || wanted.name.to_owned();
    let attached = |arn: &&String| found.is_some_and(|found| found.attached.contains(*arn));
    let missing: Vec<_> = wanted.policy_arns.iter().filter(|arn| !attached(arn)).collect();
    let leaving: Vec<_> =
        wanted.formerly.iter().filter(|arn| !wanted.policy_arns.contains(arn) && attached(arn)).collect();
    let both = found.map_or(0, |found| found.attached.len()) + missing.len();
    if !missing.is_empty() && POLICIES_MAX + leaving.len() < both {
        let (count, property) = (both - leaving.len(), wanted.policies_property);
        refusals.push(Refusal::TooManyPolicies { name: name(), count, property });
    }
    let attach = |needs: &[StepId], plan: &mut Plan| -> Vec<StepId> {
        let attach = |arn: &&String| {
            plan.add(Step::AttachRolePolicy { name: name(), policy_arn: (*arn).clone() }, needs.iter().copied())
        };
        missing.iter().map(attach).collect()
    };
    let detach = |needs: &[StepId], plan: &mut Plan| -> Vec<StepId> {
        let detach = |arn: &&String| {
            plan.add(Step::DetachRolePolicy { name: name(), policy_arn: (*arn).clone() }, needs.iter().copied())
        };
        leaving.iter().map(detach).collect()
    };
    let first = |step: &[StepId]| ready.iter().chain(step).copied().collect::<Vec<_>>();
    if both <= POLICIES_MAX {
        let attached = attach(&first(&[]), plan);
        detach(&first(&attached), plan);
    } else {
        let detached = detach(&first(&[]), plan);
        attach(&first(&detached), plan);
    }
}
