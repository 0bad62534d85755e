//! The simulation of steps on tags, and the writes of a plan.

use crate::identity::ownership::Tags;
use crate::observed::Discovery;
use crate::plan::step::{Ec2Step, Plan, Step, StepId, Write};
use crate::plan::tag_protocol::tags_to_delete;
use std::collections::BTreeMap;

/// Returns the writes of a plan, each with the id of its step, in the order of the plan. `discovery` is from the snapshot of the
/// plan.
///
/// The writes of [`Ec2Step::RemoveUnclaimedTags`] depend on the tags at that moment. The result has the writes for an account
/// that nothing else changes.
pub fn writes(plan: &Plan, discovery: &Discovery) -> Vec<(StepId, Write)> {
    writes_and_tags(plan, discovery).0
}

/// Returns the subnets and security groups after the plan.
pub(super) fn simulate(plan: &Plan, discovery: &Discovery) -> Discovery {
    let (_, tags) = writes_and_tags(plan, discovery);
    let mut after = discovery.clone();
    for (id, found) in after.subnets.iter_mut().chain(&mut after.security_groups) {
        if let Some(written) = tags.get(id) {
            found.clone_from(written);
        }
    }
    after
}

/// The tags of each subnet and security group, by id.
type TagsById<'a> = BTreeMap<&'a String, Tags>;

/// Returns the writes of a plan, and the tags after it.
fn writes_and_tags<'a>(plan: &Plan, discovery: &'a Discovery) -> (Vec<(StepId, Write)>, TagsById<'a>) {
    let resources = discovery.subnets.iter().chain(&discovery.security_groups);
    let mut tags: TagsById<'_> = resources.map(|(id, tags)| (id, tags.clone())).collect();
    let mut writes = Vec::new();
    for (id, step, _) in plan.steps() {
        writes.extend(step.write().map(|write| (id, write)));
        if let Step::Ec2(step) = step {
            let deletions = on_tags(step, &mut tags);
            writes.extend(deletions.into_iter().filter_map(|deletion| Some((id, Step::from(deletion).write()?))));
        }
    }
    (writes, tags)
}

/// Simulates one step. Returns the deletions that the step decides on after it reads the tags.
fn on_tags(step: &Ec2Step, tags: &mut TagsById<'_>) -> Vec<Ec2Step> {
    match step {
        Ec2Step::CreateTags { ids, tags: added } | Ec2Step::AnnounceTagRemoval { ids, tags: added } => {
            for (_, found) in tags.iter_mut().filter(|(id, _)| ids.contains(id)) {
                found.extend(added.clone());
            }
        }
        Ec2Step::DeleteTags { ids, tags: removed } => {
            for (_, found) in tags.iter_mut().filter(|(id, _)| ids.contains(id)) {
                found.retain(|key, value| removed.get(key) != Some(value));
            }
        }
        Ec2Step::VerifyTags { .. } => {}
        Ec2Step::RemoveUnclaimedTags { ids, markers } => {
            let found = tags.iter().filter(|(id, _)| ids.contains(id)).map(|(id, tags)| (*id, tags));
            let unclaimed = tags_to_delete(found, markers);
            let deletions = unclaimed.into_iter().map(|(removed, ids)| Ec2Step::DeleteTags { ids, tags: removed });
            let deletions: Vec<_> = deletions.collect();
            for deletion in &deletions {
                on_tags(deletion, tags);
            }
            return deletions;
        }
    }
    Vec::new()
}
