//! The controller's permissions for Karpenter 0.32 and later, which are limited by tags. Each version gets the permissions of its
//! own guide (<https://karpenter.sh/docs/reference/cloudformation/>, and the same page of each version).
//!
//! Karpenter tags each EC2 resource that it creates for a cluster with `kubernetes.io/cluster/<cluster>` = `owned` and
//! `karpenter.sh/nodepool`. It tags each instance profile with the first tag, the region and the EC2NodeClass. It may create
//! resources only with these tags, and change or delete only resources that have them.

mod ec2;
mod iam;

use super::PolicyResources;
use super::grant::Grant;
use crate::identity::karpenter_version::Minor;

/// The arguments of all statements: a Karpenter version, and the resources to which the permissions apply.
#[derive(Clone, Copy)]
struct Scoped<'a> {
    resources: &'a PolicyResources<'a>,
    version: Minor,
}

/// Returns the statements of one version.
pub(super) fn statements(resources: &PolicyResources<'_>, version: Minor) -> Vec<Grant> {
    let scoped = Scoped { resources, version };
    let mut statements = ec2::statements(scoped);
    statements.extend(iam::statements(scoped));
    statements.extend(other_services(scoped));
    statements
}

impl Scoped<'_> {
    /// Returns whether the version is this one or a later one.
    fn since(self, major: u32, minor: u32) -> bool {
        Minor(major, minor) <= self.version
    }

    /// Returns the condition key of the cluster tag, whose value is `owned`. `source` is `RequestTag` or `ResourceTag`.
    fn cluster_key(self, source: &str) -> String {
        format!("aws:{source}/kubernetes.io/cluster/{}", self.resources.cluster_name)
    }

    /// Limits a statement to requests with the cluster tag, and since 1.0 also with EKS's tag of the cluster name.
    fn with_request_tags(self, statement: Grant) -> Grant {
        let statement = statement.when("StringEquals", self.cluster_key("RequestTag"), ["owned"]);
        if self.since(1, 0) {
            statement.when("StringEquals", "aws:RequestTag/eks:eks-cluster-name", [self.resources.cluster_name])
        } else {
            statement
        }
    }

    /// Limits a statement to resources that have the cluster tag.
    fn with_resource_tags(self, statement: Grant) -> Grant {
        statement.when("StringEquals", self.cluster_key("ResourceTag"), ["owned"])
    }
}

/// Returns the statements on services other than EC2 and IAM.
fn other_services(scoped: Scoped<'_>) -> Vec<Grant> {
    let (scope, cluster_arn) =
        (scoped.resources.scope, scoped.resources.scope.cluster_arn(scoped.resources.cluster_name));
    let parameters = format!("arn:{}:ssm:{}::parameter/aws/service/*", scope.partition.name(), scope.region);
    let mut statements = vec![
        Grant::new("AllowSSMReadActions", ["ssm:GetParameter"], [parameters]),
        Grant::new("AllowPricingReadActions", ["pricing:GetProducts"], ["*"]),
        Grant::new("AllowAPIServerEndpointDiscovery", ["eks:DescribeCluster"], [cluster_arn.clone()]),
    ];
    if scoped.since(1, 12) {
        // The call has the cluster only in a condition key. The guide of 1.12 had it as Resource, which never matches
        // (https://github.com/aws/karpenter-provider-aws/pull/9123).
        statements.push(
            Grant::new("AllowZonalShiftStatusReadOnly", ["arc-zonal-shift:GetManagedResource"], ["*"]).when(
                "StringEquals",
                "arc-zonal-shift:ResourceIdentifier",
                [cluster_arn],
            ),
        );
    }
    statements
}
