//! Resources that share what they use: each stays whole when the other goes, and the last one takes all.

use crate::aws::NOTHING_TO_EDIT;
use crate::life::{Resource, Run, fault, same};
use crate::model::World;
use crate::properties::{OTHER_STACK, STACK, of_one_stack, of_two_stacks, spec};
use crate::worlds::{SUBNETS, worlds};
use crate::{orders, prove};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Marker, OWNER_KEY};
use karpenter_prereqs_core::plan::{self, Claim, Ec2Step, EditAwsAuth, Plan, Step, Verb};
use karpenter_prereqs_core::request::event::RawProperties;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::VecDeque;

/// Subnets, security groups, aws-auth and a given role are anybody's.
#[test]
fn of_two_stacks_either_goes_and_leaves_the_other_whole() {
    prove(&(of_two_stacks(), worlds(), orders(), orders()), 15, |((one, two), world, order, other)| {
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        let (one, two, run) = (spec(&one), spec(&two), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        let Some(second) = there.try_converge(&world, &two, None, run)? else { return Ok(false) };
        let Some(both) = there.try_converge(&first, &two, None, Run::whole(&other))? else { return Ok(false) };
        let left = here.release(&both, &one, run)?;
        same(&by_marks(&left), &by_marks(&second), "without the first")?;
        same(&there.release(&left, &two, run)?, &world, "without the first and then the second")?;
        let left = there.release(&both, &two, run)?;
        same(&by_marks(&left), &by_marks(&first), "without the second")?;
        same(&here.release(&left, &one, run)?, &world, "without the second and then the first")?;
        Ok(true)
    });
}

/// Both go at once, each planned while the other stood, and one of them is cut off on the way and goes again: whoever
/// is last takes the discovery tag, and nobody leaves it to the other.
#[test]
fn of_two_stacks_both_go_at_once_and_the_last_takes_the_tags() {
    let strategy = (of_two_stacks(), worlds(), orders(), any::<u8>());
    prove(&strategy, 15, |((one, two), world, order, cut)| {
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        let (one, two, run) = (spec(&one), spec(&two), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        let Some(mut both) = there.try_converge(&first, &two, None, run)? else { return Ok(false) };
        let (mut departing, other) = (on_tags(&here, &both, &one)?, on_tags(&there, &both, &two)?);
        departing.truncate(usize::from(cut) % (departing.len() + 1));
        carry_all(&mut both, interleaved(&order, departing, other), &one.cluster_name)?;
        let again = on_tags(&here, &both, &one)?;
        carry_all(&mut both, again, &one.cluster_name)?;
        tagged_as_before(&both, &world)
    });
}

/// Both give up what they share at once, each planned while the other relied on it: another key, fewer subnets. When
/// both have looked again, nothing is left that nobody marker_value.
#[test]
fn of_two_stacks_both_change_at_once_and_leave_no_tag_behind() {
    let subnet_ids = || prop_oneof![Just(None), (1..SUBNETS.len()).prop_map(Some)];
    let changes = (any::<[bool; 2]>(), [subnet_ids(), subnet_ids()]);
    prove(&(of_two_stacks(), changes, worlds(), orders()), 10, |((one, two), (keys, subnets), world, order)| {
        // Each would find room where both together have none.
        if world.resources.values().any(|tags| tags.contains_key("filler-0")) {
            return Ok(false);
        }
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        let wanted = |raw: &RawProperties, at: usize| {
            let mut raw = raw.clone();
            if keys[at] {
                raw.insert("DiscoveryTagKey".to_owned(), "team/another".into());
            }
            if let Some(count) = subnets[at] {
                raw.insert("SubnetIds".to_owned(), SUBNETS[..count].into());
            }
            spec(&raw)
        };
        let (one_after, two_after) = (wanted(&one, 0), wanted(&two, 1));
        let (one, two, run) = (spec(&one), spec(&two), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        let Some(mut both) = there.try_converge(&first, &two, None, run)? else { return Ok(false) };
        let update = |resource: &Resource, world: &World, new: &Spec, old: &Spec| {
            resource.plan(world, new, Some(old)).map(|converged| tag_steps(&converged.plan))
        };
        let (Ok(ours), Ok(theirs)) = (update(&here, &both, &one_after, &one), update(&there, &both, &two_after, &two))
        else {
            return Ok(false);
        };
        carry_all(&mut both, interleaved(&order, ours, theirs), &one.cluster_name)?;
        for (resource, new, old) in [(&here, &one_after, &one), (&there, &two_after, &two)] {
            // Two that wanted another value under one key: one has lost.
            let Ok(again) = update(resource, &both, new, old) else { return Ok(false) };
            carry_all(&mut both, again, &one.cluster_name)?;
        }
        for (resource, new) in [(&here, &one_after), (&there, &two_after)] {
            let departing = on_tags(resource, &both, new)?;
            carry_all(&mut both, departing, &one.cluster_name)?;
        }
        tagged_as_before(&both, &world)
    });
}

/// One comes to rely on a tag at the moment at which the other gives it up, each planned before the other had begun, and
/// what is read just before a deletion may be old by then: the tag is there in the end, since whoever comes waits for
/// whoever says that it goes.
#[test]
fn of_two_stacks_one_comes_while_the_other_goes_and_has_its_tags() {
    let strategy = (of_two_stacks(), any::<bool>(), worlds(), orders());
    prove(&strategy, 10, |((one, two), updates, world, order)| {
        if world.resources.values().any(|tags| tags.contains_key("filler-0")) {
            return Ok(false);
        }
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        let mut another = one.clone();
        another.insert("DiscoveryTagKey".to_owned(), "team/another".into());
        let (one, another, two) = (spec(&one), spec(&another), spec(&two));
        let Some(mut both) = here.try_converge(&world, &one, None, Run::whole(&order))? else { return Ok(false) };
        let Ok(comes) = there.plan(&both, &two, None) else { return Ok(false) };
        let is_of_tag =
            |step: &&Step| matches!(step, Step::Ec2(Ec2Step::CreateTags { .. } | Ec2Step::VerifyTags { .. }));
        let steps = comes.plan.steps().map(|(_, step, _)| step).filter(is_of_tag);
        let (mut steps, carrying) = (
            steps.cloned().collect::<VecDeque<_>>(),
            comes.subnet_ids.iter().chain(&comes.security_group_ids).cloned().collect::<Vec<_>>(),
        );
        let claim = Claim { tag: two.discovery_tag.clone(), marker: there.generation(&two).marker(), previous: None };
        let looks = |both: &World| match here.plan(both, &another, Some(&one)) {
            Ok(converged) if updates => Ok(Some(tag_steps(&converged.plan))),
            Ok(_) => on_tags(&here, both, &one).map(Some),
            Err(_) => Ok(None),
        };
        let Some(mut goes) = looks(&both)? else { return Ok(false) };
        let mut looks_again = updates;
        let mut turns = order.iter().cycle();
        loop {
            let is_contested = carrying.iter().any(|id| claim.is_contested(&both.resources[id]));
            let waits = matches!(steps.front(), Some(Step::Ec2(Ec2Step::VerifyTags { .. }))) && is_contested;
            let is_theirs = !waits && !steps.is_empty() && turns.next().is_none_or(|turn| turn % 2 == 0);
            if is_theirs || goes.is_empty() && !looks_again {
                let Some(step) = steps.pop_front() else { break };
                let Step::Ec2(Ec2Step::VerifyTags { ids, claim }) = step else {
                    carry_all(&mut both, [step], &one.cluster_name)?;
                    continue;
                };
                for id in ids {
                    let tags = both.resources.get_mut(&id).unwrap();
                    if !tags.contains_key(&claim.tag.key) {
                        tags.extend(claim.missing_tags(tags));
                    }
                }
            } else if let Some(step) = goes.pop_front() {
                // What is to be deleted is read now, and deleted whenever it comes to that.
                if let Step::Ec2(Ec2Step::RemoveUnclaimedTags { ids, markers }) = &step {
                    let found: Vec<_> = ids.iter().map(|id| (id.clone(), both.resources[id].clone())).collect();
                    let deletes = plan::tags_to_delete(found.iter().map(|(id, tags)| (id, tags)), markers);
                    goes.extend(deletes.into_iter().map(|(tags, ids)| Step::Ec2(Ec2Step::DeleteTags { ids, tags })));
                } else {
                    carry_all(&mut both, [step], &one.cluster_name)?;
                }
            } else {
                looks_again = false;
                let Some(again) = looks(&both)? else { return Ok(false) };
                goes = again;
            }
        }
        let has = |id: &&String| claim.tag.is_among(&both.resources[*id]);
        match carrying.iter().find(|id| !has(id)) {
            Some(id) => Err(fault(&format!("{id} lacks {}", claim.tag.marker_value()), &both)),
            None => Ok(true),
        }
    });
}

/// The steps of both, each in its order, in turns.
fn interleaved(order: &[u8], mut one: VecDeque<Step>, mut other: VecDeque<Step>) -> Vec<Step> {
    let mut steps = Vec::new();
    for turn in order.iter().cycle() {
        let next = if turn % 2 == 0 { &mut one } else { &mut other };
        let Some(step) = next.pop_front().or_else(|| one.pop_front()).or_else(|| other.pop_front()) else { break };
        steps.push(step);
    }
    steps
}

fn carry_all(world: &mut World, steps: impl IntoIterator<Item = Step>, cluster: &str) -> Result<(), TestCaseError> {
    for step in steps {
        world.carry_out(&step, cluster).map_err(|code| fault(&format!("`{step}`: {code}"), world))?;
    }
    Ok(())
}

pub(crate) fn tagged_as_before(world: &World, before: &World) -> Result<bool, TestCaseError> {
    if world.resources == before.resources {
        return Ok(true);
    }
    Err(fault(&format!("not as before, which was {:?}", before.resources), world))
}

/// The steps on tags of a release.
fn on_tags(resource: &Resource, world: &World, spec: &Spec) -> Result<VecDeque<Step>, TestCaseError> {
    let released = resource.plan_release(world, spec).map_err(|refused| fault(&refused.to_string(), world))?;
    Ok(tag_steps(&released.plan))
}

/// The steps on tags, in the order of the plan.
fn tag_steps(plan: &Plan) -> VecDeque<Step> {
    plan.steps().map(|(_, step, _)| step).filter(|step| is_on_tags(step)).cloned().collect()
}

pub(crate) fn is_on_tags(step: &Step) -> bool {
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

/// Roles and profile too are shared within a stack; their owner tag goes on naming who made them.
#[test]
fn of_one_stack_either_goes_and_leaves_the_other_whole() {
    prove(&(of_one_stack(), worlds(), orders(), orders()), 15, |((one, two), world, order, other)| {
        let (here, there) = (Resource::of(STACK, "Prereqs"), Resource::of(STACK, "More"));
        let (one, two, run) = (spec(&one), spec(&two), Run::whole(&order));
        let Some(first) = here.try_converge(&world, &one, None, run)? else { return Ok(false) };
        let Some(second) = there.try_converge(&world, &two, None, run)? else { return Ok(false) };
        let Some(both) = there.try_converge(&first, &two, None, Run::whole(&other))? else { return Ok(false) };
        let left = here.release(&both, &one, run)?;
        same(&whoever_made_it(&left), &whoever_made_it(&second), "without the first")?;
        same(&there.release(&left, &two, run)?, &world, "without the first and then the second")?;
        let left = there.release(&both, &two, run)?;
        same(&left, &first, "without the second")?;
        same(&here.release(&left, &one, run)?, &world, "without the second and then the first")?;
        Ok(true)
    });
}

/// Roles and profile too: whoever looks again last finds them nobody's.
#[test]
fn of_one_stack_both_go_at_once_and_the_last_takes_all() {
    prove(&(of_one_stack(), worlds(), orders()), 15, |((one, two), world, order)| {
        let both = (Resource::of(STACK, "Prereqs"), Resource::of(STACK, "More"));
        both_go_at_once(both, (spec(&one), spec(&two)), &world, &order)
    });
}

/// What they share is the cluster's: subnets, security groups, aws-auth, and the OIDC provider that one of them made.
#[test]
fn of_two_stacks_both_go_at_once_and_the_last_takes_all() {
    prove(&(of_two_stacks(), worlds(), orders()), 15, |((one, two), world, order)| {
        let both = (Resource::of(STACK, "Prereqs"), Resource::of(OTHER_STACK, "Prereqs"));
        both_go_at_once(both, (spec(&one), spec(&two)), &world, &order)
    });
}

/// Both go at once, each planned while the other stood, and then look again at what they had seen to be shared: the world is
/// as before. `false` when what they want is refused.
fn both_go_at_once(
    (here, there): (Resource, Resource),
    (one, two): (Spec, Spec),
    world: &World,
    order: &[u8],
) -> Result<bool, TestCaseError> {
    // On two clusters there is nothing to share.
    if one.cluster_name != two.cluster_name {
        return Ok(false);
    }
    let run = Run::whole(order);
    let Some(first) = here.try_converge(world, &one, None, run)? else { return Ok(false) };
    let Some(mut both) = there.try_converge(&first, &two, None, run)? else { return Ok(false) };
    let leave = |resource: &Resource, world: &World, spec: &Spec| {
        let released = resource.plan_release(world, spec).map_err(|refused| fault(&refused.to_string(), world))?;
        let steps: VecDeque<Step> = released.plan.steps().map(|(_, step, _)| step.clone()).collect();
        Ok::<_, TestCaseError>((steps, released.shared))
    };
    let ((ours, our_shared), (theirs, their_shared)) = (leave(&here, &both, &one)?, leave(&there, &both, &two)?);
    for step in interleaved(order, ours, theirs) {
        late(&mut both, &step, &one.cluster_name).map_err(|code| fault(&format!("`{step}`: {code}"), &both))?;
    }
    for (resource, spec, shared) in [(&here, &one, our_shared), (&there, &two, their_shared)] {
        let again = resource.plan_release_again(&both, spec, shared);
        let again = again.map_err(|refused| fault(&refused.to_string(), &both))?;
        carry_all(&mut both, again.plan.steps().map(|(_, step, _)| step.clone()), &one.cluster_name)?;
    }
    same(&both, world, "after both looked again")?;
    Ok(true)
}

/// Carries a step out that was planned a while ago. The edit of aws-auth reads it afresh: what was to be an update may be
/// a deletion by now, or done by another.
fn late(world: &mut World, step: &Step, cluster: &str) -> Result<(), String> {
    let Step::AwsAuth(EditAwsAuth { change, verb }) = step else { return world.carry_out(step, cluster) };
    let by = |verb| Step::AwsAuth(EditAwsAuth { change: change.clone(), verb });
    let done = world.carry_out(&by(*verb), cluster).or_else(|_| world.carry_out(&by(Verb::Delete), cluster));
    if done.as_ref().is_err_and(|why| why == NOTHING_TO_EDIT) { Ok(()) } else { done }
}

/// The world with nothing but their markers on access entries and OIDC providers: who made one for all has left the others its
/// own tags.
fn by_marks(world: &World) -> World {
    let mut world = world.clone();
    let entries = world.clusters.values_mut().flat_map(|eks| eks.access_entries.values_mut());
    let providers = world.oidc_providers.values_mut().map(|provider| &mut provider.tags);
    for tags in entries.map(|entry| &mut entry.tags).chain(providers) {
        tags.retain(|key, _| Marker::from_key(key).is_some());
    }
    world
}

/// The world with owner tags that tell the stack alone.
fn whoever_made_it(world: &World) -> World {
    let mut world = world.clone();
    let roles = world.roles.values_mut().map(|role| &mut role.tags);
    let of_eks = world.clusters.values_mut().flat_map(|eks| {
        let entries = eks.access_entries.values_mut().map(|entry| &mut entry.tags);
        entries.chain(eks.associations.values_mut().map(|association| &mut association.tags))
    });
    let tags = roles.chain(world.profiles.values_mut().map(|profile| &mut profile.tags));
    let of_providers = world.oidc_providers.values_mut().map(|provider| &mut provider.tags);
    for tags in tags.chain(of_eks).chain(of_providers) {
        if let Some((stack, _)) = tags.get(OWNER_KEY).and_then(|owner| owner.rsplit_once('/')) {
            let stack = stack.to_owned();
            tags.insert(OWNER_KEY.to_owned(), stack);
        }
    }
    world
}
