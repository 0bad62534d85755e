//! The controller's permissions for Karpenter before v0.32, which are also the default.

use super::grant::Grant;
use super::{PASS_ROLE, PolicyResources};

/// The actions on any resource.
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

/// Returns the four statements.
pub(super) fn statements(resources: &PolicyResources<'_>) -> Vec<Grant> {
    vec![
        Grant::new("Karpenter", ACTIONS, ["*"]),
        Grant::new("ConditionalEC2Termination", ["ec2:TerminateInstances"], ["*"]).when(
            "StringLike",
            "ec2:ResourceTag/Name",
            ["*karpenter*"],
        ),
        Grant::new("PassNodeIAMRole", [PASS_ROLE], resources.node_role_arns.iter().cloned()),
        Grant::new(
            "EKSClusterEndpointLookup",
            ["eks:DescribeCluster"],
            [resources.scope.cluster_arn(resources.cluster_name)],
        ),
    ]
}
