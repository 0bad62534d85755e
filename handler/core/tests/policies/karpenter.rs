//! What a controller does, release by release: every call on every kind of resource, with what IAM sees of it.
//!
//! Karpenter's own pages say which (<https://karpenter.sh/docs/reference/cloudformation/>), EC2's which resources a call
//! is judged on (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>).

use crate::simulator::{ACCOUNT, Request};
use karpenter_prereqs_core::identity::karpenter_version::Minor;
use serde_json::{Value, json};

/// For whom a controller does it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The cluster that the tags name, and that is described.
    pub(crate) cluster: &'static str,
    pub(crate) region: &'static str,
    /// Whether what is made and used carries Karpenter's tags.
    pub(crate) is_tagged: bool,
    /// The role that instances get.
    pub(crate) node_role: &'static str,
    /// The service that the role is passed to.
    pub(crate) passed_to: &'static str,
}

/// What the documents under test are made for.
pub(crate) const OURS: Setting = Setting {
    cluster: "demo",
    region: "eu-west-1",
    is_tagged: true,
    node_role: "nodes",
    passed_to: "ec2.amazonaws.com",
};

/// A controller at work.
struct Controller {
    release: Minor,
    at: Setting,
    requests: Vec<Request>,
}

/// All that a controller of this release does.
pub(crate) fn calls(release: Minor, at: Setting) -> Vec<Request> {
    let mut controller = Controller { release, at, requests: Vec::new() };
    controller.launches();
    controller.tags();
    controller.ends();
    controller.keeps_profiles();
    controller.reads();
    controller.requests
}

impl Controller {
    fn since(&self, major: u32, minor: u32) -> bool {
        Minor(major, minor) <= self.release
    }

    fn launches(&mut self) {
        for action in ["ec2:RunInstances", "ec2:CreateFleet"] {
            self.call(action, self.image("image/ami-1"), []);
            self.call(action, self.ec2("subnet/subnet-1"), []);
            // Through 0.33 a launch may use any launch template.
            let tags = if self.since(0, 34) { self.tags_of("ResourceTag") } else { Vec::new() };
            self.call(action, self.ec2("launch-template/lt-1"), tags);
        }
        self.call("ec2:RunInstances", self.image("snapshot/snap-1"), []);
        self.call("ec2:RunInstances", self.ec2("security-group/sg-1"), []);
        if self.since(1, 3) {
            self.call("ec2:RunInstances", self.ec2("capacity-reservation/cr-1"), []);
        }
        if self.since(1, 11) {
            self.call("ec2:RunInstances", self.ec2("placement-group/pg-1"), []);
        }
        for kind in ["instance/i-1", "volume/vol-1", "network-interface/eni-1"] {
            self.call("ec2:RunInstances", self.ec2(kind), self.tags_of("RequestTag"));
        }
        self.call("ec2:CreateFleet", self.ec2("fleet/fleet-1"), self.tags_of("RequestTag"));
        self.call("ec2:CreateLaunchTemplate", self.ec2("launch-template/lt-1"), self.tags_of("RequestTag"));
        let passed = [("iam:PassedToService".to_owned(), json!(self.at.passed_to))];
        self.call("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/{}", self.at.node_role), passed);
    }

    fn tags(&mut self) {
        for (by, kind) in [
            ("RunInstances", "instance/i-1"),
            ("RunInstances", "volume/vol-1"),
            ("RunInstances", "network-interface/eni-1"),
            ("RunInstances", "spot-instances-request/sir-1"),
            ("CreateFleet", "fleet/fleet-1"),
            ("CreateLaunchTemplate", "launch-template/lt-1"),
        ] {
            if kind.starts_with("spot") && !self.since(0, 33) {
                continue;
            }
            let mut context = self.tags_of("RequestTag");
            context.push(("ec2:CreateAction".to_owned(), json!(by)));
            self.call("ec2:CreateTags", self.ec2(kind), context);
        }
        let mut keys = vec!["karpenter.sh/nodeclaim", "Name"];
        let mut context = self.tags_of("ResourceTag");
        if self.since(1, 0) {
            keys.push("eks:eks-cluster-name");
            context.push(("aws:RequestTag/eks:eks-cluster-name".to_owned(), json!(self.at.cluster)));
        }
        context.push(("aws:TagKeys".to_owned(), json!(keys)));
        self.call("ec2:CreateTags", self.ec2("instance/i-1"), context);
    }

    fn ends(&mut self) {
        self.call("ec2:TerminateInstances", self.ec2("instance/i-1"), self.tags_of("ResourceTag"));
        self.call("ec2:DeleteLaunchTemplate", self.ec2("launch-template/lt-1"), self.tags_of("ResourceTag"));
        if self.since(1, 15) {
            self.call("ec2:RebootInstances", self.ec2("instance/i-1"), self.tags_of("ResourceTag"));
        }
    }

    fn keeps_profiles(&mut self) {
        let profile = || format!("arn:aws:iam::{ACCOUNT}:instance-profile/demo_1");
        let (made, there) = (self.profile_tags_of("RequestTag"), self.profile_tags_of("ResourceTag"));
        self.call("iam:CreateInstanceProfile", profile(), made.clone());
        self.call("iam:TagInstanceProfile", profile(), made.into_iter().chain(there.clone()));
        for action in ["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"]
        {
            self.call(action, profile(), there.clone());
        }
        self.call("iam:GetInstanceProfile", profile(), []);
        if self.since(1, 7) {
            self.call("iam:ListInstanceProfiles", "*".to_owned(), []);
        }
    }

    fn reads(&mut self) {
        let mut reads = vec![
            "ec2:DescribeImages",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSpotPriceHistory",
            "ec2:DescribeSubnets",
        ];
        reads.extend((!self.since(1, 1)).then_some("ec2:DescribeAvailabilityZones"));
        reads.extend(self.since(1, 3).then_some("ec2:DescribeCapacityReservations"));
        reads.extend(self.since(1, 11).then_some("ec2:DescribePlacementGroups"));
        reads.extend(self.since(1, 12).then_some("ec2:DescribeInstanceStatus"));
        for action in reads {
            let region = [("aws:RequestedRegion".to_owned(), json!(self.at.region))];
            self.call(action, "*".to_owned(), region);
        }
        self.call("pricing:GetProducts", "*".to_owned(), []);
        self.call("eks:DescribeCluster", self.cluster_arn(), []);
        if self.since(1, 12) {
            let shifted = [("arc-zonal-shift:ResourceIdentifier".to_owned(), json!(self.cluster_arn()))];
            self.call("arc-zonal-shift:GetManagedResource", "*".to_owned(), shifted);
        }
    }

    fn call(&mut self, action: &'static str, resource: String, context: impl IntoIterator<Item = (String, Value)>) {
        self.requests.push(Request { action, resource, context: context.into_iter().collect() });
    }

    /// Karpenter's tags on what it makes in EC2, as the condition keys of `aws:<of>/…`.
    fn tags_of(&self, of: &str) -> Vec<(String, Value)> {
        if !self.at.is_tagged {
            return Vec::new();
        }
        let mut tags = vec![
            (format!("kubernetes.io/cluster/{}", self.at.cluster), json!("owned")),
            ("karpenter.sh/nodepool".to_owned(), json!("default")),
        ];
        if self.since(1, 0) {
            tags.push(("eks:eks-cluster-name".to_owned(), json!(self.at.cluster)));
        }
        tags.into_iter().map(|(key, value)| (format!("aws:{of}/{key}"), value)).collect()
    }

    /// The tags of its instance profiles.
    fn profile_tags_of(&self, of: &str) -> Vec<(String, Value)> {
        let of_ec2 = self.tags_of(of).into_iter().filter(|(key, _)| !key.ends_with("nodepool"));
        let own = [("topology.kubernetes.io/region", self.at.region), ("karpenter.k8s.aws/ec2nodeclass", "default")];
        let own = own.into_iter().filter(|_| self.at.is_tagged);
        of_ec2.chain(own.map(|(key, value)| (format!("aws:{of}/{key}"), json!(value)))).collect()
    }

    fn cluster_arn(&self) -> String {
        format!("arn:aws:eks:{}:{ACCOUNT}:cluster/{}", self.at.region, self.at.cluster)
    }

    /// What AWS owns has no account in its ARN.
    fn image(&self, kind: &str) -> String {
        format!("arn:aws:ec2:{}::{kind}", self.at.region)
    }

    fn ec2(&self, kind: &str) -> String {
        format!("arn:aws:ec2:{}:{ACCOUNT}:{kind}", self.at.region)
    }
}
