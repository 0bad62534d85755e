//! Two stacks that create, change and delete discovery tags on the same subnets and security groups at the same time.
//!
//! The stacks want the same value of a key, or different keys. A case in which they want different values of one key is left out,
//! because a plan of it reports a conflict. The suites `cloudformation::tag_race` and `sequences` test these races.

use crate::generators::{SUBNETS, worlds};
use crate::harness::{PropResult, Resource, Run, failure};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, resources_of_two_stacks, spec};
use crate::{check_property, orders};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::plan::{self, Claim, Ec2Step, Plan, Step};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Each teardown is planned while the other resource exists. One of them is killed on the way and delivered again.
#[test]
fn two_stacks_concurrent_deletes_remove_discovery_tags() {
    let strategy = (resources_of_two_stacks(), worlds(), orders(), any::<u8>());
    check_property(&strategy, 15, |((raw_a, raw_b), world, order, interrupt_at)| {
        let (a, b) = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
        let (spec_a, spec_b, run) = (spec(&raw_a), spec(&raw_b), Run::complete(&order));
        let Some(only_a) = a.try_reconcile(&world, &spec_a, None, run)? else { return Ok(false) };
        let Some(mut both) = b.try_reconcile(&only_a, &spec_b, None, run)? else { return Ok(false) };
        let (mut steps_a, steps_b) = (teardown_tag_steps(&a, &both, &spec_a)?, teardown_tag_steps(&b, &both, &spec_b)?);
        steps_a.truncate(usize::from(interrupt_at) % (steps_a.len() + 1));
        apply_all(&mut both, interleaved(&order, steps_a, steps_b), &spec_a.cluster_name)?;
        let redelivered = teardown_tag_steps(&a, &both, &spec_a)?;
        apply_all(&mut both, redelivered, &spec_a.cluster_name)?;
        expect_equal_tags(&both, &world)
    });
}

/// Each Update is planned while the other resource uses the old tags. It wants another key, fewer subnets, or both. After a
/// second pass and the Deletes of both, no tag is left.
#[test]
fn two_stacks_concurrent_updates_leave_no_tags() {
    let subnet_count = || prop_oneof![Just(None), (1..SUBNETS.len()).prop_map(Some)];
    let changes = (any::<[bool; 2]>(), [subnet_count(), subnet_count()]);
    let strategy = (resources_of_two_stacks(), changes, worlds(), orders());
    check_property(&strategy, 10, |((raw_a, raw_b), (new_keys, subnet_counts), world, order)| {
        // On a nearly full resource, each finds room for its tags, and both together do not.
        if world.resources.values().any(|tags| tags.contains_key("filler-0")) {
            return Ok(false);
        }
        let (a, b) = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
        let new_spec = |raw: &RawProperties, index: usize| {
            let mut raw = raw.clone();
            if new_keys[index] {
                raw.insert("DiscoveryTagKey".to_owned(), "team/another".into());
            }
            if let Some(count) = subnet_counts[index] {
                raw.insert("SubnetIds".to_owned(), SUBNETS[..count].into());
            }
            spec(&raw)
        };
        let (new_a, new_b) = (new_spec(&raw_a, 0), new_spec(&raw_b, 1));
        let (old_a, old_b, run) = (spec(&raw_a), spec(&raw_b), Run::complete(&order));
        let Some(only_a) = a.try_reconcile(&world, &old_a, None, run)? else { return Ok(false) };
        let Some(mut both) = b.try_reconcile(&only_a, &old_b, None, run)? else { return Ok(false) };
        let plan_update = |resource: &Resource, world: &World, new: &Spec, old: &Spec| {
            resource.plan(world, new, Some(old)).map(|planned| tag_writes(&planned.plan))
        };
        let (Ok(steps_a), Ok(steps_b)) =
            (plan_update(&a, &both, &new_a, &old_a), plan_update(&b, &both, &new_b, &old_b))
        else {
            return Ok(false);
        };
        apply_all(&mut both, interleaved(&order, steps_a, steps_b), &old_a.cluster_name)?;
        for (resource, new, old) in [(&a, &new_a, &old_a), (&b, &new_b, &old_b)] {
            // If both want different values of one key, one of them reports a conflict.
            let Ok(second_pass) = plan_update(resource, &both, new, old) else { return Ok(false) };
            apply_all(&mut both, second_pass, &old_a.cluster_name)?;
        }
        for (resource, new) in [(&a, &new_a), (&b, &new_b)] {
            let teardown = teardown_tag_steps(resource, &both, new)?;
            apply_all(&mut both, teardown, &old_a.cluster_name)?;
        }
        expect_equal_tags(&both, &world)
    });
}

/// A Create claims a tag while another resource removes it, by a Delete or by an Update to another key. Each is planned before
/// the other begins, and each read may be outdated when the write follows. The created resource has its tags at the end, because
/// its claim waits for announced removals.
#[test]
fn two_stacks_create_during_removal_has_its_tags() {
    let strategy = (resources_of_two_stacks(), any::<bool>(), worlds(), orders());
    check_property(&strategy, 10, |((raw_a, raw_b), is_update, world, order)| {
        if world.resources.values().any(|tags| tags.contains_key("filler-0")) {
            return Ok(false);
        }
        let (a, b) = (Resource::new(STACK, "Prereqs"), Resource::new(OTHER_STACK, "Prereqs"));
        let mut raw_new_a = raw_a.clone();
        raw_new_a.insert("DiscoveryTagKey".to_owned(), "team/another".into());
        let (spec_a, new_spec_a, spec_b) = (spec(&raw_a), spec(&raw_new_a), spec(&raw_b));
        let Some(mut both) = a.try_reconcile(&world, &spec_a, None, Run::complete(&order))? else {
            return Ok(false);
        };
        let Ok(create) = b.plan(&both, &spec_b, None) else { return Ok(false) };
        let is_on_claim =
            |step: &&Step| matches!(step, Step::Ec2(Ec2Step::CreateTags { .. } | Ec2Step::VerifyTags { .. }));
        let mut claim_steps: VecDeque<_> =
            create.plan.steps().map(|(_, step, _)| step).filter(is_on_claim).cloned().collect();
        let claimed_ids: Vec<_> = create.subnet_ids.iter().chain(&create.security_group_ids).cloned().collect();
        let claim = Claim { tag: spec_b.discovery_tag.clone(), marker: b.generation(&spec_b).marker(), previous: None };
        let plan_removal = |both: &World| match a.plan(both, &new_spec_a, Some(&spec_a)) {
            Ok(planned) if is_update => Ok(Some(tag_writes(&planned.plan))),
            Ok(_) => teardown_tag_steps(&a, both, &spec_a).map(Some),
            Err(_) => Ok(None),
        };
        let Some(mut removal_steps) = plan_removal(&both)? else { return Ok(false) };
        // Only an Update has a second pass.
        let mut has_second_pass = is_update;
        let mut turns = order.iter().cycle();
        loop {
            let is_removal_announced = claimed_ids.iter().any(|id| claim.is_removal_announced(&both.resources[id]));
            let is_waiting =
                matches!(claim_steps.front(), Some(Step::Ec2(Ec2Step::VerifyTags { .. }))) && is_removal_announced;
            let is_turn_of_claim =
                !is_waiting && !claim_steps.is_empty() && turns.next().is_none_or(|turn| turn % 2 == 0);
            if is_turn_of_claim || removal_steps.is_empty() && !has_second_pass {
                let Some(step) = claim_steps.pop_front() else { break };
                let Step::Ec2(Ec2Step::VerifyTags { ids, claim }) = step else {
                    apply_all(&mut both, [step], &spec_a.cluster_name)?;
                    continue;
                };
                for id in ids {
                    let tags = both.resources.get_mut(&id).unwrap();
                    if !tags.contains_key(&claim.tag.key) {
                        tags.extend(claim.missing_tags(tags));
                    }
                }
            } else if let Some(step) = removal_steps.pop_front() {
                // The read and the deletions that it decides are separate steps, because the claim may act between them.
                if let Step::Ec2(Ec2Step::RemoveUnclaimedTags { ids, markers }) = &step {
                    let found: Vec<_> = ids.iter().map(|id| (id.clone(), both.resources[id].clone())).collect();
                    let deletions = plan::tags_to_delete(found.iter().map(|(id, tags)| (id, tags)), markers);
                    removal_steps
                        .extend(deletions.into_iter().map(|(tags, ids)| Step::Ec2(Ec2Step::DeleteTags { ids, tags })));
                } else {
                    apply_all(&mut both, [step], &spec_a.cluster_name)?;
                }
            } else {
                has_second_pass = false;
                let Some(second_pass) = plan_removal(&both)? else { return Ok(false) };
                removal_steps = second_pass;
            }
        }
        let has_tag = |id: &&String| claim.tag.is_among(&both.resources[*id]);
        match claimed_ids.iter().find(|id| !has_tag(id)) {
            Some(id) => Err(failure(&format!("{id} lacks {}", claim.tag.marker_value()), &both)),
            None => Ok(true),
        }
    });
}

/// Returns the steps of two runs in one sequence. The bytes choose whose step is next.
pub(crate) fn interleaved(order: &[u8], mut one: VecDeque<Step>, mut other: VecDeque<Step>) -> Vec<Step> {
    let mut steps = Vec::new();
    for turn in order.iter().cycle() {
        let next = if turn % 2 == 0 { &mut one } else { &mut other };
        let Some(step) = next.pop_front().or_else(|| one.pop_front()).or_else(|| other.pop_front()) else { break };
        steps.push(step);
    }
    steps
}

/// Applies steps that must all succeed.
pub(crate) fn apply_all(
    world: &mut World,
    steps: impl IntoIterator<Item = Step>,
    cluster: &str,
) -> Result<(), TestCaseError> {
    for step in steps {
        world.apply_step(&step, cluster).map_err(|code| failure(&format!("`{step}` fails: {code}"), world))?;
    }
    Ok(())
}

/// Checks that the subnets and security groups have the same tags as before.
pub(crate) fn expect_equal_tags(world: &World, before: &World) -> PropResult {
    if world.resources == before.resources {
        return Ok(true);
    }
    Err(failure(&format!("the tags differ from before, when they were {:?}", before.resources), world))
}

/// Plans a teardown and returns its steps that write tags of EC2.
fn teardown_tag_steps(resource: &Resource, world: &World, spec: &Spec) -> Result<VecDeque<Step>, TestCaseError> {
    let planned = resource.plan_teardown(world, spec).map_err(|problems| failure(&problems.to_string(), world))?;
    Ok(tag_writes(&planned.plan))
}

/// Returns the steps that write tags of EC2, in the order of the plan.
fn tag_writes(plan: &Plan) -> VecDeque<Step> {
    plan.steps().map(|(_, step, _)| step).filter(|step| is_tag_write(step)).cloned().collect()
}

/// Returns whether a step may write tags of subnets or security groups.
pub(crate) fn is_tag_write(step: &Step) -> bool {
    matches!(
        step,
        Step::Ec2(
            Ec2Step::CreateTags { .. }
                | Ec2Step::DeleteTags { .. }
                | Ec2Step::AnnounceTagRemoval { .. }
                | Ec2Step::RemoveUnclaimedTags { .. }
        )
    )
}
