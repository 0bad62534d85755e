//! Generations that go: their marks off, and what no other mark holds away.

use super::{Plan, Refused, Step, StepId, access, identity, leftovers, oidc_provider, pass_role, tags};
use crate::desired::spec::{NodeRole, Spec};
use crate::documents::policy;
use crate::identity::ownership::{Mark, OWNER_KEY, Owner, Tags, keys_of, marked_by_others};
use crate::observed::{InstanceProfile, Observed, Role};
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
    /// What stays with others.
    pub shared: Shared,
    /// What the log should say: attachments of others that go with their role.
    pub notes: Vec<String>,
}

/// What stays with others, who may go at the same time, each seeing the other: whoever looks at it again last sees that it is
/// nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shared {
    /// Nothing: there is no need of another look.
    #[default]
    Nothing,
    /// The OIDC provider of the cluster, as with all that have names of their own there. Another look is at it and at the
    /// cluster.
    OidcProvider,
    /// A role, the profile, an access entry or an association: another look is at everything.
    More,
}

impl Shared {
    fn more(is_shared: bool) -> Self {
        if is_shared { Self::More } else { Self::Nothing }
    }
}

/// Plans that generations go. `spec` names their objects; what has none of their marks is not touched, whatever its
/// name, unless it is the stack's and has no mark at all: those who left it last did not live to see that.
///
/// # Errors
/// What a person must see to first; then nothing is taken away.
pub fn release(spec: &Spec, leaving: Leaving<'_>, observed: &Observed) -> Result<Released, Refused> {
    let ours = leaving.ours;
    let mut released = Released { plan: Plan::default(), shared: Shared::Nothing, notes: Vec::new() };
    let mut refusals = Vec::new();
    let node_role = observed.node_role.as_ref().filter(|_| matches!(spec.node_role, NodeRole::Made { .. }));
    let node_role_goes = node_role.is_some_and(|role| leaving.ends(&role.tags));
    for template in &observed.launch_templates {
        released.notes.push(format!("launch template `{template}`, which Karpenter made for the cluster, is left"));
    }
    let plan = &mut released.plan;
    // First the way in, then the tags that lead Karpenter there, then what its nodes run with.
    let access::Left { steps: expelled, is_shared, shuts_out } =
        access::release(spec, observed, leaving, node_role_goes, plan, &mut refusals);
    refusals.extend(leftovers::running_nodes(spec, observed, leaving, node_role_goes || shuts_out));
    let (dissociated, is_associated) = identity::release(spec, observed, leaving, plan);
    released.shared = Shared::more(is_shared || is_associated);
    let plan = &mut released.plan;
    let resources = observed.discovery.subnets.iter().chain(&observed.discovery.security_groups);
    tags::release(resources, ours, plan, &expelled);
    let freed = observed
        .instance_profile
        .as_ref()
        .map(|profile| {
            let node_role = node_role.filter(|_| node_role_goes).map(|role| role.name.as_str());
            instance_profile(profile, node_role, leaving, &mut released, &expelled)
        })
        .unwrap_or_default();
    if let Some(role) = node_role {
        let mut freed = freed;
        if node_role_goes {
            let plan = &mut released.plan;
            freed.extend(leftovers::profiles(spec, role, observed, leaving, plan, &mut refusals, &expelled));
        }
        let needs: Vec<_> = expelled.iter().copied().chain(freed).collect();
        let expected: BTreeSet<_> = match &spec.node_role {
            NodeRole::Made { policy_arns, .. } => policy_arns.iter().cloned().collect(),
            NodeRole::Given { .. } => BTreeSet::new(),
        };
        self::role(role, leaving, &expected, &needs, &[], &mut released);
    }
    if let Some(role) = &observed.controller_role {
        let before = narrowed_policy(spec, (role, observed), leaving, &mut released.plan, &expelled);
        let expected: BTreeSet<_> = spec.controller_policy_arns.iter().cloned().collect();
        let needs: Vec<_> = expelled.into_iter().chain(before).chain(dissociated).collect();
        self::role(role, leaving, &expected, &needs, &[spec.controller_policy_name()], &mut released);
    }
    // Last of all: until then the controller role trusts it.
    let needs: Vec<_> = released.plan.steps().map(|(id, _, _)| id).collect();
    let left = oidc_provider::release(observed, leaving, &mut released.plan, &needs);
    released.shared = released.shared.max(left.shared);
    released.notes.extend(left.note);
    if refusals.is_empty() { Ok(released) } else { Err(Refused(refusals)) }
}

impl Leaving<'_> {
    /// Whether an object goes: a resource like this has made it, and nobody else marks it, and one of ours does, or nobody
    /// at all.
    pub(super) fn ends(self, tags: &Tags) -> bool {
        let is_ours = !self.keys(tags).is_empty() || self.owner.is_same_stack(tags);
        tags.contains_key(OWNER_KEY) && is_ours && !marked_by_others(tags, self.ours)
    }

    /// Whether an object stays though this was the last to use it: it was adopted.
    pub(super) fn gives_back(self, tags: &Tags) -> bool {
        !tags.contains_key(OWNER_KEY) && !self.keys(tags).is_empty() && !marked_by_others(tags, self.ours)
    }

    /// The keys of our marks.
    pub(super) fn keys(self, tags: &Tags) -> BTreeSet<String> {
        keys_of(self.ours, tags)
    }
}

/// Plans the profile's end, or its mark's; gives the steps that free its role. `node_role`: the one that goes.
fn instance_profile(
    profile: &InstanceProfile,
    node_role: Option<&str>,
    leaving: Leaving<'_>,
    released: &mut Released,
    needs: &[StepId],
) -> Vec<StepId> {
    let (name, keys) = (profile.name.clone(), leaving.keys(&profile.tags));
    let (ends, gives_back) = (leaving.ends(&profile.tags), leaving.gives_back(&profile.tags));
    let plan = &mut released.plan;
    let is_to_go = |role: &&String| ends || gives_back && node_role.is_some_and(|it| it.eq_ignore_ascii_case(role));
    let freed: Vec<_> = profile
        .roles
        .iter()
        .filter(is_to_go)
        .map(|role| {
            plan.add(
                Step::RemoveRoleFromInstanceProfile { name: name.clone(), role: role.clone() },
                needs.iter().copied(),
            )
        })
        .collect();
    let after = needs.iter().chain(&freed).copied().collect::<Vec<_>>();
    if ends {
        plan.add(Step::DeleteInstanceProfile { name }, after);
    } else if !keys.is_empty() {
        if gives_back {
            released.notes.push(left("instance profile", &name));
        }
        plan.add(Step::UntagInstanceProfile { name, keys }, after);
        released.shared = released.shared.max(Shared::more(!gives_back));
    }
    freed
}

/// What the log says of an object that was adopted.
fn left(kind: &str, name: &str) -> String {
    format!("{kind} `{name}` is left: it was adopted")
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
            let gives_back = leaving.gives_back(&role.tags);
            if gives_back {
                released.notes.push(left("role", &name));
            }
            released.plan.add(Step::UntagRole { name, keys }, needs.iter().copied());
            released.shared = released.shared.max(Shared::more(!gives_back));
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
    (role, observed): (&Role, &Observed),
    leaving: Leaving<'_>,
    plan: &mut Plan,
    needs: &[StepId],
) -> Option<StepId> {
    let is_left = leaving.again && leaving.owner.is_same_stack(&role.tags);
    let stays_with_others = !leaving.ends(&role.tags) && !leaving.gives_back(&role.tags);
    if leaving.keys(&role.tags).is_empty() && !is_left || !stays_with_others {
        return None;
    }
    let policy_name = spec.controller_policy_name();
    let there = role.inline_document(&policy_name)?;
    let passable = pass_role::passable_for_others(spec, leaving.ours, role, &observed.proven_node_roles);
    // All else in it is of those that stay, whatever these properties would have it say.
    let document = policy::passing(there, &passable);
    (!policy::same(there, &document)).then(|| {
        plan.add(Step::PutRolePolicy { name: role.name.clone(), policy_name, document }, needs.iter().copied())
    })
}
