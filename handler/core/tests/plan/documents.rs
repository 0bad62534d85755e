//! The literal documents and tags of the created objects.

use crate::generators::plain;
use crate::harness::{Resource, Run};
use crate::model::World;
use crate::properties::{STACK, spec_of};
use karpenter_prereqs_core::observed::Role;
use serde_json::{Value, json};

fn create(raw: Value) -> World {
    Resource::new(STACK, "Prereqs").reconcile(&plain(), &spec_of(raw), None, Run::complete(&[])).unwrap()
}

fn role<'a>(world: &'a World, name: &str) -> &'a Role {
    world.role(name).unwrap_or_else(|| panic!("no role {name}"))
}

#[test]
fn controller_role_has_exact_baseline_policy() {
    let world = create(json!({}));
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Karpenter",
                "Effect": "Allow",
                "Action": [
                    "ssm:GetParameter", "ec2:DescribeImages", "ec2:RunInstances", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups",
                    "ec2:DescribeLaunchTemplates", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:DescribeInstanceTypeOfferings",
                    "ec2:DescribeAvailabilityZones", "ec2:DeleteLaunchTemplate", "ec2:CreateTags", "ec2:CreateLaunchTemplate",
                    "ec2:CreateFleet", "ec2:DescribeSpotPriceHistory", "pricing:GetProducts",
                ],
                "Resource": "*",
            },
            {
                "Sid": "ConditionalEC2Termination",
                "Effect": "Allow",
                "Action": "ec2:TerminateInstances",
                "Resource": "*",
                "Condition": {"StringLike": {"ec2:ResourceTag/Name": "*karpenter*"}},
            },
            {
                "Sid": "PassNodeIAMRole",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo",
            },
            {
                "Sid": "EKSClusterEndpointLookup",
                "Effect": "Allow",
                "Action": "eks:DescribeCluster",
                "Resource": "arn:aws:eks:eu-west-1:111122223333:cluster/demo",
            },
        ],
    });
    let controller = role(&world, "KarpenterControllerRole-demo");
    assert_eq!(controller.inline["KarpenterControllerPolicy-demo"], Some(expected));
    assert!(controller.attached.is_empty());
}

#[test]
fn controller_role_trusts_one_service_account() {
    let world = create(json!({"Namespace": "kube-system", "ServiceAccount": "controller"}));
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/demo"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "oidc.eks.eu-west-1.amazonaws.com/id/demo:aud": "sts.amazonaws.com",
                "oidc.eks.eu-west-1.amazonaws.com/id/demo:sub": "system:serviceaccount:kube-system:controller",
            }},
        }],
    });
    assert_eq!(role(&world, "KarpenterControllerRole-demo").trust, expected);
}

#[test]
fn node_role_trusts_ec2_and_is_in_its_profile() {
    let world = create(json!({"NodePolicyArns": ["arn:aws:iam::aws:policy/Further"]}));
    let node = role(&world, "KarpenterNodeRole-demo");
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    assert_eq!(node.trust, expected);
    let attached: Vec<_> = node.attached.iter().map(|arn| arn.trim_start_matches("arn:aws:iam::aws:policy/")).collect();
    assert_eq!(
        attached,
        [
            "AmazonEC2ContainerRegistryReadOnly",
            "AmazonEKSWorkerNodePolicy",
            "AmazonEKS_CNI_Policy",
            "AmazonSSMManagedInstanceCore",
            "Further"
        ]
    );
    assert_eq!(world.profiles["karpenternodeinstanceprofile-demo"].roles, ["KarpenterNodeRole-demo"]);
}

/// The call that creates an object also creates its owner tag and marker, so they exist from the first moment.
#[test]
fn created_objects_have_owner_tag_and_marker() {
    let world = create(json!({"Tags": {"team": "a"}}));
    let generation = Resource::new(STACK, "Prereqs").generation(&spec_of(json!({})));
    let (marker, id) = (generation.marker().key().to_owned(), generation.physical_resource_id());
    let tags = |value: &str| json!({"karpenter-prereqs/owner": format!("{STACK}/Prereqs"), marker.as_str(): value, "team": "a"});
    // The markers of node role and profile also record that aws-auth may have an entry.
    let marker_value = format!("{id} aws-auth");
    assert_eq!(json!(role(&world, "KarpenterNodeRole-demo").tags), tags(&marker_value));
    assert_eq!(
        json!(role(&world, "KarpenterControllerRole-demo").tags),
        tags("arn:aws:iam::111122223333:role/KarpenterNodeRole-demo")
    );
    assert_eq!(json!(world.profiles["karpenternodeinstanceprofile-demo"].tags), tags(&marker_value));
    let subnet = json!({"Name": "subnet-0000000a", "karpenter.sh/discovery": "demo", marker.as_str(): "karpenter.sh/discovery=demo"});
    assert_eq!(json!(world.resources["subnet-0000000a"]), subnet);
    let annotations = &world.clusters["demo"].aws_auth.as_ref().unwrap().annotations;
    assert_eq!(json!(annotations), json!({marker.as_str(): "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo"}));
}
