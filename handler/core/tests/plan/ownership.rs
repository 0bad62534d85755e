//! Examples of ownership: what is used without being owned, what is recognised, and what is deleted with the resource.

use crate::generators::{EXISTING_ROLE_ARN, plain};
use crate::harness::{Resource, Run, expect_equal};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::ConfigMap;
use karpenter_prereqs_core::plan::{Ec2Step, Step};
use serde_json::json;

const COMPLETE: Run<'static> = Run { order: &[], interrupt_at: None, invariant: None };

/// Returns the resource of all examples.
fn prereqs() -> Resource {
    Resource::new(STACK, "Prereqs")
}

fn create(world: &World, spec: &Spec) -> World {
    prereqs().reconcile(world, spec, None, COMPLETE).unwrap()
}

fn step_texts(plan: &karpenter_prereqs_core::plan::Plan) -> Vec<String> {
    plan.steps().map(|(_, step, _)| step.to_string()).collect()
}

#[test]
fn user_discovery_tag_is_used_without_marker() {
    let mut world = plain();
    for tags in world.resources.values_mut() {
        tags.insert("karpenter.sh/discovery".to_owned(), "demo".to_owned());
    }
    let spec = spec_of(json!({}));
    let created = create(&world, &spec);
    assert_eq!(created.resources, world.resources);
    assert_eq!(prereqs().plan(&created, &spec, None).unwrap().subnet_ids.len(), 2);
}

#[test]
fn tag_conflict_with_skip_leaves_resource_untagged() {
    let mut world = plain();
    let tags = world.resources.get_mut("subnet-0000000a").unwrap();
    tags.insert("karpenter.sh/discovery".to_owned(), "theirs".to_owned());
    let (before, spec) = (tags.clone(), spec_of(json!({"TagConflict": "Skip"})));
    let planned = prereqs().plan(&world, &spec, None).unwrap();
    assert_eq!(planned.subnet_ids, ["subnet-0000000b".to_owned()].into());
    assert!(
        planned.warnings.iter().any(|warning| warning.to_string().contains("subnet-0000000a keeps its tag")),
        "{:?}",
        planned.warnings
    );
    assert_eq!(create(&world, &spec).resources["subnet-0000000a"], before);
}

/// The role exists before the stack, so the user owns an entry for it that exists before too.
#[test]
fn preexisting_entry_of_existing_role_is_kept() {
    let spec = spec_of(json!({"NodeRoleArn": EXISTING_ROLE_ARN}));
    let map_roles = create(&plain(), &spec).demo().aws_auth.clone().and_then(|map| map.map_roles);
    let mut world = plain();
    world.demo().aws_auth = Some(ConfigMap { map_roles, ..ConfigMap::default() });
    let created = create(&world, &spec);
    assert_eq!(created.clusters, world.clusters);
    expect_equal(&prereqs().tear_down(&created, &spec, COMPLETE).unwrap(), &world, "after the Delete").unwrap();
}

/// The resource created the role, so it owns an entry for the role, also if the annotation was removed.
#[test]
fn entry_without_annotation_is_recognised_and_removed() {
    let spec = spec_of(json!({}));
    let created = create(&plain(), &spec);
    let mut without_annotation = created.clone();
    without_annotation.demo().aws_auth.as_mut().unwrap().annotations.clear();
    expect_equal(&create(&without_annotation, &spec), &created, "after a second Create").unwrap();
    let deleted = prereqs().tear_down(&without_annotation, &spec, COMPLETE).unwrap();
    expect_equal(&deleted, &plain(), "after the Delete").unwrap();
}

/// Discovered subnets stay tagged when their node group is deleted. A list of subnets in the properties is exact.
#[test]
fn deleted_node_groups_leave_discovered_subnets_tagged() {
    let spec = spec_of(json!({}));
    let mut created = create(&plain(), &spec);
    created.demo().subnet_ids.clear();
    created.demo().security_group_ids.clear();
    let planned = prereqs().plan(&created, &spec, Some(&spec)).unwrap();
    assert!(planned.plan.is_empty(), "{:?}", step_texts(&planned.plan));
    assert_eq!(planned.subnet_ids.len(), 2);
    let listed = spec_of(json!({"SubnetIds": "subnet-0000000b", "SecurityGroupIds": "sg-0000000a"}));
    let updated = prereqs().reconcile(&created, &listed, Some(&spec), COMPLETE).unwrap();
    assert_eq!(updated.resources["subnet-0000000a"], plain().resources["subnet-0000000a"]);
    assert_eq!(updated.resources["subnet-0000000b"], created.resources["subnet-0000000b"]);
}

/// An Update keeps the policies that others attached to our role. The deletion of the role removes them, with a warning for the
/// log.
#[test]
fn foreign_policies_are_kept_until_role_is_deleted() {
    let (old, new) =
        (spec_of(json!({"NodePolicyArns": "arn:aws:iam::aws:policy/Ours"})), spec_of(json!({"Tags": {"team": "a"}})));
    let theirs = "arn:aws:iam::aws:policy/Theirs".to_owned();
    let with_theirs = |mut world: World| {
        let node = world.roles.get_mut("karpenternoderole-demo").unwrap();
        node.attached.insert(theirs.clone());
        node.inline.insert("theirs".to_owned(), Some(json!({})));
        world
    };
    let created = with_theirs(create(&plain(), &old));
    let updated = prereqs().reconcile(&created, &new, Some(&old), COMPLETE).unwrap();
    expect_equal(&updated, &with_theirs(create(&plain(), &new)), "after the Update").unwrap();
    let warnings = prereqs().plan_teardown(&updated, &new).unwrap().warnings;
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.len() == 2 && warnings[0].contains(&theirs) && warnings[1].contains("`theirs`"), "{warnings:?}");
    expect_equal(&prereqs().tear_down(&updated, &new, COMPLETE).unwrap(), &plain(), "after the Delete").unwrap();
}

/// A second run corrects what a person changed on our objects, and nothing else.
#[test]
fn drifted_objects_are_corrected() {
    let spec = spec_of(json!({}));
    let created = create(&plain(), &spec);
    let mut drifted = created.clone();
    let controller = drifted.roles.get_mut("karpentercontrollerrole-demo").unwrap();
    controller.trust = json!({"Version": "2012-10-17", "Statement": []});
    controller.inline.clear();
    drifted.roles.get_mut("karpenternoderole-demo").unwrap().attached.pop_first();
    drifted.profiles.get_mut("karpenternodeinstanceprofile-demo").unwrap().roles = vec!["existing".to_owned()];
    drifted.resources.get_mut("subnet-0000000a").unwrap().remove("karpenter.sh/discovery");
    drifted.demo().aws_auth.as_mut().unwrap().map_roles = plain().demo().aws_auth.clone().and_then(|map| map.map_roles);
    let plan = prereqs().plan(&drifted, &spec, None).unwrap().plan;
    assert_eq!(
        plan.steps().filter(|(_, step, _)| !matches!(step, Step::Ec2(Ec2Step::VerifyTags { .. }))).count(),
        7,
        "{:?}",
        step_texts(&plan)
    );
    expect_equal(&create(&drifted, &spec), &created, "after the correction").unwrap();
}

/// The name of an object proves no ownership. An object without the generation's marker is kept.
#[test]
fn teardown_without_marker_deletes_nothing() {
    let spec = spec_of(json!({}));
    let created = create(&plain(), &spec);
    let planned = Resource::new(STACK, "Other").plan_teardown(&created, &spec).unwrap();
    assert!(planned.plan.is_empty(), "{:?}", step_texts(&planned.plan));
}

/// The cluster is being deleted, or is deleted with its aws-auth.
#[test]
fn teardown_without_cluster_deletes_the_rest() {
    let spec = spec_of(json!({}));
    let created = create(&plain(), &spec);
    let mut deleting = created.clone();
    deleting.demo().cluster.status = "DELETING".to_owned();
    let mut deleted = created;
    deleted.clusters.clear();
    for world in [deleting, deleted] {
        let mut expected = plain();
        expected.clusters = world.clusters.clone();
        expect_equal(&prereqs().tear_down(&world, &spec, COMPLETE).unwrap(), &expected, "after the Delete").unwrap();
    }
}
