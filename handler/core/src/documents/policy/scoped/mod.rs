//! The controller's permissions since they go by tags: what each release's own guide grants
//! (<https://karpenter.sh/docs/reference/cloudformation/>, and the same page of each release).
//!
//! Everything that Karpenter makes for a cluster carries `kubernetes.io/cluster/<cluster>` = `owned` and
//! `karpenter.sh/nodepool`, and may be made with these tags alone; only what carries them may be changed or ended.

mod ec2;
mod iam;

use super::Place;
use super::grant::Grant;
use crate::identity::karpenter_version::Minor;

/// A release in its place: all that its statements are made of.
#[derive(Clone, Copy)]
struct Scoped<'a> {
    place: &'a Place<'a>,
    release: Minor,
}

/// The statements of one release.
pub(super) fn statements(place: &Place<'_>, release: Minor) -> Vec<Grant> {
    let scoped = Scoped { place, release };
    let mut statements = ec2::statements(scoped);
    statements.extend(iam::statements(scoped));
    statements.extend(elsewhere(scoped));
    statements
}

impl Scoped<'_> {
    fn since(self, major: u32, minor: u32) -> bool {
        Minor(major, minor) <= self.release
    }

    /// `aws:<of>/kubernetes.io/cluster/<cluster>`, whose value is `owned`; `of` is `RequestTag` or `ResourceTag`.
    fn cluster_key(self, of: &str) -> String {
        format!("aws:{of}/kubernetes.io/cluster/{}", self.place.cluster_name)
    }

    /// The same statement for what is made with this cluster's tag, and since 1.0 with its name in EKS's own tag.
    fn requesting(self, statement: Grant) -> Grant {
        let statement = statement.when("StringEquals", self.cluster_key("RequestTag"), ["owned"]);
        if self.since(1, 0) {
            statement.when("StringEquals", "aws:RequestTag/eks:eks-cluster-name", [self.place.cluster_name])
        } else {
            statement
        }
    }

    /// The same statement for what carries this cluster's tag.
    fn owning(self, statement: Grant) -> Grant {
        statement.when("StringEquals", self.cluster_key("ResourceTag"), ["owned"])
    }
}

/// What is neither of EC2 nor of IAM.
fn elsewhere(scoped: Scoped<'_>) -> Vec<Grant> {
    let (scope, cluster_arn) = (scoped.place.scope, scoped.place.scope.cluster_arn(scoped.place.cluster_name));
    let parameters = format!("arn:{}:ssm:{}::parameter/aws/service/*", scope.partition.name(), scope.region);
    let mut statements = vec![
        Grant::new("AllowSSMReadActions", ["ssm:GetParameter"], [parameters]),
        Grant::new("AllowPricingReadActions", ["pricing:GetProducts"], ["*"]),
        Grant::new("AllowAPIServerEndpointDiscovery", ["eks:DescribeCluster"], [cluster_arn.clone()]),
    ];
    if scoped.since(1, 12) {
        // The call names the resource in a condition key alone; 1.12's own guide had it as Resource, where it never
        // matches (https://github.com/aws/karpenter-provider-aws/pull/9123).
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
