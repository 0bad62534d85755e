//! The controller's permissions where no Karpenter version is named.

use super::statement::Statement;
use super::{PASS_ROLE, Place};

/// What the controller may do on any resource.
const ACTIONS: [&str; 16] = [
    "ssm:GetParameter",
    "ec2:DescribeImages",
    "ec2:RunInstances",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeAvailabilityZones",
    "ec2:DeleteLaunchTemplate",
    "ec2:CreateTags",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateFleet",
    "ec2:DescribeSpotPriceHistory",
    "pricing:GetProducts",
];

/// The four statements.
pub(super) fn statements(place: &Place<'_>) -> Vec<Statement> {
    vec![
        Statement::new("Karpenter", ACTIONS, ["*"]),
        Statement::new("ConditionalEC2Termination", ["ec2:TerminateInstances"], ["*"]).when(
            "StringLike",
            "ec2:ResourceTag/Name",
            ["*karpenter*"],
        ),
        Statement::new("PassNodeIAMRole", [PASS_ROLE], place.node_role_arns.iter().cloned()),
        Statement::new(
            "EKSClusterEndpointLookup",
            ["eks:DescribeCluster"],
            [place.scope.cluster_arn(place.cluster_name)],
        ),
    ]
}
