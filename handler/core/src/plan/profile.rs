//! The instance profile: made for one role, and kept to it.

use super::iam::noted;
use super::object::{Object, Retag, elsewhere, is_admitted, owner_of, retag};
use super::{Aim, Plan, Refusal, Step, StepId, made_with};
use crate::identity::ownership::marked_by_others;
use crate::observed::Observed;

/// The steps on the profile that others may need, each if it is planned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steps {
    /// The step that makes the profile this generation's.
    pub(super) ready: Option<StepId>,
    /// The step that puts the node role into it: IAM checks iam:PassRole there.
    pub(super) role_added: Option<StepId>,
}

/// Plans the profile with the node role in it.
pub(super) fn converge(
    aim: Aim<'_>,
    observed: &Observed,
    node_role_ready: Option<StepId>,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Steps {
    let (name, role) = (aim.spec.instance_profile_name.clone(), aim.spec.node_role_name().to_owned());
    let found = observed.instance_profile.as_ref();
    let tags = made_with(aim, &noted(aim, observed, found.map(|found| &found.tags)));
    let Some(found) = found else {
        let made =
            plan.add(Step::CreateInstanceProfile { name: name.clone(), path: aim.spec.path.clone(), tags }, None);
        let added = plan.add(Step::AddRoleToInstanceProfile { name, role }, [made].into_iter().chain(node_role_ready));
        return Steps { ready: Some(made), role_added: Some(added) };
    };
    if !is_admitted(aim, &found.tags) {
        let owner = owner_of(&found.tags, &aim.spec.scope);
        refusals.push(Refusal::InstanceProfileTaken { name: found.name.clone(), owner });
        return Steps::default();
    }
    if let Some(refusal) =
        elsewhere("instance profile", (&found.path, &found.name), (&aim.spec.path, &name), "InstanceProfileName")
    {
        refusals.push(refusal);
        return Steps::default();
    }
    let object = Object::InstanceProfile(&name);
    let tags = Retag { object, wanted: &tags, found: &found.tags, takes_away: true, needs: None };
    let tagged = retag(aim, tags, plan, refusals);
    if found.roles.iter().any(|held| held.eq_ignore_ascii_case(&role)) {
        return Steps { ready: tagged, role_added: None };
    }
    let mut needs: Vec<_> = tagged.into_iter().chain(node_role_ready).collect();
    for held in &found.roles {
        if marked_by_others(&found.tags, &[aim.generation.mark()].into()) {
            refusals.push(Refusal::ProfileServesOther { name: found.name.clone(), role: held.clone() });
            return Steps::default();
        }
        if !aim.owner.is_same_stack(&found.tags) {
            refusals.push(Refusal::ProfileHoldsOther { name: found.name.clone(), role: held.clone() });
            return Steps::default();
        }
        needs.push(plan.add(Step::RemoveRoleFromInstanceProfile { name: name.clone(), role: held.clone() }, tagged));
    }
    let added = plan.add(Step::AddRoleToInstanceProfile { name, role }, needs);
    Steps { ready: tagged, role_added: Some(added) }
}
