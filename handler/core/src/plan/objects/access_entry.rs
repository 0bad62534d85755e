//! The access entry of the node role: created, or found and used.
//!
//! EKS binds an access entry to the role that exists at its creation, not to the role's ARN. If the role is deleted and created
//! again, the entry looks unchanged, but no node can join with it
//! (<https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html>).

use super::tag_sync::{TagSync, sync_tags};
use crate::identity::ownership::{OWNER_KEY, markers};
use crate::observed::{AccessEntry, Observed};
use crate::plan::context::{Context, Draft, IamSteps, RemovalStep, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{EC2_LINUX, EksStep, Step, StepId, TaggedObject};

/// Returns a problem if the access entry has another type. EKS cannot change the type, and the entry overrides aws-auth, so no
/// node could join.
pub(super) fn of_another_type(Context { spec, observed, .. }: Context<'_>) -> Option<Problem> {
    let entry = observed.access_entry.as_ref().filter(|entry| entry.kind != EC2_LINUX)?;
    Some(Problem::OtherAccessEntry {
        cluster: spec.cluster_name.clone(),
        found: entry.kind.clone(),
        node_role_arn: spec.node_role_arn(),
    })
}

/// Plans the access entry. Returns the step after which nodes can join, if one is needed.
pub(super) fn reconcile(context: Context<'_>, iam_steps: &IamSteps, draft: &mut Draft) -> Option<StepId> {
    let Context { spec, observed, owner, generation, .. } = context;
    let mut tags = context.tags(generation.physical_resource_id());
    let (cluster_name, principal_arn) = (spec.cluster_name.clone(), spec.node_role_arn());
    match observed.access_entry.as_ref().filter(|entry| entry.kind == EC2_LINUX) {
        None => Some(draft.add(EksStep::CreateAccessEntry { cluster_name, principal_arn, tags }, iam_steps.node_role)),
        Some(outdated) if predates_role(outdated, observed) => {
            // An entry of another owner is not deleted. The function's role does not have the permission either.
            if !outdated.tags.contains_key(OWNER_KEY) {
                draft.report(Problem::OutdatedAccessEntry { cluster: cluster_name, node_role_arn: principal_arn });
                return None;
            }
            tags.extend(
                markers(&outdated.tags)
                    .filter(|(marker, _)| *marker != generation.marker())
                    .map(|(marker, value)| (marker.key().to_owned(), value.to_owned())),
            );
            let delete = Step::Eks(EksStep::DeleteAccessEntry {
                cluster_name: cluster_name.clone(),
                principal_arn: principal_arn.clone(),
                only_created_at: Some(outdated.created_at),
            });
            let deleted = draft.add(delete, iam_steps.node_role);
            Some(draft.add(EksStep::CreateAccessEntry { cluster_name, principal_arn, tags }, [deleted]))
        }
        Some(found) => {
            let is_ours = owner.is_creator(&found.tags);
            let has_markers = markers(&found.tags).next().is_some();
            if !is_ours {
                if !has_markers && !owner.is_same_stack(&found.tags) {
                    // The entry of another owner is used without a marker, so that no teardown deletes it.
                    return None;
                }
                tags.retain(|key, _| key == generation.marker().key());
            }
            let object = TaggedObject::AccessEntry(&found.arn);
            let tags = TagSync {
                object,
                wanted: &tags,
                found: &found.tags,
                removes_stale_tags: is_ours,
                needs: iam_steps.node_role,
            };
            sync_tags(context, tags, draft);
            None
        }
    }
}

/// Plans the deletion of the access entry, or the removal of these generations' markers from it, after `needs`.
pub(super) fn tear_down(teardown: Teardown<'_>, needs: Option<StepId>, draft: &mut Draft) -> RemovalStep {
    let Teardown { spec, torn_down, observed } = teardown;
    let Some(entry) = &observed.access_entry else { return RemovalStep::default() };
    if torn_down.deletes(TaggedObject::AccessEntry(&entry.arn), &entry.tags) {
        let (cluster_name, principal_arn) = (spec.cluster_name.clone(), spec.node_role_arn());
        let step = Step::Eks(EksStep::DeleteAccessEntry { cluster_name, principal_arn, only_created_at: None });
        return RemovalStep { step: Some(draft.add(step, needs)), is_shared: false };
    }
    let keys = torn_down.keys(&entry.tags);
    if keys.is_empty() {
        return RemovalStep::default();
    }
    let step = draft.add(EksStep::UntagEksResource { arn: entry.arn.clone(), keys }, needs);
    RemovalStep { step: Some(step), is_shared: true }
}

/// Plans the same for an access entry that has this generation's marker and is no longer desired, after `new_access`.
pub(super) fn stop_using(context: Context<'_>, new_access: Option<StepId>, draft: &mut Draft) {
    let entry = context.observed.access_entry.as_ref();
    if entry.is_some_and(|entry| !context.torn_down().keys(&entry.tags).is_empty()) {
        tear_down(context.teardown(), new_access, draft);
    }
}

/// Returns whether the role was created after the entry, or does not exist yet.
fn predates_role(entry: &AccessEntry, observed: &Observed) -> bool {
    observed.node_role.as_ref().is_none_or(|role| entry.created_at < role.created_at)
}
