//! Whose a thing is, by example: what is used and not owned, what is known again, and what goes with its maker.

use crate::life::{Resource, Run, same};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use crate::worlds::{GIVEN_ROLE, plain};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::ConfigMap;
use karpenter_prereqs_core::plan::{Ec2Step, Step};
use serde_json::json;

const WHOLE: Run<'static> = Run { order: &[], cut: None, always: None };

fn prereqs() -> Resource {
    Resource::of(STACK, "Prereqs")
}

fn created(world: &World, spec: &Spec) -> World {
    prereqs().converge(world, spec, None, WHOLE).unwrap()
}

fn steps(plan: &karpenter_prereqs_core::plan::Plan) -> Vec<String> {
    plan.steps().map(|(_, step, _)| step.to_string()).collect()
}

#[test]
fn a_tag_of_the_users_own_is_used_and_neither_marked_nor_removed() {
    let mut world = plain();
    for tags in world.resources.values_mut() {
        tags.insert("karpenter.sh/discovery".to_owned(), "demo".to_owned());
    }
    let spec = spec_of(json!({}));
    let made = created(&world, &spec);
    assert_eq!(made.resources, world.resources);
    assert_eq!(prereqs().plan(&made, &spec, None).unwrap().subnet_ids.len(), 2);
}

#[test]
fn a_conflict_is_left_out_when_that_is_asked_for() {
    let mut world = plain();
    let theirs = world.resources.get_mut("subnet-0000000a").unwrap();
    theirs.insert("karpenter.sh/discovery".to_owned(), "theirs".to_owned());
    let (before, spec) = (theirs.clone(), spec_of(json!({"TagConflict": "Skip"})));
    let converged = prereqs().plan(&world, &spec, None).unwrap();
    assert_eq!(converged.subnet_ids, ["subnet-0000000b".to_owned()].into());
    assert!(
        converged.warnings.iter().any(|warning| warning.to_string().contains("subnet-0000000a keeps its tag")),
        "{:?}",
        converged.warnings
    );
    assert_eq!(created(&world, &spec).resources["subnet-0000000a"], before);
}

/// Of a given role, an entry that was there is the user's.
#[test]
fn an_entry_that_was_there_is_the_users_where_the_role_is() {
    let spec = spec_of(json!({"NodeRoleArn": GIVEN_ROLE}));
    let entered = created(&plain(), &spec).demo().aws_auth.clone().and_then(|map| map.map_roles);
    let mut world = plain();
    world.demo().aws_auth = Some(ConfigMap { map_roles: entered, ..ConfigMap::default() });
    let made = created(&world, &spec);
    assert_eq!(made.clusters, world.clusters);
    same(&prereqs().release(&made, &spec, WHOLE).unwrap(), &world, "after the release").unwrap();
}

/// Of a role that this resource made, it is its own even if somebody lost the annotation.
#[test]
fn an_entry_whose_annotation_was_lost_is_known_again_and_goes() {
    let spec = spec_of(json!({}));
    let made = created(&plain(), &spec);
    let mut forgotten = made.clone();
    forgotten.demo().aws_auth.as_mut().unwrap().annotations.clear();
    same(&created(&forgotten, &spec), &made, "known again").unwrap();
    same(&prereqs().release(&forgotten, &spec, WHOLE).unwrap(), &plain(), "after the release").unwrap();
}

/// Discovered subnets stay tagged though their node group goes; explicit lists are exact.
#[test]
fn karpenter_lives_on_when_the_node_groups_go() {
    let spec = spec_of(json!({}));
    let mut made = created(&plain(), &spec);
    made.demo().subnet_ids.clear();
    made.demo().security_group_ids.clear();
    let converged = prereqs().plan(&made, &spec, Some(&spec)).unwrap();
    assert!(converged.plan.is_empty(), "{:?}", steps(&converged.plan));
    assert_eq!(converged.subnet_ids.len(), 2);
    let listed = spec_of(json!({"SubnetIds": "subnet-0000000b", "SecurityGroupIds": "sg-0000000a"}));
    let updated = prereqs().converge(&made, &listed, Some(&spec), WHOLE).unwrap();
    assert_eq!(updated.resources["subnet-0000000a"], plain().resources["subnet-0000000a"]);
    assert_eq!(updated.resources["subnet-0000000b"], made.resources["subnet-0000000b"]);
}

/// An Update leaves what others attached to our role; the role's end takes it along, and the log says so.
#[test]
fn what_others_attach_stays_until_the_role_goes() {
    let (old, new) =
        (spec_of(json!({"NodePolicyArns": "arn:aws:iam::aws:policy/Ours"})), spec_of(json!({"Tags": {"team": "a"}})));
    let theirs = "arn:aws:iam::aws:policy/Theirs".to_owned();
    let attached = |mut world: World| {
        let node = world.roles.get_mut("karpenternoderole-demo").unwrap();
        node.attached.insert(theirs.clone());
        node.inline.insert("theirs".to_owned(), Some(json!({})));
        world
    };
    let made = attached(created(&plain(), &old));
    let updated = prereqs().converge(&made, &new, Some(&old), WHOLE).unwrap();
    same(&updated, &attached(created(&plain(), &new)), "after the update").unwrap();
    let notes = prereqs().plan_release(&updated, &new).unwrap().warnings;
    let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
    assert!(notes.len() == 2 && notes[0].contains(&theirs) && notes[1].contains("`theirs`"), "{notes:?}");
    same(&prereqs().release(&updated, &new, WHOLE).unwrap(), &plain(), "after the release").unwrap();
}

/// What a person changed on our objects is put right, and only that.
#[test]
fn drift_is_put_right() {
    let spec = spec_of(json!({}));
    let made = created(&plain(), &spec);
    let mut drifted = made.clone();
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
        steps(&plan)
    );
    same(&created(&drifted, &spec), &made, "put right").unwrap();
}

/// Nothing of ours by its name alone: without a marker, it is not ours to take.
#[test]
fn what_carries_no_mark_of_the_generation_stays() {
    let spec = spec_of(json!({}));
    let made = created(&plain(), &spec);
    let released = Resource::of(STACK, "Other").plan_release(&made, &spec).unwrap();
    assert!(released.plan.is_empty(), "{:?}", steps(&released.plan));
}

/// The cluster is gone or going, with its aws-auth: the rest goes as ever.
#[test]
fn a_release_does_without_the_cluster() {
    let spec = spec_of(json!({}));
    let made = created(&plain(), &spec);
    let mut going = made.clone();
    going.demo().cluster.status = "DELETING".to_owned();
    let mut gone = made;
    gone.clusters.clear();
    for world in [going, gone] {
        let mut expected = plain();
        expected.clusters = world.clusters.clone();
        same(&prereqs().release(&world, &spec, WHOLE).unwrap(), &expected, "after the release").unwrap();
    }
}
