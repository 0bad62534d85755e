//! The access entry: made for the node role, or found and used.
//!
//! EKS binds an entry to the role that stood when it was made, not to its ARN: when the role is made again, the entry
//! looks as before and lets nobody in
//! (<https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html>).

use super::EC2_LINUX;
use crate::desired::spec::Spec;
use crate::identity::ownership::{OWNER_KEY, marks};
use crate::observed::{AccessEntry, Observed};
use crate::plan::iam::Ready;
use crate::plan::object::{Object, Retag, retag};
use crate::plan::release::Leaving;
use crate::plan::{Aim, Plan, Refusal, Step, StepId, made_with};

/// Why an entry of the cluster's keeps nodes out: its type cannot be changed, and it overrides aws-auth.
pub(super) fn of_another_type(spec: &Spec, observed: &Observed) -> Option<Refusal> {
    let entry = observed.access_entry.as_ref().filter(|entry| entry.kind != EC2_LINUX)?;
    Some(Refusal::OtherAccessEntry {
        cluster: spec.cluster_name.clone(),
        found: entry.kind.clone(),
        node_role_arn: spec.node_role_arn(),
    })
}

/// Plans the entry; gives the step after which nodes may join, if one is needed.
pub(super) fn admit(
    aim: Aim<'_>,
    observed: &Observed,
    ready: &Ready,
    plan: &mut Plan,
    refusals: &mut Vec<Refusal>,
) -> Option<StepId> {
    let mut tags = made_with(aim, aim.generation.physical_resource_id());
    let (cluster_name, principal_arn) = (aim.spec.cluster_name.clone(), aim.spec.node_role_arn());
    match observed.access_entry.as_ref().filter(|entry| entry.kind == EC2_LINUX) {
        None => Some(plan.add(Step::CreateAccessEntry { cluster_name, principal_arn, tags }, ready.node_role)),
        Some(dead) if is_of_a_former_role(dead, observed) => {
            // Somebody's own is not ours to delete, nor may the execution role.
            if !dead.tags.contains_key(OWNER_KEY) {
                refusals.push(Refusal::DeadAccessEntry { cluster: cluster_name, node_role_arn: principal_arn });
                return None;
            }
            tags.extend(
                marks(&dead.tags)
                    .filter(|(mark, _)| *mark != aim.generation.mark())
                    .map(|(mark, value)| (mark.key().to_owned(), value.to_owned())),
            );
            let delete = Step::DeleteAccessEntry {
                cluster_name: cluster_name.clone(),
                principal_arn: principal_arn.clone(),
                only_created_at: Some(dead.created_at),
            };
            let deleted = plan.add(delete, ready.node_role);
            Some(plan.add(Step::CreateAccessEntry { cluster_name, principal_arn, tags }, [deleted]))
        }
        Some(found) => {
            let is_ours = aim.owner.is_maker(&found.tags);
            let is_shared = marks(&found.tags).next().is_some();
            if !is_ours {
                if !is_shared && !aim.owner.is_same_stack(&found.tags) {
                    // Somebody's own: used, and left in place.
                    return None;
                }
                tags.retain(|key, _| key == aim.generation.mark().key());
            }
            let object = Object::AccessEntry(&found.arn);
            let tags = Retag { object, wanted: &tags, found: &found.tags, takes_away: is_ours, needs: ready.node_role };
            retag(aim, tags, plan, refusals);
            None
        }
    }
}

/// Plans that the entry goes as far as it is this generation's, after `admitted`.
pub(super) fn leave(aim: Aim<'_>, observed: &Observed, admitted: Option<StepId>, plan: &mut Plan) {
    let leaving = Leaving { ours: &[aim.generation.mark()].into(), owner: aim.owner, again: false };
    if let Some(entry) = observed.access_entry.as_ref().filter(|entry| !leaving.keys(&entry.tags).is_empty()) {
        let _ = go(entry, aim.spec, leaving, admitted, plan);
    }
}

/// Plans that the entry goes with these generations; gives the step, and whether it stays with others.
pub(super) fn release(
    spec: &Spec,
    observed: &Observed,
    leaving: Leaving<'_>,
    plan: &mut Plan,
) -> (Option<StepId>, bool) {
    let entry = observed.access_entry.as_ref();
    entry.map_or((None, false), |entry| go(entry, spec, leaving, None, plan))
}

fn go(
    entry: &AccessEntry,
    spec: &Spec,
    leaving: Leaving<'_>,
    needs: Option<StepId>,
    plan: &mut Plan,
) -> (Option<StepId>, bool) {
    if leaving.ends(&entry.tags) {
        let (cluster_name, principal_arn) = (spec.cluster_name.clone(), spec.node_role_arn());
        return (
            Some(plan.add(Step::DeleteAccessEntry { cluster_name, principal_arn, only_created_at: None }, needs)),
            false,
        );
    }
    let keys = leaving.keys(&entry.tags);
    if keys.is_empty() {
        return (None, false);
    }
    (Some(plan.add(Step::UntagEksResource { arn: entry.arn.clone(), keys }, needs)), true)
}

/// Whether the role has been made since the entry was, or is yet to be made.
fn is_of_a_former_role(entry: &AccessEntry, observed: &Observed) -> bool {
    observed.node_role.as_ref().is_none_or(|role| entry.created_at < role.created_at)
}
