//! The instance profile: created for one role, and kept to it.

use super::adoption::{may_use, name_problem, owner_text};
use super::tagging::{Object, TagSync, sync_tags};
use crate::observed::InstanceProfile;
use crate::plan::context::{Context, Draft, Recheck, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{IamStep, Step, StepId};
use crate::plan::warning::Warning;

/// The steps on the profile that others may need, each if it is planned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// The step that makes the profile this generation's.
    pub(crate) claimed: Option<StepId>,
    /// The step that puts the node role into it: IAM checks iam:PassRole there.
    pub(crate) role_added: Option<StepId>,
}

/// Plans the profile with the node role in it.
pub(crate) fn reconcile(context: Context<'_>, node_role_ready: Option<StepId>, draft: &mut Draft) -> Steps {
    let (name, role) = (context.spec.instance_profile_name.clone(), context.spec.node_role_name().to_owned());
    let found = context.observed.instance_profile.as_ref();
    let tags = context.tags(&context.marker_value(found.map(|found| &found.tags)));
    let Some(found) = found else {
        let made = draft
            .add(IamStep::CreateInstanceProfile { name: name.clone(), path: context.spec.path.clone(), tags }, None);
        let added =
            draft.add(IamStep::AddRoleToInstanceProfile { name, role }, [made].into_iter().chain(node_role_ready));
        return Steps { claimed: Some(made), role_added: Some(added) };
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
    let object = Object::InstanceProfile(&name);
    let tags = TagSync { object, wanted: &tags, found: &found.tags, removes_stale_tags: true, needs: None };
    let tagged = sync_tags(context, tags, draft);
    if found.roles.iter().any(|held| held.eq_ignore_ascii_case(&role)) {
        return Steps { claimed: tagged, role_added: None };
    }
    let mut needs: Vec<_> = tagged.into_iter().chain(node_role_ready).collect();
    for held in &found.roles {
        if context.has_foreign_marker(&found.tags) {
            draft.report(Problem::ProfileServesOther { name: found.name.clone(), role: held.clone() });
            return Steps::default();
        }
        if !context.owner.is_same_stack(&found.tags) {
            draft.report(Problem::ProfileHoldsOther { name: found.name.clone(), role: held.clone() });
            return Steps::default();
        }
        needs.push(free(found, held, tagged.as_slice(), draft));
    }
    let added = draft.add(IamStep::AddRoleToInstanceProfile { name, role }, needs);
    Steps { claimed: tagged, role_added: Some(added) }
}

/// The steps that end the profile, or this generation's part in it.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// The steps that free the roles of the profile.
    pub(crate) freed: Vec<StepId>,
    pub(crate) shared: Recheck,
}

/// Plans the profile's end, or its marker's, after `needs`. `node_role`: the one that is deleted.
pub(crate) fn tear_down(teardown: Teardown<'_>, node_role: Option<&str>, needs: &[StepId], draft: &mut Draft) -> Left {
    let Some(profile) = &teardown.observed.instance_profile else { return Left::default() };
    let departing = teardown.departing;
    let (name, keys) = (profile.name.clone(), departing.keys(&profile.tags));
    let (ends, keeps_adopted) = (departing.deletes(&profile.tags), departing.keeps_adopted(&profile.tags));
    let is_to_go = |role: &&String| ends || keeps_adopted && node_role.is_some_and(|it| it.eq_ignore_ascii_case(role));
    let freed: Vec<_> = profile.roles.iter().filter(is_to_go).map(|role| free(profile, role, needs, draft)).collect();
    let after = needs.iter().chain(&freed).copied().collect::<Vec<_>>();
    let mut shared = Recheck::Nothing;
    if ends {
        draft.add(IamStep::DeleteInstanceProfile { name }, after);
    } else if !keys.is_empty() {
        if keeps_adopted {
            draft.warnings.push(Warning::AdoptedKept { kind: "instance profile", name: name.clone() });
        }
        draft.add(IamStep::UntagInstanceProfile { name, keys }, after);
        shared = Recheck::everything_if(!keeps_adopted);
    }
    Left { freed, shared }
}

/// Plans that a profile holds this role no more.
pub(super) fn free(profile: &InstanceProfile, role: &str, needs: &[StepId], draft: &mut Draft) -> StepId {
    let step = Step::Iam(IamStep::RemoveRoleFromInstanceProfile { name: profile.name.clone(), role: role.to_owned() });
    draft.add(step, needs.iter().copied())
}
