//! The calls of each version of the Karpenter controller, on every kind of resource, with the values that IAM evaluates.
//!
//! Source of the calls: <https://karpenter.sh/docs/reference/cloudformation/>. Source of the resources on which IAM evaluates a
//! call: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html>.

use karpenter_prereqs_core::identity::karpenter_version::Minor;
use policies::simulator::{ACCOUNT, Request};
use serde_json::{Value, json};

/// The circumstances of the calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The cluster in the tags, and of `DescribeCluster`.
    pub(crate) cluster: &'static str,
    pub(crate) region: &'static str,
    /// Whether the resources have Karpenter's tags.
    pub(crate) is_tagged: bool,
    /// The role of the instances.
    pub(crate) node_role: &'static str,
    /// The service to which the role is passed.
    pub(crate) passed_to: &'static str,
}

/// The setting of the documents under test.
pub(crate) const OURS: Setting = Setting {
    cluster: "demo",
    region: "eu-west-1",
    is_tagged: true,
    node_role: "nodes",
    passed_to: "ec2.amazonaws.com",
};

/// Collects the calls of one controller.
struct Controller {
    version: Minor,
    at: Setting,
    requests: Vec<Request>,
}

/// Returns all calls of a controller of this version.
pub(crate) fn calls(version: Minor, at: Setting) -> Vec<Request> {
    let mut controller = Controller { version, at, requests: Vec::new() };
    controller.add_launch();
    controller.add_tagging();
    controller.add_termination();
    controller.add_instance_profiles();
    controller.add_reads();
    controller.requests
}

impl Controller {
    /// Returns whether the controller has this version or a newer one.
    fn since(&self, major: u32, minor: u32) -> bool {
        Minor(major, minor) <= self.version
    }

    fn add_launch(&mut self) {
        for action in ["ec2:RunInstances", "ec2:CreateFleet"] {
            self.call(action, self.image("image/ami-1"), []);
            self.call(action, self.ec2("subnet/subnet-1"), []);
            // Up to 0.33, a launch may use any launch template.
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
        let context = [("iam:PassedToService".to_owned(), json!(self.at.passed_to))];
        self.call("iam:PassRole", format!("arn:aws:iam::{ACCOUNT}:role/{}", self.at.node_role), context);
    }

    fn add_tagging(&mut self) {
        for (create_action, resource) in [
            ("RunInstances", "instance/i-1"),
            ("RunInstances", "volume/vol-1"),
            ("RunInstances", "network-interface/eni-1"),
            ("RunInstances", "spot-instances-request/sir-1"),
            ("CreateFleet", "fleet/fleet-1"),
            ("CreateLaunchTemplate", "launch-template/lt-1"),
        ] {
            if resource.starts_with("spot") && !self.since(0, 33) {
                continue;
            }
            let mut context = self.tags_of("RequestTag");
            context.push(("ec2:CreateAction".to_owned(), json!(create_action)));
            self.call("ec2:CreateTags", self.ec2(resource), context);
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

    fn add_termination(&mut self) {
        self.call("ec2:TerminateInstances", self.ec2("instance/i-1"), self.tags_of("ResourceTag"));
        self.call("ec2:DeleteLaunchTemplate", self.ec2("launch-template/lt-1"), self.tags_of("ResourceTag"));
        if self.since(1, 15) {
            self.call("ec2:RebootInstances", self.ec2("instance/i-1"), self.tags_of("ResourceTag"));
        }
    }

    fn add_instance_profiles(&mut self) {
        let profile = || format!("arn:aws:iam::{ACCOUNT}:instance-profile/demo_1");
        let (request_tags, resource_tags) = (self.profile_tags_of("RequestTag"), self.profile_tags_of("ResourceTag"));
        self.call("iam:CreateInstanceProfile", profile(), request_tags.clone());
        self.call("iam:TagInstanceProfile", profile(), request_tags.into_iter().chain(resource_tags.clone()));
        for action in ["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"]
        {
            self.call(action, profile(), resource_tags.clone());
        }
        self.call("iam:GetInstanceProfile", profile(), []);
        if self.since(1, 7) {
            self.call("iam:ListInstanceProfiles", "*".to_owned(), []);
        }
    }

    fn add_reads(&mut self) {
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
        actions.extend((!self.since(1, 1)).then_some("ec2:DescribeAvailabilityZones"));
        actions.extend(self.since(1, 3).then_some("ec2:DescribeCapacityReservations"));
        actions.extend(self.since(1, 11).then_some("ec2:DescribePlacementGroups"));
        actions.extend(self.since(1, 12).then_some("ec2:DescribeInstanceStatus"));
        for action in actions {
            let region = [("aws:RequestedRegion".to_owned(), json!(self.at.region))];
            self.call(action, "*".to_owned(), region);
        }
        self.call("pricing:GetProducts", "*".to_owned(), []);
        self.call("eks:DescribeCluster", self.cluster_arn(), []);
        if self.since(1, 12) {
            let context = [("arc-zonal-shift:ResourceIdentifier".to_owned(), json!(self.cluster_arn()))];
            self.call("arc-zonal-shift:GetManagedResource", "*".to_owned(), context);
        }
    }

    fn call(&mut self, action: &'static str, resource: String, context: impl IntoIterator<Item = (String, Value)>) {
        self.requests.push(Request { action, resource, context: context.into_iter().collect() });
    }

    /// Returns Karpenter's tags on EC2 resources, as the condition keys `aws:<of>/…`.
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

    /// Returns Karpenter's tags on instance profiles, in the same form.
    fn profile_tags_of(&self, of: &str) -> Vec<(String, Value)> {
        let of_ec2 = self.tags_of(of).into_iter().filter(|(key, _)| !key.ends_with("nodepool"));
        let own = [("topology.kubernetes.io/region", self.at.region), ("karpenter.k8s.aws/ec2nodeclass", "default")];
        let own = own.into_iter().filter(|_| self.at.is_tagged);
        of_ec2.chain(own.map(|(key, value)| (format!("aws:{of}/{key}"), json!(value)))).collect()
    }

    fn cluster_arn(&self) -> String {
        format!("arn:aws:eks:{}:{ACCOUNT}:cluster/{}", self.at.region, self.at.cluster)
    }

    /// Returns the ARN of an image or snapshot. It has no account, because AWS owns the resource.
    fn image(&self, kind: &str) -> String {
        format!("arn:aws:ec2:{}::{kind}", self.at.region)
    }

    fn ec2(&self, kind: &str) -> String {
        format!("arn:aws:ec2:{}:{ACCOUNT}:{kind}", self.at.region)
    }
}
