//! The limits of the services: resources in one call, tags, policies, and names in another letter case.

use crate::generators::{plain, role};
use crate::harness::{Resource, Run, expect_equal};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::documents::policy::{INLINE_MAX, size};
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::plan::{Ec2Step, IamStep, Plan, Step};
use serde_json::{Value, json};

/// Returns the resource of all examples.
fn prereqs() -> Resource {
    Resource::new(STACK, "Prereqs")
}

fn create(world: &World, spec: &Spec) -> World {
    prereqs().reconcile(world, spec, None, Run::complete(&[])).unwrap()
}

/// Returns the number of ids in each step of a kind.
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
fn more_than_1000_resources_are_tagged_in_batches() {
    let mut world = plain();
    let ids: Vec<_> = (0..2_500).map(|number| format!("subnet-{number:08x}")).collect();
    world.resources.extend(ids.iter().map(|id| (id.clone(), Tags::new())));
    let old = spec_of(json!({"SubnetIds": ids}));
    let new = spec_of(json!({"SubnetIds": ids, "DiscoveryTagKey": "team/discovery"}));
    let planned = prereqs().plan(&world, &old, None).unwrap();
    assert_eq!(planned.subnet_ids.len(), 2_500);
    // 2,500 subnets and one security group.
    assert_eq!(batches(&planned.plan, |step| matches!(step, Step::Ec2(Ec2Step::CreateTags { .. }))), [1000, 1000, 501]);
    assert_eq!(batches(&planned.plan, |step| matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. }))), [1000, 1000, 501]);
    let created = create(&world, &old);
    let updated = prereqs().reconcile(&created, &new, Some(&old), Run::complete(&[])).unwrap();
    let teardown = prereqs().plan_teardown(&updated, &new).unwrap();
    assert_eq!(
        batches(&teardown.plan, |step| matches!(step, Step::Ec2(Ec2Step::RemoveUnclaimedTags { .. }))),
        [1000, 1000, 501]
    );
    let deleted = prereqs().tear_down(&updated, &new, Run::complete(&[])).unwrap();
    expect_equal(&deleted, &world, "after the Delete").unwrap();
}

/// IAM's limit is on all inline policies of a role together. Another inline policy may take what the controller's leaves, and no
/// character more.
#[test]
fn inline_policies_fill_role_up_to_limit() {
    let adopt = spec_of(json!({"ExistingObjects": "Adopt"}));
    let own = create(&plain(), &adopt).roles["karpentercontrollerrole-demo"].clone();
    let [(_, Some(document))] = own.inline.iter().collect::<Vec<_>>()[..] else { panic!("{own:?}") };
    let rest = INLINE_MAX - size(document);
    for (size, fits) in [(rest, true), (rest + 1, false)] {
        let theirs = json!("x".repeat(size - 2));
        let mut found = role("KarpenterControllerRole-demo", "/");
        found.inline.insert("theirs".to_owned(), Some(theirs));
        let mut world = plain();
        world.roles.insert("karpentercontrollerrole-demo".to_owned(), found);
        assert_eq!(prereqs().plan(&world, &adopt, None).is_ok(), fits, "{size}");
    }
}

/// A role has room for 48 tags of the user and two of ours. So the old tags are deleted before the new ones are created.
#[test]
fn role_at_tag_limit_can_change_all_tags() {
    let tags = |prefix: &str| -> Value { (0..48).map(|number| (format!("{prefix}-{number}"), json!("1"))).collect() };
    let (old, new) = (spec_of(json!({"Tags": tags("old")})), spec_of(json!({"Tags": tags("new")})));
    let created = create(&plain(), &old);
    let updated = prereqs().reconcile(&created, &new, Some(&old), Run::complete(&[])).unwrap();
    expect_equal(&updated, &create(&plain(), &new), "after the Update").unwrap();
}

/// New policies are attached before old ones are detached, unless there is no room for both.
#[test]
fn policy_update_stays_within_quota() {
    let policies = |prefix: &str, count: usize| -> Vec<String> {
        (0..count).map(|number| format!("arn:aws:iam::aws:policy/{prefix}{number}")).collect()
    };
    for (count, attached_first) in [(3, true), (6, false)] {
        let (old, new) = (
            spec_of(json!({"NodePolicyArns": policies("Old", count)})),
            spec_of(json!({"NodePolicyArns": policies("New", count)})),
        );
        let created = create(&plain(), &old);
        let plan = prereqs().plan(&created, &new, Some(&old)).unwrap().plan;
        let first = plan.steps().find_map(|(_, step, needs)| needs.is_empty().then_some(step));
        assert_eq!(matches!(first, Some(Step::Iam(IamStep::AttachRolePolicy { .. }))), attached_first, "{first:?}");
        let updated = prereqs().reconcile(&created, &new, Some(&old), Run::complete(&[])).unwrap();
        expect_equal(&updated, &create(&plain(), &new), "after the Update").unwrap();
    }
}

/// A resource has room for 50 tags. Discovery tag and marker need two of them. While one discovery tag replaces another, four are
/// needed: both discovery tags, the marker and the previous-tag marker.
#[test]
fn resource_is_tagged_up_to_the_tag_limit() {
    let with_tags = |count: usize| {
        let mut world = plain();
        let tags = world.resources.get_mut("subnet-0000000a").unwrap();
        tags.insert("aws:cloudformation:stack-name".to_owned(), "network".to_owned());
        tags.extend((1..count).map(|number| (format!("theirs-{number}"), String::new())));
        world
    };
    let (old, new) = (spec_of(json!({})), spec_of(json!({"DiscoveryTagKey": "team/discovery"})));
    for (count, creates, updates) in [(46, true, true), (47, true, false), (48, true, false), (49, false, false)] {
        let world = with_tags(count);
        assert_eq!(prereqs().plan(&world, &old, None).is_ok(), creates, "{count}");
        if creates {
            let created = create(&world, &old);
            assert_eq!(prereqs().plan(&created, &new, Some(&old)).is_ok(), updates, "{count}");
            let deleted = prereqs().tear_down(&created, &old, Run::complete(&[])).unwrap();
            expect_equal(&deleted, &world, "after the Delete").unwrap();
        }
    }
}

/// IAM finds a name in any letter case, so the role that it finds may have another spelling than the wanted one.
#[test]
fn role_in_another_letter_case_is_found() {
    let (old, new) = (spec_of(json!({"NodeRoleName": "Nodes"})), spec_of(json!({"NodeRoleName": "nodes"})));
    let created = create(&plain(), &old);
    let problems = prereqs().plan(&created, &new, Some(&old)).unwrap_err();
    assert!(problems.to_string().contains("role `Nodes` exists"), "{problems}");
    expect_equal(&create(&created, &old), &created, "with the same spelling").unwrap();
}
