//! The teardown of generations: their markers are removed, and the objects without another marker are deleted.

use super::context::{Draft, Recheck, Teardown, TornDown};
use super::objects::{
    controller_role, discovery_tags, instance_profile, karpenter_leftovers, node_access, node_role, oidc_provider,
    pod_identity,
};
use super::problem::Problems;
use super::step::{Plan, TaggedObject};
use super::warning::Warning;
use crate::desired::spec::Spec;
use crate::observed::Observed;

/// The plan of a teardown.
#[derive(Clone, Debug)]
pub struct TeardownPlan {
    /// The steps.
    pub plan: Plan,
    /// The objects that must be read again after the teardown, because it keeps them for other generations.
    pub recheck: Recheck,
    /// The warnings for the log: objects that are kept, and policies of others that are removed together with their role.
    pub warnings: Vec<Warning>,
}

/// Plans the teardown of generations. `spec` names their objects.
///
/// The teardown changes the objects that have a marker of these generations. It also deletes:
///
/// - Objects that the stack created and that have no marker, because the process that removed the last marker was killed before
///   it deleted the object.
/// - Instance profiles that Karpenter created on a node role that is deleted, and the entry of that role in aws-auth.
///
/// # Errors
/// Returns every problem that a person must solve first. Nothing is removed then.
pub fn tear_down(spec: &Spec, torn_down: TornDown<'_>, observed: &Observed) -> Result<TeardownPlan, Problems> {
    let teardown = Teardown { spec, torn_down, observed };
    let mut draft = Draft::default();
    for template in &observed.launch_templates {
        draft.warnings.push(Warning::LaunchTemplateKept { id: template.clone() });
    }
    let recheck = plan(teardown, &mut draft);
    let Draft { plan, problems, warnings, joins_others: _ } = draft;
    if problems.is_empty() { Ok(TeardownPlan { plan, recheck, warnings }) } else { Err(Problems(problems)) }
}

/// Plans the removal in this order: node access, so that no further node joins, then the discovery tags, the instance profiles
/// and the roles. Returns the objects that must be read again.
fn plan(teardown: Teardown<'_>, draft: &mut Draft) -> Recheck {
    let Teardown { torn_down, observed, .. } = teardown;
    let node_role = node_role::managed(teardown);
    let deleted_role = node_role.filter(|role| torn_down.deletes(TaggedObject::Role(&role.name), &role.tags));
    let access = node_access::tear_down(teardown, deleted_role.is_some(), draft);
    draft.report(karpenter_leftovers::running_nodes(teardown, deleted_role.is_some() || access.cuts_nodes_off));
    let associations = pod_identity::tear_down(teardown, draft);
    let mut recheck = Recheck::everything_if(access.is_shared).max(associations.recheck);
    let resources = observed.discovery.subnets.iter().chain(&observed.discovery.security_groups);
    discovery_tags::tear_down(resources, torn_down.markers, &access.steps, draft);
    let profile =
        instance_profile::tear_down(teardown, deleted_role.map(|role| role.name.as_str()), &access.steps, draft);
    recheck = recheck.max(profile.recheck);
    let mut roles_removed = profile.roles_removed;
    if let Some(role) = deleted_role {
        roles_removed.extend(karpenter_leftovers::profiles(teardown, role, &access.steps, draft));
    }
    if let Some(role) = node_role {
        let needs: Vec<_> = access.steps.iter().copied().chain(roles_removed).collect();
        recheck = recheck.max(node_role::tear_down(teardown, role, &needs, draft));
    }
    recheck = recheck.max(controller_role::tear_down(teardown, &access.steps, &associations.steps, draft));
    // The provider is last, because the controller role trusts it until the role is deleted.
    let needs: Vec<_> = draft.plan.steps().map(|(id, _, _)| id).collect();
    recheck.max(oidc_provider::tear_down(teardown, &needs, draft))
}
