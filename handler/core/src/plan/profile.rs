//! The instance profile: made for one role, and kept to it.

use super::object::{elsewhere, owner_of, tag_changes, too_many_tags};
use super::{Aim, Plan, Refusal, Step, StepId, made_with};
use crate::observed::InstanceProfile;
use crate::ownership::marked_by_others;

/// Plans the profile with the node role in it.
pub(super) fn converge(
    aim: Aim<'_>,
    found: Option<&InstanceProfile>,
    node_role_ready: Option<StepId>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) {
    let (name, role) = (aim.spec.instance_profile_name.clone(), aim.spec.node_role_name().to_owned());
    let tags = made_with(aim, aim.generation.physical_resource_id());
    let Some(found) = found else {
        let made =
            plan.add(Step::CreateInstanceProfile { name: name.clone(), path: aim.spec.path.clone(), tags }, None);
        plan.add(Step::AddRoleToInstanceProfile { name, role }, [made].into_iter().chain(node_role_ready));
        return;
    };
    if !aim.owner.is_same_stack(&found.tags) {
        refusals.push(Refusal::InstanceProfileTaken { name: found.name.clone(), owner: owner_of(&found.tags) });
        return;
    }
    if let Some(refusal) =
        elsewhere("instance profile", (&found.path, &found.name), (&aim.spec.path, &name), "InstanceProfileName")
    {
        refusals.push(refusal);
        return;
    }
    let (add, remove) = tag_changes(aim, &tags, &found.tags);
    refusals.extend(too_many_tags("instance profile", &name, &found.tags, &add, &remove));
    let untagged =
        (!remove.is_empty()).then(|| plan.add(Step::UntagInstanceProfile { name: name.clone(), keys: remove }, None));
    let tagged =
        (!add.is_empty()).then(|| plan.add(Step::TagInstanceProfile { name: name.clone(), tags: add }, untagged));
    if found.roles.iter().any(|held| held.eq_ignore_ascii_case(&role)) {
        return;
    }
    let mut needs: Vec<_> = tagged.into_iter().chain(node_role_ready).collect();
    for held in &found.roles {
        if marked_by_others(&found.tags, &[aim.generation.mark()].into()) {
            refusals.push(Refusal::ProfileServesOther { name: found.name.clone(), role: held.clone() });
            return;
        }
        needs.push(plan.add(Step::RemoveRoleFromInstanceProfile { name: name.clone(), role: held.clone() }, tagged));
    }
    plan.add(Step::AddRoleToInstanceProfile { name, role }, needs);
}
