//! Objects that Karpenter created and that may still exist: running nodes, and instance profiles on the node role.

use super::instance_profile::remove_role;
use crate::identity::karpenter_version::is_karpenter_profile;
use crate::observed::{InstanceProfile, Role};
use crate::plan::context::{Draft, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, StepId, TaggedObject};
use std::collections::BTreeSet;

/// Returns a problem if nodes run with an instance profile that the teardown deletes. With `cuts_node_role_off`, the teardown
/// deletes the node role or its access, so nodes with any instance profile of the node role count. Without a cluster, no node
/// counts.
pub(crate) fn running_nodes(teardown: Teardown<'_>, cuts_node_role_off: bool) -> Option<Problem> {
    let Teardown { spec, torn_down, observed } = teardown;
    let has_cluster = observed.cluster.as_ref().is_some_and(|cluster| cluster.status != "DELETING");
    if spec.ignores_running_nodes || !has_cluster {
        return None;
    }
    let is_deleted =
        |profile: &&InstanceProfile| torn_down.deletes(TaggedObject::InstanceProfile(&profile.name), &profile.tags);
    let own = observed.instance_profile.iter().filter(is_deleted);
    let others = observed.profiles_of_node_role.iter().filter(|_| cuts_node_role_off);
    let affected: BTreeSet<_> = own.chain(others).map(|profile| profile.name.to_lowercase()).collect();
    let running: Vec<_> =
        observed.running.iter().filter(|it| affected.contains(&it.instance_profile.to_lowercase())).collect();
    let listed =
        |names: BTreeSet<&String>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!running.is_empty()).then(|| Problem::RunningNodes {
        instances: listed(running.iter().map(|it| &it.id).collect()),
        profiles: listed(running.iter().map(|it| &it.instance_profile).collect()),
    })
}

/// Plans the deletion of the instance profiles that Karpenter created on the node role for this cluster. The role is deleted, and
/// IAM does not delete a role that is in a profile. Returns the steps that remove the role from the profiles. Any other profile
/// with the role is a problem.
pub(crate) fn profiles(teardown: Teardown<'_>, role: &Role, needs: &[StepId], draft: &mut Draft) -> Vec<StepId> {
    let Teardown { spec, torn_down, observed } = teardown;
    let is_own = |profile: &InstanceProfile| {
        let loses_role = |own: &&InstanceProfile| {
            torn_down.deletes(TaggedObject::InstanceProfile(&own.name), &own.tags) || torn_down.keeps_adopted(&own.tags)
        };
        let own = observed.instance_profile.as_ref().filter(loses_role);
        own.is_some_and(|own| own.name.eq_ignore_ascii_case(&profile.name))
    };
    let is_of_karpenter =
        |profile: &InstanceProfile| is_karpenter_profile(&profile.tags, &spec.cluster_name, &spec.scope.region);
    let foreign = observed.profiles_of_node_role.iter().filter(|profile| !is_own(profile));
    let (of_karpenter, others): (Vec<_>, Vec<_>) = foreign.partition(|profile| is_of_karpenter(profile));
    if !others.is_empty() {
        let profiles: Vec<_> = others.iter().map(|profile| format!("`{}`", profile.name)).collect();
        draft.report(Problem::OtherProfiles { role: role.name.clone(), profiles: profiles.join(", ") });
    }
    of_karpenter
        .into_iter()
        .map(|profile| {
            let role_removed = remove_role(profile, &role.name, needs, draft);
            draft.add(IamStep::DeleteInstanceProfile { name: profile.name.clone() }, [role_removed]);
            role_removed
        })
        .collect()
}
