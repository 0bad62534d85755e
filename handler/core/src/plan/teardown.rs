//! Generations that are torn down: their markers are removed, and each object that no other marker holds.

use super::context::{Departing, Draft, Recheck, Teardown};
use super::objects::{
    controller_role, discovery_tags, instance_profile, karpenter_leftovers, node_access, node_role, oidc_provider,
    pod_identity,
};
use super::problem::Problems;
use super::step::Plan;
use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::observed::Observed;

/// A plan that takes generations away.
#[derive(Clone, Debug)]
pub struct TeardownPlan {
    /// The steps.
    pub plan: Plan,
    /// What stays with others.
    pub shared: Recheck,
    /// What the log should say: attachments of others that go with their role.
    pub warnings: Vec<Warning>,
}

/// Plans that generations go. `spec` names their objects; what has none of their markers is not touched, whatever its
/// name, unless it is the stack's and has no marker at all: those who left it last did not live to see that.
///
/// # Errors
/// What a person must see to first; then nothing is taken away.
pub fn tear_down(spec: &Spec, departing: Departing<'_>, observed: &Observed) -> Result<TeardownPlan, Problems> {
    let teardown = Teardown { spec, departing, observed };
    let mut draft = Draft::default();
    for template in &observed.launch_templates {
        draft.warnings.push(Warning::LaunchTemplateKept { id: template.clone() });
    }
    let shared = plan(teardown, &mut draft);
    let Draft { plan, problems, warnings } = draft;
    if problems.is_empty() { Ok(TeardownPlan { plan, shared, warnings }) } else { Err(Problems(problems)) }
}

/// First the way in, then the tags that lead Karpenter there, then what its nodes run with.
fn plan(teardown: Teardown<'_>, draft: &mut Draft) -> Recheck {
    let Teardown { departing, observed, .. } = teardown;
    let node_role = node_role::created(teardown);
    let gone = node_role.filter(|role| departing.deletes(&role.tags));
    let access = node_access::tear_down(teardown, gone.is_some(), draft);
    draft.report(karpenter_leftovers::running_nodes(teardown, gone.is_some() || access.cuts_nodes_off));
    let associations = pod_identity::tear_down(teardown, draft);
    let mut shared = Recheck::everything_if(access.is_shared).max(associations.shared);
    let resources = observed.discovery.subnets.iter().chain(&observed.discovery.security_groups);
    discovery_tags::tear_down(resources, departing.markers, &access.steps, draft);
    let profile = instance_profile::tear_down(teardown, gone.map(|role| role.name.as_str()), &access.steps, draft);
    shared = shared.max(profile.shared);
    let mut freed = profile.freed;
    if let Some(role) = gone {
        freed.extend(karpenter_leftovers::profiles(teardown, role, &access.steps, draft));
    }
    if let Some(role) = node_role {
        let needs: Vec<_> = access.steps.iter().copied().chain(freed).collect();
        shared = shared.max(node_role::tear_down(teardown, role, &needs, draft));
    }
    shared = shared.max(controller_role::tear_down(teardown, &access.steps, &associations.steps, draft));
    // Last of all: until then the controller role trusts it.
    let needs: Vec<_> = draft.plan.steps().map(|(id, _, _)| id).collect();
    shared.max(oidc_provider::tear_down(teardown, &needs, draft))
}
