//! The access entry: made for the node role, or found and used.
//!
//! EKS binds an entry to the role that stood when it was made, not to its ARN: when the role is made again, the entry
//! looks as before and lets nobody in
//! (<https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html>).

use super::tagging::{Object, TagSync, sync_tags};
use crate::identity::ownership::{OWNER_KEY, markers};
use crate::observed::{AccessEntry, Observed};
use crate::plan::context::{Context, Draft, IamSteps, Removal, Teardown};
use crate::plan::problem::Problem;
use crate::plan::step::{EC2_LINUX, EksStep, Step, StepId};

/// Why an entry of the cluster's keeps nodes out: its type cannot be changed, and it overrides aws-auth.
pub(super) fn of_another_type(Context { spec, observed, .. }: Context<'_>) -> Option<Problem> {
    let entry = observed.access_entry.as_ref().filter(|entry| entry.kind != EC2_LINUX)?;
    Some(Problem::OtherAccessEntry {
        cluster: spec.cluster_name.clone(),
        found: entry.kind.clone(),
        node_role_arn: spec.node_role_arn(),
    })
}

/// Plans the entry; gives the step after which nodes may join, if one is needed.
pub(super) fn reconcile(context: Context<'_>, iam_steps: &IamSteps, draft: &mut Draft) -> Option<StepId> {
    let Context { spec, observed, owner, generation, .. } = context;
    let mut tags = context.tags(generation.physical_resource_id());
    let (cluster_name, principal_arn) = (spec.cluster_name.clone(), spec.node_role_arn());
    match observed.access_entry.as_ref().filter(|entry| entry.kind == EC2_LINUX) {
        None => Some(draft.add(EksStep::CreateAccessEntry { cluster_name, principal_arn, tags }, iam_steps.node_role)),
        Some(outdated) if predates_role(outdated, observed) => {
            // Somebody's own is not ours to delete, nor may the execution role.
            if !outdated.tags.contains_key(OWNER_KEY) {
                draft.report(Problem::DeadAccessEntry { cluster: cluster_name, node_role_arn: principal_arn });
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
            let is_shared = markers(&found.tags).next().is_some();
            if !is_ours {
                if !is_shared && !owner.is_same_stack(&found.tags) {
                    // Somebody's own: used, and left in place.
                    return None;
                }
                tags.retain(|key, _| key == generation.marker().key());
            }
            let object = Object::AccessEntry(&found.arn);
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

/// Plans that the entry goes with these generations, after `needs`.
pub(super) fn tear_down(teardown: Teardown<'_>, needs: Option<StepId>, draft: &mut Draft) -> Removal {
    let Teardown { spec, departing, observed } = teardown;
    let Some(entry) = &observed.access_entry else { return Removal::default() };
    if departing.deletes(&entry.tags) {
        let (cluster_name, principal_arn) = (spec.cluster_name.clone(), spec.node_role_arn());
        let step = Step::Eks(EksStep::DeleteAccessEntry { cluster_name, principal_arn, only_created_at: None });
        return Removal { step: Some(draft.add(step, needs)), is_shared: false };
    }
    let keys = departing.keys(&entry.tags);
    if keys.is_empty() {
        return Removal::default();
    }
    let step = draft.add(EksStep::UntagEksResource { arn: entry.arn.clone(), keys }, needs);
    Removal { step: Some(step), is_shared: true }
}

/// Plans that the generation leaves an entry that it markers and does not want any more, after `new_access`.
pub(super) fn stop_using(context: Context<'_>, new_access: Option<StepId>, draft: &mut Draft) {
    let entry = context.observed.access_entry.as_ref();
    if entry.is_some_and(|entry| !context.departing().keys(&entry.tags).is_empty()) {
        tear_down(context.teardown(), new_access, draft);
    }
}

/// Whether the role has been made since the entry was, or is yet to be made.
fn predates_role(entry: &AccessEntry, observed: &Observed) -> bool {
    observed.node_role.as_ref().is_none_or(|role| entry.created_at < role.created_at)
}
