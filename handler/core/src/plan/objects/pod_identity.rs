//! The Pod Identity association of Karpenter's service account.

use super::adoption::{may_use, owner_text};
use super::controller_identity::{self, Issuer};
use super::controller_trust::controller_trust;
use super::tag_sync::{TagSync, sync_tags};
use crate::desired::spec::ControllerIdentity;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::{Tags, arn_marker_value, has_foreign_marker, markers};
use crate::observed::PodIdentityAssociation;
use crate::plan::context::{Context, Draft, IamSteps, Recheck, RemovalStep, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{EksStep, IamStep, Step, StepId, TaggedObject};
use crate::plan::warning::Warning;

/// Plans the association of the service account with the controller role. Returns the steps after which the trust policy is as
/// desired.
///
/// The associations of previous service accounts are deleted after the new one exists. The role trusts those service accounts
/// until then. So if a run is interrupted, the next run finds their associations by the trust policy.
pub(crate) fn reconcile(
    context: Context<'_>,
    issuer: Issuer<'_>,
    iam_steps: &IamSteps,
    draft: &mut Draft,
) -> Vec<StepId> {
    let spec = context.spec;
    let wanted = spec.has_controller_identity(ControllerIdentity::PodIdentity);
    let association = if wanted { reconcile_association(context, iam_steps, draft) } else { None };
    let needs: Vec<_> = association.into_iter().chain(iam_steps.controller_role).chain(iam_steps.trust).collect();
    if wanted && !context.observed.has_pod_identity_agent {
        draft.warnings.push(Warning::NoPodIdentityAgent { cluster: spec.cluster_name.clone() });
    }
    let removed: Vec<_> = controller_identity::stale_associations(context)
        .filter_map(|(_, association)| remove(context.teardown(), association, &needs, draft).step)
        .collect();
    if removed.is_empty() && controller_identity::previous_issuer(context).is_none() {
        return needs;
    }
    let (name, trust) = (spec.controller_role_name.clone(), controller_trust(spec, issuer.url(), []));
    vec![draft.add(IamStep::UpdateAssumeRolePolicy { name, trust }, removed.into_iter().chain(needs))]
}

/// Plans the association of the service account. Returns its last step, if one is needed.
fn reconcile_association(context: Context<'_>, iam_steps: &IamSteps, draft: &mut Draft) -> Option<StepId> {
    let Context { spec, observed, .. } = context;
    let (cluster_name, role_arn) = (spec.cluster_name.clone(), spec.controller_role_arn());
    let mut tags = context.tags(&arn_marker_value(&role_arn));
    let Some(found) = observed.associations.get(&spec.controller_account()) else {
        let (namespace, service_account) = (spec.namespace.clone(), spec.service_account.clone());
        let step = Step::Eks(EksStep::CreatePodIdentityAssociation {
            cluster_name,
            namespace,
            service_account,
            role_arn,
            tags,
        });
        return Some(draft.add(step, iam_steps.controller_role.into_iter().chain(iam_steps.trust)));
    };
    let (is_ours, is_same_stack) = (context.owner.is_creator(&found.tags), context.owner.is_same_stack(&found.tags));
    if found.role_arn != role_arn && (!may_use(context, &found.tags) || serves_another(context, &found.tags)) {
        draft.report(Problem::AssociationTaken {
            cluster: cluster_name,
            namespace: spec.namespace.clone(),
            service_account: spec.service_account.clone(),
            role_arn: found.role_arn.clone(),
            owner: owner_text(&found.tags, &spec.scope),
            id: found.id.clone(),
        });
        return None;
    }
    if !is_ours {
        if found.role_arn == role_arn && markers(&found.tags).next().is_none() && !is_same_stack {
            // The association of another owner is used without a marker, so that no teardown deletes it.
            if !found.has_session_tags {
                let ServiceAccount { namespace, name } = spec.controller_account();
                draft.warnings.push(Warning::NoSessionTags {
                    cluster: cluster_name,
                    service_account: format!("{namespace}/{name}"),
                    role: spec.controller_role_name.clone(),
                    id: found.id.clone(),
                });
            }
            return None;
        }
        tags.retain(|key, _| key == context.generation.marker().key());
    }
    let object = TaggedObject::PodIdentityAssociation(&found.arn);
    let tags = TagSync { object, wanted: &tags, found: &found.tags, removes_stale_tags: is_ours, needs: None };
    let tagged = sync_tags(context, tags, draft);
    let needs: Vec<_> = tagged.into_iter().chain(iam_steps.controller_role).chain(iam_steps.trust).collect();
    if found.role_arn == role_arn && found.has_session_tags {
        return tagged;
    }
    let step = Step::Eks(EksStep::UpdatePodIdentityAssociation { cluster_name, id: found.id.clone(), role_arn });
    Some(draft.add(step, needs))
}

/// Returns whether another resource of the stack created an association and other generations use it. Another role would take
/// their credentials away, so this requires `Adopt`.
fn serves_another(context: Context<'_>, tags: &Tags) -> bool {
    let previous = context.previous.map(|previous| context.owner.generation(&previous.identity()).marker());
    let ours = previous.into_iter().chain([context.generation.marker()]).collect();
    let is_of_another = context.owner.is_same_stack(tags) && !context.owner.is_creator(tags);
    is_of_another && !context.spec.adopts_existing_objects && has_foreign_marker(tags, &ours)
}

/// The steps that delete associations, or that remove the markers of these generations from them.
#[derive(Debug)]
pub(crate) struct AssociationsTeardown {
    pub(crate) steps: Vec<StepId>,
    pub(crate) recheck: Recheck,
}

/// Plans the deletion of the associations, or the removal of these generations' markers from them.
pub(crate) fn tear_down(teardown: Teardown<'_>, draft: &mut Draft) -> AssociationsTeardown {
    let associations = teardown.observed.associations.values();
    let removed: Vec<_> = associations.map(|association| remove(teardown, association, &[], draft)).collect();
    let steps = removed.iter().filter_map(|removal| removal.step).collect();
    AssociationsTeardown { steps, recheck: Recheck::everything_if(removed.iter().any(|removal| removal.is_shared)) }
}

/// Plans the deletion of one association, or the removal of its markers, after `needs`.
fn remove(
    Teardown { spec, torn_down, .. }: Teardown<'_>,
    association: &PodIdentityAssociation,
    needs: &[StepId],
    draft: &mut Draft,
) -> RemovalStep {
    let (cluster_name, id) = (spec.cluster_name.clone(), association.id.clone());
    if torn_down.deletes(TaggedObject::PodIdentityAssociation(&association.arn), &association.tags) {
        let step = draft.add(EksStep::DeletePodIdentityAssociation { cluster_name, id }, needs.iter().copied());
        return RemovalStep { step: Some(step), is_shared: false };
    }
    let keys = torn_down.keys(&association.tags);
    if keys.is_empty() {
        return RemovalStep::default();
    }
    // If the association has the role of a generation that is torn down, it gets the role of a generation that is kept.
    let roles_of_others: Vec<_> = markers(&association.tags)
        .filter(|(marker, _)| !torn_down.markers.contains(marker))
        .map(|(_, value)| value)
        .collect();
    let has_role_of_others = roles_of_others.contains(&arn_marker_value(&association.role_arn).as_str());
    let new_role = roles_of_others.into_iter().find(|value| !has_role_of_others && value.starts_with("arn:"));
    let updated = new_role.map(|role_arn| {
        let role_arn = role_arn.to_owned();
        draft.add(EksStep::UpdatePodIdentityAssociation { cluster_name, id, role_arn }, needs.iter().copied())
    });
    let needs = needs.iter().copied().chain(updated);
    let step = draft.add(EksStep::UntagEksResource { arn: association.arn.clone(), keys }, needs);
    RemovalStep { step: Some(step), is_shared: true }
}
