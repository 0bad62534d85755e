//! The instance profile, with the node role as its only role.

use super::adoption::{may_use, name_problem, owner_text};
use super::tag_sync::{TagSync, sync_tags};
use crate::observed::InstanceProfile;
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, Step, StepId, TaggedObject};
use crate::plan::warning::Warning;

/// The steps on the instance profile on which other steps may depend, each if it is planned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// The step that creates the profile, or adds this generation's marker.
    pub(crate) claimed: Option<StepId>,
    /// The step that adds the node role to the profile. IAM checks iam:PassRole in it.
    pub(crate) role_added: Option<StepId>,
}

/// Plans the instance profile, and the node role in it. `node_role_claimed` is the step that creates or tags the node role.
pub(crate) fn reconcile(context: Context<'_>, node_role_claimed: Option<StepId>, draft: &mut Draft) -> Steps {
    let (name, role) = (context.spec.instance_profile_name.clone(), context.spec.node_role_name().to_owned());
    let found = context.observed.instance_profile.as_ref();
    let tags = context.tags(&context.marker_value(found.map(|found| &found.tags)));
    let Some(found) = found else {
        let path = context.spec.path.clone();
        let created = draft.add(IamStep::CreateInstanceProfile { name: name.clone(), path, tags }, None);
        let needs = [created].into_iter().chain(node_role_claimed);
        let role_added = draft.add(IamStep::AddRoleToInstanceProfile { name, role }, needs);
        return Steps { claimed: Some(created), role_added: Some(role_added) };
    };
    if !may_use(context, &found.tags) {
        let owner = owner_text(&found.tags, &context.spec.scope);
        draft.report(Problem::InstanceProfileTaken { name: found.name.clone(), owner });
        return Steps::default();
    }
    if let Some(problem) =
        name_problem("instance profile", (&found.path, &found.name), (&context.spec.path, &name), "InstanceProfileName")
    {
        draft.report(problem);
        return Steps::default();
    }
    let object = TaggedObject::InstanceProfile(&name);
    let tags = TagSync { object, wanted: &tags, found: &found.tags, removes_stale_tags: true, needs: None };
    let tagged = sync_tags(context, tags, draft);
    if found.roles.iter().any(|it| it.eq_ignore_ascii_case(&role)) {
        return Steps { claimed: tagged, role_added: None };
    }
    let mut needs: Vec<_> = tagged.into_iter().chain(node_role_claimed).collect();
    for other in &found.roles {
        if context.has_foreign_marker(&found.tags) {
            draft.report(Problem::ProfileServesOther { name: found.name.clone(), role: other.clone() });
            return Steps::default();
        }
        if !context.owner.is_same_stack(&found.tags) {
            draft.report(Problem::ProfileHoldsOther { name: found.name.clone(), role: other.clone() });
            return Steps::default();
        }
        needs.push(remove_role(found, other, tagged.as_slice(), draft));
    }
    let role_added = draft.add(IamStep::AddRoleToInstanceProfile { name, role }, needs);
    Steps { claimed: tagged, role_added: Some(role_added) }
}

/// The steps that delete the profile, or that remove the markers of these generations from it.
#[derive(Debug, Default)]
pub(crate) struct ProfileTeardown {
    /// The steps that remove roles from the profile.
    pub(crate) roles_removed: Vec<StepId>,
    pub(crate) recheck: Recheck,
}

/// Plans the deletion of the profile, or the removal of its markers, after `needs`. `deleted_role` is the name of the node role,
/// if it is deleted.
pub(crate) fn tear_down(
    teardown: Teardown<'_>,
    deleted_role: Option<&str>,
    needs: &[StepId],
    draft: &mut Draft,
) -> ProfileTeardown {
    let Some(profile) = &teardown.observed.instance_profile else { return ProfileTeardown::default() };
    let torn_down = teardown.torn_down;
    let (name, keys) = (profile.name.clone(), torn_down.keys(&profile.tags));
    let is_deleted = torn_down.deletes(TaggedObject::InstanceProfile(&name), &profile.tags);
    let keeps_adopted = torn_down.keeps_adopted(&profile.tags);
    let loses_role =
        |role: &&String| is_deleted || keeps_adopted && deleted_role.is_some_and(|it| it.eq_ignore_ascii_case(role));
    let lost_roles = profile.roles.iter().filter(loses_role);
    let roles_removed: Vec<_> = lost_roles.map(|role| remove_role(profile, role, needs, draft)).collect();
    let after = needs.iter().chain(&roles_removed).copied().collect::<Vec<_>>();
    let mut recheck = Recheck::Nothing;
    if is_deleted {
        draft.add(IamStep::DeleteInstanceProfile { name }, after);
    } else if !keys.is_empty() {
        if keeps_adopted {
            draft.warnings.push(Warning::AdoptedKept { kind: "instance profile", name: name.clone() });
        }
        draft.add(IamStep::UntagInstanceProfile { name, keys }, after);
        recheck = Recheck::everything_if(!keeps_adopted);
    }
    ProfileTeardown { roles_removed, recheck }
}

/// Plans the removal of a role from a profile.
pub(super) fn remove_role(profile: &InstanceProfile, role: &str, needs: &[StepId], draft: &mut Draft) -> StepId {
    let step = Step::Iam(IamStep::RemoveRoleFromInstanceProfile { name: profile.name.clone(), role: role.to_owned() });
    draft.add(step, needs.iter().copied())
}
