//! The controller's permissions in EC2.

use super::Scoped;
use crate::documents::policy::grant::Grant;

const NODEPOOL: &str = "karpenter.sh/nodepool";

pub(super) fn statements(scoped: Scoped<'_>) -> Vec<Grant> {
    let mut statements = launch_statements(scoped);
    statements.extend(create_statements(scoped));
    statements.extend([tag_statement(scoped), delete_statement(scoped), read_statement(scoped)]);
    statements
}

/// Returns the permissions on existing resources that a launch uses, such as subnets and images.
fn launch_statements(scoped: Scoped<'_>) -> Vec<Grant> {
    const LAUNCH: [&str; 2] = ["ec2:RunInstances", "ec2:CreateFleet"];
    let mut kinds = vec!["security-group", "subnet"];
    if scoped.since(0, 34) {
        kinds.extend(scoped.since(1, 3).then_some("capacity-reservation"));
        kinds.extend(scoped.since(1, 11).then_some("placement-group"));
        let templates =
            Grant::new("AllowScopedEC2LaunchTemplateAccessActions", LAUNCH, [any(scoped, "launch-template")]);
        vec![
            Grant::new("AllowScopedEC2InstanceAccessActions", LAUNCH, with_images(scoped, &kinds)),
            scoped.with_resource_tags(templates).when("StringLike", format!("aws:ResourceTag/{NODEPOOL}"), ["*"]),
        ]
    } else {
        kinds.extend((!scoped.since(0, 33)).then_some("spot-instances-request"));
        kinds.push("launch-template");
        vec![Grant::new("AllowScopedEC2InstanceActions", LAUNCH, with_images(scoped, &kinds))]
    }
}

/// Returns the permissions to create resources, and to tag them at their creation, with the tags of this cluster.
fn create_statements(scoped: Scoped<'_>) -> [Grant; 2] {
    let created = || {
        let mut kinds = vec!["fleet", "instance", "volume", "network-interface", "launch-template"];
        kinds.extend(scoped.since(0, 33).then_some("spot-instances-request"));
        kinds
    };
    let all = |kinds: Vec<&str>| kinds.into_iter().map(|kind| any(scoped, kind)).collect::<Vec<_>>();
    let mut launched = created();
    launched.extend((scoped.since(1, 3) && !scoped.since(1, 9)).then_some("capacity-reservation"));
    let launching = Grant::new(
        "AllowScopedEC2InstanceActionsWithTags",
        ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
        all(launched),
    );
    let tagging = Grant::new("AllowScopedResourceCreationTagging", ["ec2:CreateTags"], all(created())).when(
        "StringEquals",
        "ec2:CreateAction",
        ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
    );
    let with_nodepool = |statement: Grant| statement.when("StringLike", format!("aws:RequestTag/{NODEPOOL}"), ["*"]);
    [launching, tagging].map(|statement| with_nodepool(scoped.with_request_tags(statement)))
}

/// Returns the permission to tag a running instance. Karpenter adds its name and its NodeClaim after the launch.
fn tag_statement(scoped: Scoped<'_>) -> Grant {
    let mut keys = vec!["karpenter.sh/nodeclaim", "Name"];
    let statement = Grant::new("AllowScopedResourceTagging", ["ec2:CreateTags"], [any(scoped, "instance")]);
    let mut statement =
        scoped.with_resource_tags(statement).when("StringLike", format!("aws:ResourceTag/{NODEPOOL}"), ["*"]);
    if scoped.since(1, 0) {
        keys.push("eks:eks-cluster-name");
        statement = statement.when(
            "StringEqualsIfExists",
            "aws:RequestTag/eks:eks-cluster-name",
            [scoped.resources.cluster_name],
        );
    }
    statement.when("ForAllValues:StringEquals", "aws:TagKeys", keys)
}

fn delete_statement(scoped: Scoped<'_>) -> Grant {
    let mut actions = vec!["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"];
    actions.extend(scoped.since(1, 15).then_some("ec2:RebootInstances"));
    let statement =
        Grant::new("AllowScopedDeletion", actions, ["instance", "launch-template"].map(|kind| any(scoped, kind)));
    scoped.with_resource_tags(statement).when("StringLike", format!("aws:ResourceTag/{NODEPOOL}"), ["*"])
}

fn read_statement(scoped: Scoped<'_>) -> Grant {
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
        [scoped.resources.scope.region.as_str()],
    )
}

/// Returns the ARNs of all images and snapshots, which have no account, and of all resources of these kinds in any account. The
/// subnets and security groups of a shared VPC belong to another account.
fn with_images(scoped: Scoped<'_>, kinds: &[&str]) -> Vec<String> {
    let (partition, region) = (scoped.resources.scope.partition.name(), &scoped.resources.scope.region);
    let images = ["image", "snapshot"].map(|kind| format!("arn:{partition}:ec2:{region}::{kind}/*"));
    images.into_iter().chain(kinds.iter().map(|kind| any(scoped, kind))).collect()
}

/// Returns the ARN of all resources of one kind in the region, in any account.
fn any(scoped: Scoped<'_>, kind: &str) -> String {
    format!("arn:{}:ec2:{}:*:{kind}/*", scoped.resources.scope.partition.name(), scoped.resources.scope.region)
}
