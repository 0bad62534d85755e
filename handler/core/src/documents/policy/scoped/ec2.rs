//! What the controller may do in EC2.

use super::Scoped;
use crate::documents::policy::grant::Grant;

const NODEPOOL: &str = "karpenter.sh/nodepool";

pub(super) fn statements(scoped: Scoped<'_>) -> Vec<Grant> {
    let mut statements = using(scoped);
    statements.extend(making(scoped));
    statements.extend([retagging(scoped), deleting(scoped), reading(scoped)]);
    statements
}

/// What a launch may refer to.
fn using(scoped: Scoped<'_>) -> Vec<Grant> {
    const LAUNCH: [&str; 2] = ["ec2:RunInstances", "ec2:CreateFleet"];
    let mut kinds = vec!["security-group", "subnet"];
    if scoped.since(0, 34) {
        kinds.extend(scoped.since(1, 3).then_some("capacity-reservation"));
        kinds.extend(scoped.since(1, 11).then_some("placement-group"));
        let templates =
            Grant::new("AllowScopedEC2LaunchTemplateAccessActions", LAUNCH, [any(scoped, "launch-template")]);
        vec![
            Grant::new("AllowScopedEC2InstanceAccessActions", LAUNCH, with_images(scoped, &kinds)),
            scoped.owning(templates).when("StringLike", format!("aws:ResourceTag/{NODEPOOL}"), ["*"]),
        ]
    } else {
        kinds.extend((!scoped.since(0, 33)).then_some("spot-instances-request"));
        kinds.push("launch-template");
        vec![Grant::new("AllowScopedEC2InstanceActions", LAUNCH, with_images(scoped, &kinds))]
    }
}

/// What is made, with tags that say for whom.
fn making(scoped: Scoped<'_>) -> [Grant; 2] {
    let made = || {
        let mut kinds = vec!["fleet", "instance", "volume", "network-interface", "launch-template"];
        kinds.extend(scoped.since(0, 33).then_some("spot-instances-request"));
        kinds
    };
    let all = |kinds: Vec<&str>| kinds.into_iter().map(|kind| any(scoped, kind)).collect::<Vec<_>>();
    let mut launched = made();
    launched.extend((scoped.since(1, 3) && !scoped.since(1, 9)).then_some("capacity-reservation"));
    let launching = Grant::new(
        "AllowScopedEC2InstanceActionsWithTags",
        ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
        all(launched),
    );
    let tagging = Grant::new("AllowScopedResourceCreationTagging", ["ec2:CreateTags"], all(made())).when(
        "StringEquals",
        "ec2:CreateAction",
        ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
    );
    [launching, tagging]
        .map(|statement| scoped.requesting(statement).when("StringLike", format!("aws:RequestTag/{NODEPOOL}"), ["*"]))
}

/// An instance learns its name, and of which claim it is, once it runs.
fn retagging(scoped: Scoped<'_>) -> Grant {
    let mut keys = vec!["karpenter.sh/nodeclaim", "Name"];
    let statement = Grant::new("AllowScopedResourceTagging", ["ec2:CreateTags"], [any(scoped, "instance")]);
    let mut statement = scoped.owning(statement).when("StringLike", format!("aws:ResourceTag/{NODEPOOL}"), ["*"]);
    if scoped.since(1, 0) {
        keys.push("eks:eks-cluster-name");
        statement =
            statement.when("StringEqualsIfExists", "aws:RequestTag/eks:eks-cluster-name", [scoped.place.cluster_name]);
    }
    statement.when("ForAllValues:StringEquals", "aws:TagKeys", keys)
}

fn deleting(scoped: Scoped<'_>) -> Grant {
    let mut actions = vec!["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"];
    actions.extend(scoped.since(1, 15).then_some("ec2:RebootInstances"));
    let statement =
        Grant::new("AllowScopedDeletion", actions, ["instance", "launch-template"].map(|kind| any(scoped, kind)));
    scoped.owning(statement).when("StringLike", format!("aws:ResourceTag/{NODEPOOL}"), ["*"])
}

fn reading(scoped: Scoped<'_>) -> Grant {
    let mut actions = vec![
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSpotPriceHistory",
        "ec2:DescribeSubnets",
    ];
    actions.extend((!scoped.since(1, 1)).then_some("ec2:DescribeAvailabilityZones"));
    actions.extend(scoped.since(1, 3).then_some("ec2:DescribeCapacityReservations"));
    actions.extend(scoped.since(1, 11).then_some("ec2:DescribePlacementGroups"));
    actions.extend(scoped.since(1, 12).then_some("ec2:DescribeInstanceStatus"));
    Grant::new("AllowRegionalReadActions", actions, ["*"]).when(
        "StringEquals",
        "aws:RequestedRegion",
        [scoped.place.scope.region.as_str()],
    )
}

/// Images and snapshots, which have no account in their ARN, and all of these kinds: a shared VPC's are of another
/// account.
fn with_images(scoped: Scoped<'_>, kinds: &[&str]) -> Vec<String> {
    let (partition, region) = (scoped.place.scope.partition.name(), &scoped.place.scope.region);
    let images = ["image", "snapshot"].map(|kind| format!("arn:{partition}:ec2:{region}::{kind}/*"));
    images.into_iter().chain(kinds.iter().map(|kind| any(scoped, kind))).collect()
}

/// All of one kind in the region.
fn any(scoped: Scoped<'_>, kind: &str) -> String {
    format!("arn:{}:ec2:{}:*:{kind}/*", scoped.place.scope.partition.name(), scoped.place.scope.region)
}
