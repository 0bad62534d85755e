//! What Karpenter may have left: nodes that still run, and instance profiles of its own on the node role.

use super::instance_profile::free;
use crate::identity::karpenter_version::is_karpenter_profile;
use crate::observed::{InstanceProfile, Role};
use crate::plan::context::{Draft, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, StepId};
use std::collections::BTreeSet;

/// Why nothing may go yet: nodes run with a profile that would. `all_go`: so would nodes of every profile that holds the
/// node role, since the role goes, or its way in.
pub(crate) fn running_nodes(teardown: Teardown<'_>, all_go: bool) -> Option<Problem> {
    let Teardown { spec, departing, observed } = teardown;
    let stands = observed.cluster.as_ref().is_some_and(|cluster| cluster.status != "DELETING");
    if spec.ignores_running_nodes || !stands {
        return None;
    }
    let own = observed.instance_profile.iter().filter(|profile| departing.deletes(&profile.tags));
    let others = observed.profiles_of_node_role.iter().filter(|_| all_go);
    let going: BTreeSet<_> = own.chain(others).map(|profile| profile.name.to_lowercase()).collect();
    let running: Vec<_> =
        observed.running.iter().filter(|it| going.contains(&it.instance_profile.to_lowercase())).collect();
    let listed =
        |names: BTreeSet<&String>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!running.is_empty()).then(|| Problem::RunningNodes {
        instances: listed(running.iter().map(|it| &it.id).collect()),
        profiles: listed(running.iter().map(|it| &it.instance_profile).collect()),
    })
}

/// Plans that the profiles which Karpenter made for this cluster on the node role go, since it does; gives the steps that
/// free it. Of anybody else's they are named: IAM deletes no role that a profile holds.
pub(crate) fn profiles(teardown: Teardown<'_>, role: &Role, needs: &[StepId], draft: &mut Draft) -> Vec<StepId> {
    let Teardown { spec, departing, observed } = teardown;
    let is_own = |profile: &InstanceProfile| {
        let is_left = |tags| departing.deletes(tags) || departing.keeps_adopted(tags);
        let own = observed.instance_profile.as_ref().filter(|own| is_left(&own.tags));
        own.is_some_and(|own| own.name.eq_ignore_ascii_case(&profile.name))
    };
    let is_its =
        |profile: &InstanceProfile| is_karpenter_profile(&profile.tags, &spec.cluster_name, &spec.scope.region);
    let (its, others): (Vec<_>, Vec<_>) =
        observed.profiles_of_node_role.iter().filter(|profile| !is_own(profile)).partition(|profile| is_its(profile));
    if !others.is_empty() {
        let profiles: Vec<_> = others.iter().map(|profile| format!("`{}`", profile.name)).collect();
        draft.report(Problem::OtherProfiles { role: role.name.clone(), profiles: profiles.join(", ") });
    }
    its.into_iter()
        .map(|profile| {
            let freed = free(profile, &role.name, needs, draft);
            draft.add(IamStep::DeleteInstanceProfile { name: profile.name.clone() }, [freed]);
            freed
        })
        .collect()
}
