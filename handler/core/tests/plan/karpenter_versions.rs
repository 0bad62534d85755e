//! The controller policies of the Karpenter versions: their statements, their size, and updates from one version to another.

use crate::generators::plain;
use crate::harness::{Resource, Run};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use karpenter_prereqs_core::documents::policy::{INLINE_MAX, PolicyResources, controller, size};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::karpenter_version::{FIRST_SCOPED, KarpenterVersions, NEWEST};
use karpenter_prereqs_core::plan::{IamStep, Step};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Returns every minor version of Karpenter from the first to the newest that has a policy of its own.
fn tested_versions() -> impl Iterator<Item = String> {
    (32..=37).map(|minor| format!("0.{minor}.0")).chain((0..=15).map(|minor| format!("1.{minor}.0")))
}

fn document(stack_id: &str, cluster: &str, role: &str, karpenter_versions: &[&str]) -> Value {
    let queue = format!("arn:aws-us-gov:sqs:us-gov-west-1:111122223333:{}", "q".repeat(80));
    let scope = Scope::of_stack(stack_id).unwrap();
    let karpenter_versions =
        KarpenterVersions::new(&karpenter_versions.iter().map(|version| (*version).to_owned()).collect::<Vec<_>>());
    let node_role_arns = BTreeSet::from([role.to_owned()]);
    controller(
        PolicyResources {
            scope: &scope,
            cluster_name: cluster,
            node_role_arns: &node_role_arns,
            interruption_queue_arn: Some(&queue),
        },
        &karpenter_versions,
    )
}

/// Returns the longest possible policy of these versions: in GovCloud, with a cluster name of 100 characters, a path of 512 and a
/// queue name of 80.
fn longest_document(karpenter_versions: &[&str]) -> Value {
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
fn tested_versions_span_first_scoped_to_newest() {
    assert_eq!(tested_versions().next().unwrap(), format!("{FIRST_SCOPED}.0"));
    assert_eq!(tested_versions().last().unwrap(), format!("{NEWEST}.0"));
}

/// The policy of any two versions, or of one version and the baseline, is within IAM's limit for inline policies.
#[test]
fn policy_of_two_versions_fits_into_a_role() {
    let all: Vec<_> = tested_versions().chain(["baseline".to_owned()]).collect();
    let mut largest = (0, String::new());
    for one in &all {
        for other in &all {
            let size = size(&longest_document(&[one, other]));
            largest = largest.max((size, format!("{one} and {other}")));
        }
    }
    println!("largest policy: {largest:?}");
    assert!(largest.0 <= INLINE_MAX, "{largest:?}");
}

#[test]
fn sids_are_unique_and_alphanumeric() {
    for other in tested_versions() {
        let document = longest_document(&["1.14.0", &other, "baseline"]);
        let sids: Vec<_> = statements(&document).iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
        let distinct: BTreeSet<_> = sids.iter().collect();
        assert_eq!(distinct.len(), sids.len(), "{sids:?}");
        assert!(sids.iter().all(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric())), "{sids:?}");
    }
}

/// Statements without a condition only read. The exceptions are the statements for resources that a launch uses, such as subnets
/// and images.
#[test]
fn scoped_write_statements_have_conditions() {
    for version in tested_versions() {
        for statement in statements(&longest_document(&[&version])) {
            let actions = statement["Action"].to_string();
            let is_read = ["Describe", "Get", "List"].iter().any(|verb| actions.contains(&format!(":{verb}")));
            let is_launch_input = statement["Sid"].as_str().unwrap().starts_with("AllowScopedEC2Instance");
            assert!(is_read || is_launch_input || statement.get("Condition").is_some(), "{version}: {statement}");
        }
    }
}

/// The policy of two versions has each statement that both need only once.
#[test]
fn statements_of_two_versions_are_merged() {
    for version in tested_versions() {
        assert_eq!(longest_document(&[&version, &version]), longest_document(&[&version]), "{version}");
    }
    let (one, both) = (size(&longest_document(&["1.13.0"])), size(&longest_document(&["1.13.0", "1.14.0"])));
    assert_eq!(one, both);
    let with_baseline = longest_document(&["1.14.0", "baseline"]);
    let launches = statements(&with_baseline)
        .iter()
        .filter(|statement| statement["Action"].to_string().contains("\"ec2:RunInstances\""))
        .count();
    assert_eq!(launches, 1, "{with_baseline}");
}

fn create(raw: &Value) -> World {
    Resource::new(STACK, "Prereqs").reconcile(&plain(), &spec_of(raw.clone()), None, Run::complete(&[])).unwrap()
}

/// An update between any two versions, or the baseline, replaces the controller policy in one call. Nodes get their new policy
/// before the old one is detached.
#[test]
fn version_update_never_leaves_roles_without_policy() {
    let karpenter_versions =
        [json!({}), json!({"KarpenterVersion": "0.37"}), json!({"KarpenterVersion": ["1.14.1", "baseline"]})];
    for (old, new) in karpenter_versions.iter().flat_map(|old| karpenter_versions.iter().map(move |new| (old, new))) {
        let with_cluster = |raw: &Value| {
            let mut raw = raw.clone();
            raw["ClusterName"] = json!("demo");
            raw
        };
        let (old_spec, new_spec) = (spec_of(with_cluster(old)), spec_of(with_cluster(new)));
        let resource = Resource::new(STACK, "Prereqs");
        let before = create(&with_cluster(old));
        let plan = resource.plan(&before, &new_spec, Some(&old_spec)).unwrap().plan;
        let policies: Vec<_> = plan
            .steps()
            .filter(|(_, step, _)| {
                matches!(step, Step::Iam(IamStep::PutRolePolicy { .. } | IamStep::DeleteRolePolicy { .. }))
            })
            .collect();
        assert_eq!(policies.len(), usize::from(old != new), "{old} to {new}");
        let invariant = |world: &World| {
            let node_policies = &world.role("KarpenterNodeRole-demo").unwrap().attached;
            let can_pull = node_policies.iter().any(|arn| arn.contains("AmazonEC2ContainerRegistry"));
            let has_controller_policy = !world.role("KarpenterControllerRole-demo").unwrap().inline.is_empty();
            if can_pull && has_controller_policy {
                Ok(())
            } else {
                Err(format!("can pull images: {can_pull}, has a controller policy: {has_controller_policy}"))
            }
        };
        let run = Run::complete(&[]).with_invariant(&invariant);
        let after = resource.reconcile(&before, &new_spec, Some(&old_spec), run).unwrap();
        assert_eq!(after.roles, create(&with_cluster(new)).roles, "{old} to {new}");
    }
}

/// A replacement also changes the Karpenter version. The old generation is torn down with the old properties, and the shared
/// controller policy keeps the new version.
#[test]
fn teardown_of_old_generation_keeps_version_of_new_one() {
    let resource = Resource::new(STACK, "Prereqs");
    let (old, new) = (
        spec_of(json!({"KarpenterVersion": "0.37"})),
        spec_of(json!({"KarpenterVersion": "1.14.1", "NodeRoleName": "nodes"})),
    );
    let before = resource.reconcile(&plain(), &old, None, Run::complete(&[])).unwrap();
    let both = resource.reconcile(&before, &new, Some(&old), Run::complete(&[])).unwrap();
    let after = resource.tear_down(&both, &old, Run::complete(&[])).unwrap();
    let alone = resource.reconcile(&plain(), &new, None, Run::complete(&[])).unwrap();
    let policy = |world: &World| world.role("KarpenterControllerRole-demo").unwrap().inline.clone();
    assert_eq!(policy(&after), policy(&alone));
}
