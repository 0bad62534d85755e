//! The permissions by Karpenter's release: what they say, how large they are, and how one follows another.

use crate::life::{Resource, Run};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use crate::worlds::plain;
use karpenter_prereqs_core::documents::policy::{INLINE_MAX, Place, controller, size};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::karpenter_version::{FIRST_SCOPED, KarpenterVersions, NEWEST};
use karpenter_prereqs_core::plan::{IamStep, Step};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every release that was there, by its minor.
fn known() -> impl Iterator<Item = String> {
    (32..=37).map(|minor| format!("0.{minor}.0")).chain((0..=15).map(|minor| format!("1.{minor}.0")))
}

fn document(stack_id: &str, cluster: &str, role: &str, karpenter_versions: &[&str]) -> Value {
    let queue = format!("arn:aws-us-gov:sqs:us-gov-west-1:111122223333:{}", "q".repeat(80));
    let scope = Scope::of_stack(stack_id).unwrap();
    let karpenter_versions =
        KarpenterVersions::new(&karpenter_versions.iter().map(|release| (*release).to_owned()).collect::<Vec<_>>());
    let node_role_arns = BTreeSet::from([role.to_owned()]);
    controller(
        Place {
            scope: &scope,
            cluster_name: cluster,
            node_role_arns: &node_role_arns,
            interruption_queue_arn: Some(&queue),
        },
        &karpenter_versions,
    )
}

/// The longest that there can be: GovCloud, a cluster of 100 characters, a path of 512, a queue of 80.
fn longest(karpenter_versions: &[&str]) -> Value {
    let role = format!("arn:aws-us-gov:iam::111122223333:role/{}/{}", "p".repeat(510), "r".repeat(64));
    document(
        "arn:aws-us-gov:cloudformation:us-gov-west-1:111122223333:stack/s/0a",
        &"c".repeat(100),
        &role,
        karpenter_versions,
    )
}

fn statements(document: &Value) -> &Vec<Value> {
    document["Statement"].as_array().unwrap()
}

#[test]
fn the_first_and_the_newest_release_are_those_that_are_tried() {
    assert_eq!(known().next().unwrap(), format!("{FIRST_SCOPED}.0"));
    assert_eq!(known().last().unwrap(), format!("{NEWEST}.0"));
}

/// Any two karpenter_versions, and each with the baseline, fit into one role.
#[test]
fn two_releases_fit_into_a_role_whatever_their_names() {
    let all: Vec<_> = known().chain(["baseline".to_owned()]).collect();
    let mut largest = (0, String::new());
    for one in &all {
        for other in &all {
            let size = size(&longest(&[one, other]));
            largest = largest.max((size, format!("{one} and {other}")));
        }
    }
    println!("the largest: {largest:?}");
    assert!(largest.0 <= INLINE_MAX, "{largest:?}");
}

/// A name is said once in a document, whichever karpenter_versions it is of.
#[test]
fn every_sid_stands_once_and_is_letters_and_digits() {
    for other in known() {
        let document = longest(&["1.14.0", &other, "baseline"]);
        let sids: Vec<_> = statements(&document).iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
        let distinct: BTreeSet<_> = sids.iter().collect();
        assert_eq!(distinct.len(), sids.len(), "{sids:?}");
        assert!(sids.iter().all(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric())), "{sids:?}");
    }
}

/// Nothing of a scoped release is allowed on everything but reading, and what IAM scopes by its own conditions.
#[test]
fn nothing_is_written_without_a_condition() {
    for release in known() {
        for statement in statements(&longest(&[&release])) {
            let actions = statement["Action"].to_string();
            let is_read = ["Describe", "Get", "List"].iter().any(|verb| actions.contains(&format!(":{verb}")));
            let is_use = statement["Sid"].as_str().unwrap().starts_with("AllowScopedEC2Instance");
            assert!(is_read || is_use || statement.get("Condition").is_some(), "{release}: {statement}");
        }
    }
}

/// What karpenter_versions share is said once: one with itself is itself, and with its neighbour little more.
#[test]
fn what_two_releases_share_is_said_once() {
    for release in known() {
        assert_eq!(longest(&[&release, &release]), longest(&[&release]), "{release}");
    }
    let (one, both) = (size(&longest(&["1.13.0"])), size(&longest(&["1.13.0", "1.14.0"])));
    assert_eq!(one, both);
    let with_baseline = longest(&["1.14.0", "baseline"]);
    let launches = statements(&with_baseline)
        .iter()
        .filter(|statement| statement["Action"].to_string().contains("\"ec2:RunInstances\""))
        .count();
    assert_eq!(launches, 1, "{with_baseline}");
}

fn made(raw: &Value) -> World {
    Resource::of(STACK, "Prereqs").converge(&plain(), &spec_of(raw.clone()), None, Run::whole(&[])).unwrap()
}

/// From one release to any other, and from the baseline: one policy takes another's place in one call, and nodes get
/// their new policy before the old one goes.
#[test]
fn one_release_follows_another_with_no_moment_without_permission() {
    let karpenter_versions =
        [json!({}), json!({"KarpenterVersion": "0.37"}), json!({"KarpenterVersion": ["1.14.1", "baseline"]})];
    for (old, new) in karpenter_versions.iter().flat_map(|old| karpenter_versions.iter().map(move |new| (old, new))) {
        let named = |raw: &Value| {
            let mut raw = raw.clone();
            raw["ClusterName"] = json!("demo");
            raw
        };
        let (old_spec, new_spec) = (spec_of(named(old)), spec_of(named(new)));
        let resource = Resource::of(STACK, "Prereqs");
        let before = made(&named(old));
        let plan = resource.plan(&before, &new_spec, Some(&old_spec)).unwrap().plan;
        let policies: Vec<_> = plan
            .steps()
            .filter(|(_, step, _)| {
                matches!(step, Step::Iam(IamStep::PutRolePolicy { .. } | IamStep::DeleteRolePolicy { .. }))
            })
            .collect();
        assert_eq!(policies.len(), usize::from(old != new), "{old} to {new}");
        let always = |world: &World| {
            let nodes = &world.role("KarpenterNodeRole-demo").unwrap().attached;
            let pulls = nodes.iter().any(|arn| arn.contains("AmazonEC2ContainerRegistry"));
            let controls = !world.role("KarpenterControllerRole-demo").unwrap().inline.is_empty();
            if pulls && controls { Ok(()) } else { Err(format!("pulls: {pulls}, controls: {controls}")) }
        };
        let after = resource.converge(&before, &new_spec, Some(&old_spec), Run::whole(&[]).always(&always)).unwrap();
        assert_eq!(after.roles, made(&named(new)).roles, "{old} to {new}");
    }
}

/// A replacement with another release: the old generation goes with the old properties, and the new release stays.
#[test]
fn a_generation_that_goes_leaves_the_release_of_the_one_that_stays() {
    let resource = Resource::of(STACK, "Prereqs");
    let (old, new) = (
        spec_of(json!({"KarpenterVersion": "0.37"})),
        spec_of(json!({"KarpenterVersion": "1.14.1", "NodeRoleName": "nodes"})),
    );
    let before = resource.converge(&plain(), &old, None, Run::whole(&[])).unwrap();
    let both = resource.converge(&before, &new, Some(&old), Run::whole(&[])).unwrap();
    let after = resource.release(&both, &old, Run::whole(&[])).unwrap();
    let alone = resource.converge(&plain(), &new, None, Run::whole(&[])).unwrap();
    let policy = |world: &World| world.role("KarpenterControllerRole-demo").unwrap().inline.clone();
    assert_eq!(policy(&after), policy(&alone));
}
