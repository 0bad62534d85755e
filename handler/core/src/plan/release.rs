//! Generations that go: their marks off, and what no other mark holds away.

use super::{Plan, Refusal, Refused, Step, StepId, access, tags};
use crate::observed::{InstanceProfile, Observed, Role};
use crate::ownership::{Mark, Owner, Tags, marked_by_others, marks};
use crate::policy::{self, baseline};
use crate::spec::{NodeRole, Spec};
use std::collections::BTreeSet;

/// Who goes.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// The generations.
    pub ours: &'a BTreeSet<Mark>,
    /// The resource whose they are.
    pub owner: &'a Owner,
    /// Whether this is another look after they went: others may have gone, or come, at the same time.
    pub again: bool,
}

/// A plan that takes generations away.
#[derive(Clone, Debug)]
pub struct Released {
    /// The steps.
    pub plan: Plan,
    /// Whether a role or a profile stays with others, who may go at the same time, each seeing the other: then whoever
    /// looks again last sees that it is nobody's.
    pub is_shared: bool,
    /// What the log should say: attachments of others that go with their role.
    pub notes: Vec<String>,
}

/// Plans that generations go. `spec` names their objects; what has none of their marks is not touched, whatever its
/// name, unless it is the stack's and has no mark at all: those who left it last did not live to see that.
///
/// # Errors
/// What a person must see to first; then nothing is taken away.
pub fn release(spec: &Spec, leaving: Leaving<'_>, observed: &Observed) -> Result<Released, Refused> {
    let ours = leaving.ours;
    let mut released = Released { plan: Plan::default(), is_shared: false, notes: Vec::new() };
    let mut refusals = Vec::new();
    let plan = &mut released.plan;
    let node_role = observed.node_role.as_ref().filter(|_| matches!(spec.node_role, NodeRole::Made { .. }));
    let node_role_goes = node_role.is_some_and(|role| leaving.ends(&role.tags));
    // First the way in, then the tags that lead Karpenter there, then what its nodes run with.
    let expelled = access::release(spec, observed, ours, node_role_goes, plan, &mut refusals);
    let resources = observed.discovery.subnets.iter().chain(&observed.discovery.security_groups);
    tags::release(resources, ours, plan, expelled.as_slice());
    let freed = observed
        .instance_profile
        .as_ref()
        .map(|profile| instance_profile(profile, leaving, &mut released, expelled.as_slice()))
        .unwrap_or_default();
    if let Some(role) = node_role {
        if node_role_goes {
            refusals.extend(other_profiles(role, observed, leaving));
        }
        let needs: Vec<_> = expelled.into_iter().chain(freed).collect();
        let expected: BTreeSet<_> = match &spec.node_role {
            NodeRole::Made { policy_arns, .. } => policy_arns.iter().cloned().collect(),
            NodeRole::Given { .. } => BTreeSet::new(),
        };
        self::role(role, leaving, &expected, &needs, &[], &mut released);
    }
    if let Some(role) = &observed.controller_role {
        let before = narrowed_policy(spec, role, leaving, &mut released.plan, expelled.as_slice());
        let expected: BTreeSet<_> = spec.controller_policy_arns.iter().cloned().collect();
        let needs: Vec<_> = expelled.into_iter().chain(before).collect();
        self::role(role, leaving, &expected, &needs, &[spec.controller_policy_name()], &mut released);
    }
    if refusals.is_empty() { Ok(released) } else { Err(Refused(refusals)) }
}

impl Leaving<'_> {
    /// Whether an object goes: nobody else marks it, and one of ours does, or nobody at all.
    fn ends(self, tags: &Tags) -> bool {
        let is_nobodys = || self.owner.is_same_stack(tags);
        !marked_by_others(tags, self.ours) && (!self.keys(tags).is_empty() || is_nobodys())
    }

    /// The keys of our marks.
    fn keys(self, tags: &Tags) -> BTreeSet<String> {
        marks(tags).filter(|(mark, _)| self.ours.contains(mark)).map(|(mark, _)| mark.key().to_owned()).collect()
    }
}

/// Plans the profile's end, or its mark's; gives the steps that free its role.
fn instance_profile(
    profile: &InstanceProfile,
    leaving: Leaving<'_>,
    released: &mut Released,
    needs: &[StepId],
) -> Vec<StepId> {
    let (name, keys) = (profile.name.clone(), leaving.keys(&profile.tags));
    let plan = &mut released.plan;
    if !leaving.ends(&profile.tags) {
        if !keys.is_empty() {
            plan.add(Step::UntagInstanceProfile { name, keys }, needs.iter().copied());
            released.is_shared = true;
        }
        return Vec::new();
    }
    let freed: Vec<_> = profile
        .roles
        .iter()
        .map(|role| {
            plan.add(
                Step::RemoveRoleFromInstanceProfile { name: name.clone(), role: role.clone() },
                needs.iter().copied(),
            )
        })
        .collect();
    let after = needs.iter().chain(&freed).copied().collect::<Vec<_>>();
    plan.add(Step::DeleteInstanceProfile { name }, after);
    freed
}

/// Plans the role's end, or its mark's.
fn role(
    role: &Role,
    leaving: Leaving<'_>,
    expected: &BTreeSet<String>,
    needs: &[StepId],
    own_inline: &[String],
    released: &mut Released,
) {
    let (name, keys) = (role.name.clone(), leaving.keys(&role.tags));
    if !leaving.ends(&role.tags) {
        if !keys.is_empty() {
            released.plan.add(Step::UntagRole { name, keys }, needs.iter().copied());
            released.is_shared = true;
        }
        return;
    }
    let mut emptied = needs.to_vec();
    for policy_arn in &role.attached {
        if !expected.contains(policy_arn) {
            released.notes.push(format!(
                "policy `{policy_arn}`, attached to role `{name}` by somebody else, is detached with it"
            ));
        }
        let step = Step::DetachRolePolicy { name: name.clone(), policy_arn: policy_arn.clone() };
        emptied.push(released.plan.add(step, needs.iter().copied()));
    }
    for policy_name in role.inline.keys() {
        if !own_inline.contains(policy_name) {
            released.notes.push(format!(
                "inline policy `{policy_name}`, put on role `{name}` by somebody else, is deleted with it"
            ));
        }
        let step = Step::DeleteRolePolicy { name: name.clone(), policy_name: policy_name.clone() };
        emptied.push(released.plan.add(step, needs.iter().copied()));
    }
    released.plan.add(Step::DeleteRole { name }, emptied);
}

/// Takes the node roles of the generations that go out of the controller's PassRole, before their marks go; and after
/// that once more, when somebody has meanwhile written what he had read before.
fn narrowed_policy(
    spec: &Spec,
    role: &Role,
    leaving: Leaving<'_>,
    plan: &mut Plan,
    needs: &[StepId],
) -> Option<StepId> {
    let is_left = leaving.again && leaving.owner.is_same_stack(&role.tags);
    if leaving.keys(&role.tags).is_empty() && !is_left || leaving.ends(&role.tags) {
        return None;
    }
    let policy_name = spec.controller_policy_name();
    let there = role.inline.get(&policy_name)?.as_ref()?;
    let passable = marks(&role.tags).filter(|(mark, _)| !leaving.ours.contains(mark));
    let passable = passable.map(|(_, arn)| arn.to_owned()).collect();
    let document = baseline::document(&spec.scope, &spec.cluster_name, &passable);
    (!policy::same(there, &document)).then(|| {
        plan.add(Step::PutRolePolicy { name: role.name.clone(), policy_name, document }, needs.iter().copied())
    })
}

/// Profiles that hold the role and are not this generation's: IAM deletes no role that a profile holds.
fn other_profiles(role: &Role, observed: &Observed, leaving: Leaving<'_>) -> Option<Refusal> {
    let goes_too = |name: &str| {
        observed
            .instance_profile
            .as_ref()
            .is_some_and(|profile| profile.name.eq_ignore_ascii_case(name) && leaving.ends(&profile.tags))
    };
    let others: Vec<_> =
        observed.profiles_of_node_role.iter().filter(|name| !goes_too(name)).map(|name| format!("`{name}`")).collect();
    (!others.is_empty()).then(|| Refusal::OtherProfiles { role: role.name.clone(), profiles: others.join(", ") })
}
