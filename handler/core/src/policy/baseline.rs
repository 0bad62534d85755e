//! The controller's permissions where no Karpenter version is named.

use crate::names::Scope;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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

/// What the user of the baseline should know, in one line.
pub const WARNING: &str = "the baseline controller policy is of Karpenter's v1alpha5 days: a Karpenter of v0.32 or later launches nodes with it but may not terminate them (ec2:TerminateInstances wants `karpenter` in the Name tag) and is denied ec2:DescribeInstanceStatus; attach a managed policy that allows both through ControllerPolicyArns";

/// The four statements. `node_role_arns` are those of every generation on the controller role, so that none
/// loses the right to pass its own; one is written as text, several as a list.
pub fn document(scope: &Scope, cluster_name: &str, node_role_arns: &BTreeSet<String>) -> Value {
    let passable = match node_role_arns.iter().collect::<Vec<_>>().as_slice() {
        [one] => json!(one),
        several => json!(several),
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Karpenter", "Effect": "Allow", "Action": ACTIONS, "Resource": "*"},
            {
                "Sid": "ConditionalEC2Termination",
                "Effect": "Allow",
                "Action": "ec2:TerminateInstances",
                "Resource": "*",
                "Condition": {"StringLike": {"ec2:ResourceTag/Name": "*karpenter*"}},
            },
            {"Sid": "PassNodeIAMRole", "Effect": "Allow", "Action": "iam:PassRole", "Resource": passable},
            {
                "Sid": "EKSClusterEndpointLookup",
                "Effect": "Allow",
                "Action": "eks:DescribeCluster",
                "Resource": scope.cluster_arn(cluster_name),
            },
        ],
    })
}
