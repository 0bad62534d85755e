//! The services' limits: many resources, full objects, names that are equal in another letter case.

use crate::life::{Resource, Run, same};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use crate::worlds::plain;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::plan::{Ec2Step, IamStep, Plan, Step};
use serde_json::{Value, json};

fn prereqs() -> Resource {
    Resource::of(STACK, "Prereqs")
}

fn created(world: &World, spec: &Spec) -> World {
    prereqs().converge(world, spec, None, Run::whole(&[])).unwrap()
}

/// How many ids each call of a kind takes.
fn batches(plan: &Plan, is_kind: fn(&Step) -> bool) -> Vec<usize> {
    let ids = |step: &Step| match step {
        Step::Ec2(
            Ec2Step::CreateTags { ids, .. }
            | Ec2Step::RemoveUnclaimedTags { ids, .. }
            | Ec2Step::VerifyTags { ids, .. },
        ) => ids.len(),
        _ => 0,
    };
    plan.steps().filter(|(_, step, _)| is_kind(step)).map(|(_, step, _)| ids(step)).collect()
}

#[test]
fn more_resources_than_a_call_takes_are_tagged_in_batches() {
    let mut world = plain();
    let ids: Vec<_> = (0..2_500).map(|number| format!("subnet-{number:08x}")).collect();
    world.resources.extend(ids.iter().map(|id| (id.clone(), Tags::new())));
    let (one, other) = (json!({"SubnetIds": ids}), json!({"SubnetIds": ids, "DiscoveryTagKey": "team/discovery"}));
    let (spec, new) = (spec_of(one), spec_of(other));
    let converged = prereqs().plan(&world, &spec, None).unwrap();
    assert_eq!(converged.subnet_ids.len(), 2_500);
    // With the one security group they are 2,501.
    assert_eq!(
        batches(&converged.plan, |step| matches!(step, Step::Ec2(Ec2Step::CreateTags { .. }))),
        [1000, 1000, 501]
    );
    assert_eq!(
        batches(&converged.plan, |step| matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. }))),
        [1000, 1000, 501]
    );
    let made = created(&world, &spec);
    let moved = prereqs().converge(&made, &new, Some(&spec), Run::whole(&[])).unwrap();
    let released = prereqs().plan_release(&moved, &new).unwrap();
    assert_eq!(
        batches(&released.plan, |step| matches!(step, Step::Ec2(Ec2Step::RemoveUnclaimedTags { .. }))),
        [1000, 1000, 501]
    );
    same(&prereqs().release(&moved, &new, Run::whole(&[])).unwrap(), &world, "after the release").unwrap();
}

/// 48 of the user's and two of ours are all that IAM takes: the old ones go first.
#[test]
fn all_tags_of_a_full_role_can_change_at_once() {
    let tags = |prefix: &str| -> Value { (0..48).map(|number| (format!("{prefix}-{number}"), json!("1"))).collect() };
    let (old, new) = (spec_of(json!({"Tags": tags("old")})), spec_of(json!({"Tags": tags("new")})));
    let made = created(&plain(), &old);
    let updated = prereqs().converge(&made, &new, Some(&old), Run::whole(&[])).unwrap();
    same(&updated, &created(&plain(), &new), "after the update").unwrap();
}

/// New policies come before the old ones go, unless there is no room for both.
#[test]
fn policies_change_places_within_the_quota() {
    let policies = |prefix: &str, count: usize| -> Vec<String> {
        (0..count).map(|number| format!("arn:aws:iam::aws:policy/{prefix}{number}")).collect()
    };
    for (count, attached_first) in [(3, true), (6, false)] {
        let (old, new) = (
            spec_of(json!({"NodePolicyArns": policies("Old", count)})),
            spec_of(json!({"NodePolicyArns": policies("New", count)})),
        );
        let made = created(&plain(), &old);
        let plan = prereqs().plan(&made, &new, Some(&old)).unwrap().plan;
        let first = plan.steps().find_map(|(_, step, needs)| needs.is_empty().then_some(step));
        assert_eq!(matches!(first, Some(Step::Iam(IamStep::AttachRolePolicy { .. }))), attached_first, "{first:?}");
        let updated = prereqs().converge(&made, &new, Some(&old), Run::whole(&[])).unwrap();
        same(&updated, &created(&plain(), &new), "after the update").unwrap();
    }
}

/// EC2 takes 50 tags; while one discovery tag takes the other's place there are three of ours.
#[test]
fn a_resource_is_filled_to_the_last_tag() {
    let crowded = |count: usize| {
        let mut world = plain();
        let tags = world.resources.get_mut("subnet-0000000a").unwrap();
        tags.insert("aws:cloudformation:stack-name".to_owned(), "network".to_owned());
        tags.extend((1..count).map(|number| (format!("theirs-{number}"), String::new())));
        world
    };
    let (old, new) = (spec_of(json!({})), spec_of(json!({"DiscoveryTagKey": "team/discovery"})));
    for (count, creates, updates) in [(46, true, true), (47, true, false), (48, true, false), (49, false, false)] {
        let world = crowded(count);
        assert_eq!(prereqs().plan(&world, &old, None).is_ok(), creates, "{count}");
        if creates {
            let made = created(&world, &old);
            assert_eq!(prereqs().plan(&made, &new, Some(&old)).is_ok(), updates, "{count}");
            same(&prereqs().release(&made, &old, Run::whole(&[])).unwrap(), &world, "after the release").unwrap();
        }
    }
}

/// IAM finds a name in any letter case, so what is found may be what was wanted or its neighbour.
#[test]
fn a_role_in_another_letter_case_is_seen() {
    let (old, new) = (spec_of(json!({"NodeRoleName": "Nodes"})), spec_of(json!({"NodeRoleName": "nodes"})));
    let made = created(&plain(), &old);
    let refused = prereqs().plan(&made, &new, Some(&old)).unwrap_err();
    assert!(refused.to_string().contains("role `Nodes` exists"), "{refused}");
    same(&created(&made, &old), &made, "spelled as it is").unwrap();
}
