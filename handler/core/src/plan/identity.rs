//! How the controller comes by its role: what IRSA needs of the cluster, and the Pod Identity association.

use super::iam::Ready;
use super::object::{Object, Retag, is_admitted, owner_of, retag};
use super::release::Leaving;
use super::{Aim, Plan, Refusal, Step, StepId, made_with};
use crate::desired::spec::{ControllerIdentity, Spec};
use crate::documents::policy::trust::{self, AUDIENCE};
use crate::identity::aws_names::issuer_without_scheme;
use crate::identity::kubernetes::ServiceAccount;
use crate::identity::ownership::{Tags, marked_by_others, marks, noted_arn};
use crate::observed::{Observed, PodIdentityAssociation};

/// The cluster's issuer where IRSA is wanted. What it needs and is not there is refused, and the rest is looked at all the
/// same, so that all is told at once. `Err`: there is no issuer.
pub(super) fn issuer<'a>(
    spec: &Spec,
    observed: &'a Observed,
    refusals: &mut Vec<Refusal>,
) -> Result<Option<&'a str>, Unfit> {
    if !spec.has_identity(ControllerIdentity::Irsa) {
        return Ok(None);
    }
    let cluster = spec.cluster_name.clone();
    let issuer = observed.cluster.as_ref().and_then(|cluster| cluster.issuer.as_deref());
    let Some(issuer) = issuer else {
        refusals.push(Refusal::NoIssuer { cluster });
        return Err(Unfit);
    };
    refusals.extend(match &observed.oidc_provider {
        None if spec.creates_oidc_provider => None,
        None => Some(Refusal::NoOidcProvider { cluster, issuer: issuer.to_owned() }),
        Some(provider) if provider.client_ids.iter().any(|id| id == AUDIENCE) => None,
        Some(provider) => Some(Refusal::NoAudience { provider: provider.arn.clone() }),
    });
    Ok(Some(issuer))
}

/// The cluster is not fit for the wanted identity; a refusal says why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfit;

/// The associations of ours that are not wanted any more: of other service accounts, or of this one where IRSA alone is
/// wanted.
pub(super) fn unwanted<'a>(
    aim: Aim<'a>,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a ServiceAccount, &'a PodIdentityAssociation)> {
    let wanted = aim.spec.has_identity(ControllerIdentity::PodIdentity).then(|| aim.spec.controller_account());
    let ours = [aim.generation.mark()].into();
    let is_ours = move |tags: &Tags| !Leaving { ours: &ours, owner: aim.owner, again: false }.keys(tags).is_empty();
    observed
        .associations
        .iter()
        .filter(move |(account, found)| wanted.as_ref() != Some(account) && is_ours(&found.tags))
}

/// The cluster's issuer where the controller role trusts it still, and is to trust Pod Identity alone, whose association is
/// yet to be made: until then a controller that runs comes by its role in the former way.
pub(super) fn former_issuer<'a>(aim: Aim<'_>, observed: &'a Observed) -> Option<&'a str> {
    let spec = aim.spec;
    let issuer = observed.cluster.as_ref()?.issuer.as_deref()?;
    let trusted = trust::provider(&observed.controller_role.as_ref()?.trust)?;
    let is_left = !spec.has_identity(ControllerIdentity::Irsa) && spec.has_identity(ControllerIdentity::PodIdentity);
    let is_its = trusted == spec.scope.oidc_provider_arn(issuer_without_scheme(issuer));
    let association = observed.associations.get(&spec.controller_account());
    let stands = association.is_some_and(|found| found.role_arn == spec.controller_role_arn());
    (is_left && is_its && !stands).then_some(issuer)
}

/// Plans the association: one for the service account, with the controller role. Those of other service accounts, which
/// were wanted before, go when it stands; the role trusts theirs until then, so that a run that is cut off is known by
/// it. Gives the steps after which the role trusts whom it should.
pub(super) fn converge(
    aim: Aim<'_>,
    observed: &Observed,
    issuer: Option<&str>,
    ready: &Ready,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<String>,
) -> Vec<StepId> {
    let ours = [aim.generation.mark()].into();
    let leaving = Leaving { ours: &ours, owner: aim.owner, again: false };
    let wanted = aim.spec.has_identity(ControllerIdentity::PodIdentity);
    let stands = if wanted { associated(aim, observed, ready, plan, refusals, warnings) } else { None };
    let stands: Vec<_> = stands.into_iter().chain(ready.controller_role).chain(ready.trust).collect();
    if wanted && !observed.has_pod_identity_agent {
        let cluster = &aim.spec.cluster_name;
        warnings.push(format!("cluster `{cluster}` has no add-on eks-pod-identity-agent, without which no pod comes by a role: install it with `aws eks create-addon --cluster-name {cluster} --addon-name eks-pod-identity-agent`, unless you run the agent yourself"));
    }
    let gone: Vec<_> = unwanted(aim, observed)
        .filter_map(|(_, association)| go(association, aim.spec, leaving, &stands, plan).0)
        .collect();
    if gone.is_empty() && former_issuer(aim, observed).is_none() {
        return stands;
    }
    let (name, trust) = (aim.spec.controller_role_name.clone(), trust::controller(aim.spec, issuer, []));
    vec![plan.add(Step::UpdateAssumeRolePolicy { name, trust }, gone.into_iter().chain(stands))]
}

/// Plans the association for the spec's service account; gives the last step, if there is one.
fn associated(
    aim: Aim<'_>,
    observed: &Observed,
    ready: &Ready,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<String>,
) -> Option<StepId> {
    let spec = aim.spec;
    let (cluster_name, role_arn) = (spec.cluster_name.clone(), spec.controller_role_arn());
    let mut tags = made_with(aim, &noted_arn(&role_arn));
    let Some(found) = observed.associations.get(&spec.controller_account()) else {
        let (namespace, service_account) = (spec.namespace.clone(), spec.service_account.clone());
        let step = Step::CreatePodIdentityAssociation { cluster_name, namespace, service_account, role_arn, tags };
        return Some(plan.add(step, ready.controller_role.into_iter().chain(ready.trust)));
    };
    let (is_ours, is_same_stack) = (aim.owner.is_maker(&found.tags), aim.owner.is_same_stack(&found.tags));
    if found.role_arn != role_arn && (!is_admitted(aim, &found.tags) || serves_another(aim, &found.tags)) {
        refusals.push(Refusal::AssociationTaken {
            cluster: cluster_name,
            namespace: spec.namespace.clone(),
            service_account: spec.service_account.clone(),
            role_arn: found.role_arn.clone(),
            owner: owner_of(&found.tags, &spec.scope),
            id: found.id.clone(),
        });
        return None;
    }
    if !is_ours {
        if found.role_arn == role_arn && marks(&found.tags).next().is_none() && !is_same_stack {
            // Somebody's own: used, and left in place.
            if !found.has_session_tags {
                let ServiceAccount { namespace, name } = spec.controller_account();
                warnings.push(format!("the Pod Identity association of `{namespace}/{name}` in cluster `{cluster_name}` has its session tags disabled, and no stack made it: role `{}` asks for them and is denied to Karpenter; enable them with `aws eks update-pod-identity-association --cluster-name {cluster_name} --association-id {} --no-disable-session-tags`", spec.controller_role_name, found.id));
            }
            return None;
        }
        tags.retain(|key, _| key == aim.generation.mark().key());
    }
    let object = Object::PodIdentityAssociation(&found.arn);
    let tags = Retag { object, wanted: &tags, found: &found.tags, takes_away: is_ours, needs: None };
    let tagged = retag(aim, tags, plan, refusals);
    let needs: Vec<_> = tagged.into_iter().chain(ready.controller_role).chain(ready.trust).collect();
    if found.role_arn == role_arn && found.has_session_tags {
        return tagged;
    }
    let step = Step::UpdatePodIdentityAssociation { cluster_name, id: found.id.clone(), role_arn };
    Some(plan.add(step, needs))
}

/// Whether another resource of the stack made an association, and it serves others than this resource: to lead it to another
/// role would take it from them. That is for `Adopt` to ask.
fn serves_another(aim: Aim<'_>, tags: &Tags) -> bool {
    let former = aim.old.map(|old| aim.owner.generation(&old.identity()).mark());
    let ours = former.into_iter().chain([aim.generation.mark()]).collect();
    let is_of_another = aim.owner.is_same_stack(tags) && !aim.owner.is_maker(tags);
    is_of_another && !aim.spec.adopts_existing_objects && marked_by_others(tags, &ours)
}

/// Plans that these generations leave the associations; gives the steps, and whether any stays with others.
pub(super) fn release(spec: &Spec, observed: &Observed, leaving: Leaving<'_>, plan: &mut Plan) -> (Vec<StepId>, bool) {
    let gone: Vec<_> =
        observed.associations.values().map(|association| go(association, spec, leaving, &[], plan)).collect();
    (gone.iter().filter_map(|(step, _)| *step).collect(), gone.iter().any(|(_, stays)| *stays))
}

fn go(
    association: &PodIdentityAssociation,
    spec: &Spec,
    leaving: Leaving<'_>,
    needs: &[StepId],
    plan: &mut Plan,
) -> (Option<StepId>, bool) {
    let (cluster_name, id) = (spec.cluster_name.clone(), association.id.clone());
    if leaving.ends(&association.tags) {
        return (Some(plan.add(Step::DeletePodIdentityAssociation { cluster_name, id }, needs.iter().copied())), false);
    }
    let keys = leaving.keys(&association.tags);
    if keys.is_empty() {
        return (None, false);
    }
    // It goes back to the role of those that stay, if it led to ours.
    let of_others: Vec<_> =
        marks(&association.tags).filter(|(mark, _)| !leaving.ours.contains(mark)).map(|(_, note)| note).collect();
    let stays = of_others.contains(&noted_arn(&association.role_arn).as_str());
    let back = of_others.into_iter().find(|note| !stays && note.starts_with("arn:"));
    let back = back.map(|role_arn| {
        let role_arn = role_arn.to_owned();
        plan.add(Step::UpdatePodIdentityAssociation { cluster_name, id, role_arn }, needs.iter().copied())
    });
    let needs = needs.iter().copied().chain(back);
    (Some(plan.add(Step::UntagEksResource { arn: association.arn.clone(), keys }, needs)), true)
}
