//! The two roles.

use super::controller_policy::controller_policy;
use super::identity::{self, Unfit};
use super::object::{Object, Retag, elsewhere, is_admitted, owner_of, retag};
use super::{Aim, Plan, Refusal, RoleKind, Step, StepId, made_with, pass_role, profile};
use crate::desired::spec::{CONTROLLER_POLICY_PREFIX, NodeRole, Spec};
use crate::documents::policy::{self, trust};
use crate::identity::ownership::{Tags, is_in_aws_auth, marked_by_others, noted_arn};
use crate::observed::{Cluster, Observed, Role};
use serde_json::Value;

/// IAM's default quota of managed policies on a role
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const POLICIES_MAX: usize = 10;

/// The steps that make an object this generation's, each if it is planned: others may need them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    /// Of a node role that this stack did not create, the step in which IAM lets it be passed.
    pub(super) node_role: Option<StepId>,
    pub(super) instance_profile: Option<StepId>,
    pub(super) controller_role: Option<StepId>,
    /// The step that has the controller role trust whom it should.
    pub(super) trust: Option<StepId>,
}

/// A role as it should be.
struct Wanted<'a> {
    kind: RoleKind,
    name: &'a str,
    property: &'static str,
    alternative: &'static str,
    trust: Value,
    /// What the trust needs.
    trusted: Option<StepId>,
    /// What comes before anything is done to the role.
    first: Option<StepId>,
    policy_arns: Vec<String>,
    formerly: Vec<String>,
    policies_property: &'static str,
    tags: Tags,
}

/// Plans roles and profile. `issuer`: for IRSA; where that was refused already, the controller role is left out.
/// `provider`: the step that makes the issuer's OIDC provider.
pub(super) fn converge(
    aim: Aim<'_>,
    observed: &Observed,
    issuer: Result<Option<&str>, Unfit>,
    provider: Option<StepId>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Ready {
    if aim.spec.node_role_name().eq_ignore_ascii_case(&aim.spec.controller_role_name) {
        refusals.push(Refusal::OneRoleForBoth { name: aim.spec.controller_role_name.clone() });
    }
    let node_role = node_role(aim, observed, plan, refusals);
    let profile::Steps { ready: instance_profile, role_added } =
        profile::converge(aim, observed, node_role, plan, refusals);
    let passed = role_added.filter(|_| pass_role::is_foreign(aim.spec, aim.owner, observed));
    let node_role = passed.or(node_role);
    let prerequisites = Prerequisites { provider, passed, node_role };
    let (controller_role, trust) =
        issuer.map_or((None, None), |issuer| controller_role(aim, observed, issuer, prerequisites, plan, refusals));
    Ready { node_role, instance_profile, controller_role, trust }
}

/// The steps that the controller role waits for, each if it is planned.
#[derive(Clone, Copy, Debug)]
struct Prerequisites {
    /// The one that makes the issuer's OIDC provider.
    provider: Option<StepId>,
    /// The one in which IAM lets a node role be passed that this stack did not create.
    passed: Option<StepId>,
    /// The one that creates or tags the node role, or adds it to the profile: the policy that passes it waits for that.
    node_role: Option<StepId>,
}

/// What the mark says on the node role or the profile, with these tags: as before, unless an entry in aws-auth is wanted.
/// The note of one goes when the entry has.
pub(super) fn noted(aim: Aim<'_>, observed: &Observed, found: Option<&Tags>) -> String {
    let wants = |cluster: &Cluster| aim.spec.node_access.wants_aws_auth(cluster.authentication_mode);
    let ours = [aim.generation.mark()].into();
    let is_noted =
        observed.cluster.as_ref().is_some_and(wants) || found.is_some_and(|tags| is_in_aws_auth(tags, &ours));
    aim.generation.noted(is_noted)
}

/// Whether the plan writes the policy of a controller role that others mark too.
pub(super) fn writes_what_is_shared(aim: Aim<'_>, observed: &Observed, plan: &Plan) -> bool {
    let ours = [aim.generation.mark()].into();
    let is_shared = observed.controller_role.as_ref().is_some_and(|role| marked_by_others(&role.tags, &ours));
    is_shared && plan.steps().any(|(_, step, _)| matches!(step, Step::PutRolePolicy { .. }))
}

fn node_role(aim: Aim<'_>, observed: &Observed, plan: &mut Plan, refusals: &mut Vec<Refusal>) -> Option<StepId> {
    let found = observed.node_role.as_ref();
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
                alternative: ", or NodeRoleArn to use this one as it is",
                trust: trust::ec2(&aim.spec.scope.partition),
                trusted: None,
                first: None,
                policy_arns: policy_arns.clone(),
                formerly: aim.old.map(policies).unwrap_or_default(),
                policies_property: "NodePolicyArns",
                tags: made_with(aim, &noted(aim, observed, found.map(|found| &found.tags))),
            };
            role(aim, &wanted, found, plan, refusals).0
        }
    }
}

fn controller_role(
    aim: Aim<'_>,
    observed: &Observed,
    issuer: Option<&str>,
    Prerequisites { provider, passed, node_role }: Prerequisites,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> (Option<StepId>, Option<StepId>) {
    let (spec, found) = (aim.spec, observed.controller_role.as_ref());
    let leaving = identity::unwanted(aim, observed).map(|(account, _)| account);
    let wanted = Wanted {
        kind: RoleKind::Controller,
        name: &spec.controller_role_name,
        property: "ControllerRoleName",
        alternative: "",
        trust: trust::controller(spec, issuer.or_else(|| identity::former_issuer(aim, observed)), leaving),
        trusted: provider,
        first: passed,
        policy_arns: spec.controller_policy_arns.clone(),
        formerly: aim.old.map(|old| old.controller_policy_arns.clone()).unwrap_or_default(),
        policies_property: "ControllerPolicyArns",
        tags: made_with(aim, &noted_arn(&spec.node_role_arn())),
    };
    let policy_name = spec.controller_policy_name();
    if let Some(found) = found.filter(|found| marked_by_others(&found.tags, &[aim.generation.mark()].into())) {
        let foreign =
            found.inline.keys().find(|name| name.starts_with(CONTROLLER_POLICY_PREFIX) && **name != policy_name);
        if let Some(foreign) = foreign {
            refusals.push(Refusal::ControllerServesOther { name: found.name.clone(), policy: foreign.clone() });
        }
    }
    let (ready, trusts) = role(aim, &wanted, found, plan, refusals);
    let there = found.and_then(|found| found.inline_document(&policy_name));
    let others = |found| {
        pass_role::passable_for_others(spec, &[aim.generation.mark()].into(), found, &observed.proven_node_roles)
    };
    let mut passable = found.map(others).unwrap_or_default();
    passable.insert(spec.node_role_arn());
    let document = controller_policy(spec, &passable);
    if there.is_none_or(|there| !policy::same(there, &document)) {
        let needs = ready.into_iter().chain(node_role);
        plan.add(Step::PutRolePolicy { name: wanted.name.to_owned(), policy_name, document }, needs);
    }
    (ready, trusts)
}

/// Plans one role; gives the step that makes it this generation's, if one is needed: its creation, or its mark; and the one
/// that writes its trust. A release knows by the mark what to take back, so whatever is done to the role comes after it.
fn role(
    aim: Aim<'_>,
    wanted: &Wanted<'_>,
    found: Option<&Role>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> (Option<StepId>, Option<StepId>) {
    let name = wanted.name.to_owned();
    let (ready, trusts) = match found {
        None => {
            let created = Some(plan.add(
                Step::CreateRole {
                    kind: wanted.kind,
                    name,
                    path: aim.spec.path.clone(),
                    trust: wanted.trust.clone(),
                    permissions_boundary: aim.spec.permissions_boundary.clone(),
                    tags: wanted.tags.clone(),
                },
                wanted.trusted.into_iter().chain(wanted.first),
            ));
            (created, created)
        }
        Some(found) => {
            if !is_admitted(aim, &found.tags) {
                let owner = owner_of(&found.tags, &aim.spec.scope);
                let (property, alternative) = (wanted.property, wanted.alternative);
                refusals.push(Refusal::RoleTaken { name: found.name.clone(), owner, property, alternative });
                return (None, None);
            }
            if let Some(refusal) =
                elsewhere("role", (&found.path, &found.name), (&aim.spec.path, wanted.name), wanted.property)
            {
                refusals.push(refusal);
                return (None, None);
            }
            let tags = Retag {
                object: Object::Role(&name),
                wanted: &wanted.tags,
                found: &found.tags,
                takes_away: true,
                needs: wanted.first,
            };
            let tagged = retag(aim, tags, plan, refusals).or(wanted.first);
            let trusts = (!policy::same(&found.trust, &wanted.trust)).then(|| {
                let needs = tagged.into_iter().chain(wanted.trusted);
                plan.add(Step::UpdateAssumeRolePolicy { name: name.clone(), trust: wanted.trust.clone() }, needs)
            });
            bounded(aim, name, found, tagged, plan);
            (tagged, trusts)
        }
    };
    attachments(wanted, found, ready, plan, refusals);
    (ready, trusts)
}

/// Plans the permissions boundary: what is wanted, or without what was and is not any more. Somebody else's stays.
fn bounded(aim: Aim<'_>, name: String, found: &Role, ready: Option<StepId>, plan: &mut Plan) {
    let there = found.permissions_boundary.as_ref();
    match &aim.spec.permissions_boundary {
        Some(wanted) if there != Some(wanted) => {
            plan.add(Step::PutRolePermissionsBoundary { name, permissions_boundary: wanted.clone() }, ready);
        }
        None if there.is_some() && aim.old.and_then(|old| old.permissions_boundary.as_ref()) == there => {
            plan.add(Step::DeleteRolePermissionsBoundary { name }, ready);
        }
        _ => {}
    }
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
