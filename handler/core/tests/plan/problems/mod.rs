//! Every problem, with an example that causes it alone, and the remedy that its message names.

mod examples;

use crate::generators::{EXISTING_ROLE_ARN, plain, profile};
use crate::harness::{Resource, Run};
use crate::model::{Purpose, World};
use crate::properties::{STACK, spec_of};
use examples::{examples, policies, with_map_roles};
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::observed::{InstanceProfile, Observed, PassRoleDecision, PassRoleDenial, Running};
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::plan::{Problem, Problems, Target, reconcile};
use serde_json::json;
use std::collections::BTreeSet;

/// The number of kinds of problems.
const VARIANTS: usize = 35;

/// Returns the name of the problem. A new problem does not compile without a name, and [`VARIANTS`] requires an example of it.
fn name(problem: &Problem) -> &'static str {
    match problem {
        Problem::NoCluster { .. } => "NoCluster",
        Problem::ClusterNotReady { .. } => "ClusterNotReady",
        Problem::NoIssuer { .. } => "NoIssuer",
        Problem::NoOidcProvider { .. } => "NoOidcProvider",
        Problem::NoAudience { .. } => "NoAudience",
        Problem::RoleTaken { .. } => "RoleTaken",
        Problem::InstanceProfileTaken { .. } => "InstanceProfileTaken",
        Problem::OtherPath { .. } => "OtherPath",
        Problem::OtherSpelling { .. } => "OtherSpelling",
        Problem::OneRoleForBoth { .. } => "OneRoleForBoth",
        Problem::ProfileHoldsOther { .. } => "ProfileHoldsOther",
        Problem::ProfileServesOther { .. } => "ProfileServesOther",
        Problem::ControllerServesOther { .. } => "ControllerServesOther",
        Problem::NoNodeRole { .. } => "NoNodeRole",
        Problem::PassRoleNotAllowed { .. } => "PassRoleNotAllowed",
        Problem::PassRoleDenied { .. } => "PassRoleDenied",
        Problem::PassRoleUnknown { .. } => "PassRoleUnknown",
        Problem::QueueOutOfBounds { .. } => "QueueOutOfBounds",
        Problem::BoundsUnreadable { .. } => "BoundsUnreadable",
        Problem::UnknownPolicy { .. } => "UnknownPolicy",
        Problem::TooManyObjectTags { .. } => "TooManyObjectTags",
        Problem::TooManyPolicies { .. } => "TooManyPolicies",
        Problem::InlinePoliciesTooLarge { .. } => "InlinePoliciesTooLarge",
        Problem::NothingToDiscover { .. } => "NothingToDiscover",
        Problem::NoSuchResource { .. } => "NoSuchResource",
        Problem::TagTaken { .. } => "TagTaken",
        Problem::TooManyTags { .. } => "TooManyTags",
        Problem::NoAwsAuth { .. } => "NoAwsAuth",
        Problem::NoAccessEntries { .. } => "NoAccessEntries",
        Problem::OtherAccessEntry { .. } => "OtherAccessEntry",
        Problem::OutdatedAccessEntry { .. } => "OutdatedAccessEntry",
        Problem::AssociationTaken { .. } => "AssociationTaken",
        Problem::AwsAuth(_) => "AwsAuth",
        Problem::OtherProfiles { .. } => "OtherProfiles",
        Problem::RunningNodes { .. } => "RunningNodes",
    }
}

#[test]
fn every_problem_has_a_code_and_a_remedy() {
    let mut covered = BTreeSet::new();
    for (expected, parts, raw, change) in examples() {
        let mut world = plain();
        change(&mut world);
        let problems = Resource::new(STACK, "Prereqs").plan(&world, &spec_of(raw), None).unwrap_err();
        covered.insert(check_problem(&problems, expected, parts));
    }
    covered.insert(check_problem(&unknown_policy(), "UnknownPolicy", &["Correct the ARN", "ControllerPolicyArns"]));
    for (denial, name, parts) in [
        (PassRoleDenial::Implicit, "PassRoleNotAllowed", ["implicitDeny", "NodeRoleArns of function.yaml"]),
        (PassRoleDenial::Explicit, "PassRoleDenied", ["explicitDeny", "Remove the Deny"]),
        (PassRoleDenial::UnknownRole, "PassRoleUnknown", ["EXECUTION_ROLE_ARN", "Deploy the function's stack again"]),
    ] {
        covered.insert(check_problem(&denied_pass_role(denial), name, &parts));
    }
    let queue = ["InterruptionQueueArns of function.yaml", "Choose another queue", ":Karpenter*"];
    let bounds = r#"{"InterruptionQueueArns": ["arn:aws:sqs:eu-west-1:111122223333:Karpenter*"]}"#;
    covered.insert(check_problem(&out_of_bounds(bounds), "QueueOutOfBounds", &queue));
    covered.insert(check_problem(
        &out_of_bounds("{"),
        "BoundsUnreadable",
        &["BOUNDS", "Deploy the function's stack again"],
    ));
    covered.insert(check_problem(
        &other_profiles(),
        "OtherProfiles",
        &["`eks-123`", "Delete Karpenter's EC2NodeClasses"],
    ));
    covered.insert(check_problem(
        &running_nodes(),
        "RunningNodes",
        &["`i-1`", "`eks-123`", "update RunningNodes to Ignore"],
    ));
    assert_eq!(covered.len(), VARIANTS, "only these problems have an example: {covered:?}");
}

#[test]
fn all_problems_are_reported_together() {
    let mut world = plain();
    world.oidc_providers.clear();
    world.demo().aws_auth = with_map_roles("rolearn: a\n");
    let problems = Resource::new(STACK, "Prereqs")
        .plan(&world, &spec_of(json!({"SubnetIds": "subnet-0000000f"})), None)
        .unwrap_err();
    let names: Vec<_> = problems.0.iter().map(name).collect();
    assert_eq!(names, ["NoOidcProvider", "NoSuchResource", "AwsAuth"]);
    assert_eq!(problems.to_string().matches(". KP").count(), 2);
}

/// Checks that the only problem is the expected one, and that its message has a code and these parts. Returns its name.
fn check_problem(problems: &Problems, expected: &str, parts: &[&str]) -> &'static str {
    let [problem] = problems.0.as_slice() else { panic!("{expected} is not the only problem: {problems}") };
    assert_eq!(name(problem), expected, "{problems}");
    let message = problems.to_string();
    assert!(message.starts_with("KP00"), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    name(problem)
}

/// Returns the problem of a managed policy that IAM does not know. The model has no managed policies.
fn unknown_policy() -> Problems {
    let spec = spec_of(json!({"ControllerPolicyArns": policies(1)}));
    let policies = spec.controller_policy_arns.iter().cloned().collect();
    problems(&plain(), &spec, &Bounds::default(), |observed| observed.unknown_policies = policies)
}

/// Returns the problem of a node role that may not be passed. The profile already contains the role, so only IAM's simulation
/// finds it.
fn denied_pass_role(denial: PassRoleDenial) -> Problems {
    let spec =
        spec_of(json!({"NodeRoleArn": EXISTING_ROLE_ARN, "InstanceProfileName": "held", "ExistingObjects": "Adopt"}));
    let mut world = plain();
    world.profiles.insert("held".into(), profile("held", &["existing"]));
    problems(&world, &spec, &Bounds::default(), |observed| {
        observed.pass_role = PassRoleDecision::Denied(denial);
    })
}

/// Returns the problem of an interruption queue that the function's bounds do not allow.
fn out_of_bounds(bounds: &str) -> Problems {
    let spec = spec_of(json!({"InterruptionQueueArn": "arn:aws:sqs:eu-west-1:111122223333:payments"}));
    problems(&plain(), &spec, &Bounds::read(Some(bounds)), |_| {})
}

/// Returns the problems of a Create. `change` adds to the snapshot what the model does not have.
fn problems(world: &World, spec: &Spec, bounds: &Bounds, change: impl FnOnce(&mut Observed)) -> Problems {
    let resource = Resource::new(STACK, "Prereqs");
    let generation = resource.generation(spec);
    let mut observed = world.observed(spec, &[generation.marker()].into(), Purpose::Reconcile(None));
    change(&mut observed);
    reconcile(Target { spec, previous: None, owner: &resource.0, generation: &generation, bounds }, &observed)
        .unwrap_err()
}

/// Returns the problem of a Delete while another instance profile contains the node role.
fn other_profiles() -> Problems {
    let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec_of(json!({})));
    let mut world = resource.reconcile(&plain(), &spec, None, Run::complete(&[])).unwrap();
    world.profiles.insert("eks-123".into(), profile("eks-123", &["KarpenterNodeRole-demo"]));
    resource.plan_teardown(&world, &spec).unwrap_err()
}

/// Returns the problem of a Delete while an instance runs with a profile that Karpenter created for the node role.
fn running_nodes() -> Problems {
    let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec_of(json!({})));
    let mut world = resource.reconcile(&plain(), &spec, None, Run::complete(&[])).unwrap();
    world.profiles.insert("eks-123".into(), karpenter_profile("eks-123"));
    world.running.push(Running { id: "i-1".into(), instance_profile: "eks-123".into() });
    resource.plan_teardown(&world, &spec).unwrap_err()
}

/// Returns an instance profile as Karpenter creates it for the cluster and the node role.
fn karpenter_profile(name: &str) -> InstanceProfile {
    let mut profile = profile(name, &["KarpenterNodeRole-demo"]);
    profile.tags.insert("kubernetes.io/cluster/demo".into(), "owned".into());
    profile.tags.insert("topology.kubernetes.io/region".into(), "eu-west-1".into());
    profile.tags.insert("karpenter.k8s.aws/ec2nodeclass".into(), "default".into());
    profile
}

/// A Delete removes the instance profiles that Karpenter created for the cluster.
#[test]
fn karpenter_profiles_are_deleted_with_node_role() {
    let (resource, spec) = (Resource::new(STACK, "Prereqs"), spec_of(json!({})));
    let mut world = resource.reconcile(&plain(), &spec, None, Run::complete(&[])).unwrap();
    world.profiles.insert("eks-123".into(), karpenter_profile("eks-123"));
    assert_eq!(resource.tear_down(&world, &spec, Run::complete(&[])).unwrap(), plain());
}
