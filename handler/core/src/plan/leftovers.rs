//! What Karpenter may have left: nodes that still run, and instance profiles of its own on the node role.

use super::release::Leaving;
use super::{Plan, Refusal, Step, StepId};
use crate::desired::spec::Spec;
use crate::identity::karpenter_version::is_its_profile;
use crate::observed::{InstanceProfile, Observed, Role};
use std::collections::BTreeSet;

/// Why nothing may go yet: nodes run with a profile that would. `all_go`: so would nodes of every profile that holds the
/// node role, since the role goes, or its way in.
pub(super) fn running_nodes(spec: &Spec, observed: &Observed, leaving: Leaving<'_>, all_go: bool) -> Option<Refusal> {
    let stands = observed.cluster.as_ref().is_some_and(|cluster| cluster.status != "DELETING");
    if spec.ignores_running_nodes || !stands {
        return None;
    }
    let own = observed.instance_profile.iter().filter(|profile| leaving.ends(&profile.tags));
    let others = observed.profiles_of_node_role.iter().filter(|_| all_go);
    let going: BTreeSet<_> = own.chain(others).map(|profile| profile.name.to_lowercase()).collect();
    let running: Vec<_> =
        observed.running.iter().filter(|it| going.contains(&it.instance_profile.to_lowercase())).collect();
    let listed =
        |names: BTreeSet<&String>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!running.is_empty()).then(|| Refusal::RunningNodes {
        instances: listed(running.iter().map(|it| &it.id).collect()),
        profiles: listed(running.iter().map(|it| &it.instance_profile).collect()),
    })
}

/// Plans that the profiles which Karpenter made for this cluster on the node role go, since it does; gives the steps that
/// free it. Of anybody else's they are named: IAM deletes no role that a profile holds.
pub(super) fn profiles(
    spec: &Spec,
    role: &Role,
    observed: &Observed,
    leaving: Leaving<'_>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
    needs: &[StepId],
) -> Vec<StepId> {
    let is_own = |profile: &InstanceProfile| {
        let is_left = |tags| leaving.ends(tags) || leaving.gives_back(tags);
        let own = observed.instance_profile.as_ref().filter(|own| is_left(&own.tags));
        own.is_some_and(|own| own.name.eq_ignore_ascii_case(&profile.name))
    };
    let is_its = |profile: &InstanceProfile| is_its_profile(&profile.tags, &spec.cluster_name, &spec.scope.region);
    let (its, others): (Vec<_>, Vec<_>) =
        observed.profiles_of_node_role.iter().filter(|profile| !is_own(profile)).partition(|profile| is_its(profile));
    if !others.is_empty() {
        let profiles: Vec<_> = others.iter().map(|profile| format!("`{}`", profile.name)).collect();
        refusals.push(Refusal::OtherProfiles { role: role.name.clone(), profiles: profiles.join(", ") });
    }
    its.into_iter()
        .map(|profile| {
            let name = profile.name.clone();
            let remove = Step::RemoveRoleFromInstanceProfile { name: name.clone(), role: role.name.clone() };
            let freed = plan.add(remove, needs.iter().copied());
            plan.add(Step::DeleteInstanceProfile { name }, [freed]);
            freed
        })
        .collect()
}
