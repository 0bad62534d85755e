//! Whoever may create stacks has the function act for them: what it may do then, and what not, by the word of an IAM simulator
//! that is not ours.

use std::collections::BTreeMap;

use local_cloud::{execution_role::with_pseudo_parameters, template::Template};
use serde_json::{Value, json};
use simulator::{ACCOUNT, Request, Verdict, verdicts};

// The judge of the controller's documents.
#[path = "../../../handler/core/tests/policies/simulator.rs"]
mod simulator;

const REGION: &str = "eu-west-1";
const OWNER: &str = "karpenter-prereqs/owner";

/// What whoever deploys `function.yaml` allows stacks.
const BOUNDS: [(&str, &str); 7] = [
    ("NamePrefix", "Karpenter"),
    ("RolePath", "/karpenter/"),
    ("AttachablePolicyArns", "arn:aws:iam::111122223333:policy/nodes/*"),
    ("PermissionsBoundary", "arn:aws:iam::111122223333:policy/boundary"),
    ("NodeRoleArns", "arn:aws:iam::111122223333:role/platform/nodes"),
    ("DiscoveryTagKeys", "karpenter.sh/discovery"),
    ("KubernetesRoleArns", "arn:aws:iam::111122223333:role/aws-auth-editor"),
];

/// An action on a resource, and what IAM sees of the call besides.
type Asked<'a> = (&'static str, String, Vec<(&'a str, Value)>);

fn iam(resource: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{resource}")
}

fn eks(resource: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:{resource}")
}

/// Of an account that shares its subnets.
fn ec2(resource: &str) -> String {
    format!("arn:aws:ec2:{REGION}:444455556666:{resource}")
}

fn judged(asked: &[Asked<'_>]) -> Vec<Verdict> {
    let template = Template::read("function.yaml").unwrap();
    let policies = template.policies(&with_pseudo_parameters(template.values(&BOUNDS), ACCOUNT, REGION));
    let statements: Vec<_> = policies.values().flat_map(|document| document["Statement"].as_array().unwrap()).collect();
    let policies = BTreeMap::from([("all".to_owned(), json!({"Version": "2012-10-17", "Statement": statements}))]);
    let requests: Vec<_> = asked
        .iter()
        .map(|(action, resource, seen)| {
            let context = seen.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            ("all".to_owned(), Request { action, resource: resource.clone(), context })
        })
        .collect();
    verdicts(&policies, &requests)
}

#[test]
fn within_the_bounds_a_stack_gets_what_it_asks_for() {
    let owned = || vec![("aws:ResourceTag/karpenter-prereqs/owner", json!("arn"))];
    let (role, profile) =
        (iam("role/karpenter/KarpenterNodeRole-demo"), iam("instance-profile/karpenter/KarpenterNode-demo"));
    let boundary = ("iam:PermissionsBoundary", json!(iam("policy/boundary")));
    let made = ("aws:RequestTag/karpenter-prereqs/owner", json!("arn"));
    let entry = eks("access-entry/demo/role/111122223333/KarpenterNodeRole-demo/1a2b");
    let linux = ("eks:accessEntryType", json!("EC2_LINUX"));
    let asked: Vec<Asked<'_>> = vec![
        ("iam:CreateRole", role.clone(), vec![made.clone(), boundary.clone(), ("aws:TagKeys", json!([OWNER]))]),
        ("iam:PutRolePermissionsBoundary", role.clone(), vec![boundary]),
        (
            "iam:AttachRolePolicy",
            role.clone(),
            vec![("iam:PolicyARN", json!("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"))],
        ),
        ("iam:AttachRolePolicy", role.clone(), vec![("iam:PolicyARN", json!(iam("policy/nodes/logs")))]),
        ("iam:PassRole", role.clone(), vec![("iam:PassedToService", json!("ec2.amazonaws.com"))]),
        ("iam:PassRole", role.clone(), vec![("iam:PassedToService", json!("eks.amazonaws.com"))]),
        ("iam:PassRole", role.clone(), vec![("iam:PassedToService", json!("pods.eks.amazonaws.com"))]),
        ("iam:PassRole", iam("role/platform/nodes"), vec![("iam:PassedToService", json!("ec2.amazonaws.com"))]),
        ("iam:DeleteRole", role, owned()),
        ("iam:DeleteInstanceProfile", profile, owned()),
        (
            "iam:DeleteInstanceProfile",
            iam("instance-profile/demo_1234"),
            vec![("aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass", json!("default"))],
        ),
        ("eks:CreateAccessEntry", eks("cluster/demo"), vec![made, linux.clone(), ("aws:TagKeys", json!([OWNER]))]),
        ("eks:DeleteAccessEntry", entry, [owned(), vec![linux]].concat()),
        (
            "ec2:CreateTags",
            ec2("subnet/subnet-1"),
            vec![("aws:TagKeys", json!(["karpenter.sh/discovery", "karpenter-prereqs/1a"]))],
        ),
        (
            "ec2:DeleteTags",
            ec2("subnet/subnet-1"),
            vec![("aws:TagKeys", json!(["karpenter.sh/discovery", "karpenter-prereqs/1a"]))],
        ),
        ("sts:AssumeRole", iam("role/aws-auth-editor"), vec![]),
    ];
    for (asked, verdict) in asked.iter().zip(judged(&asked)) {
        assert_eq!(verdict, Verdict::Allowed, "{asked:?}");
    }
}

#[test]
fn outside_them_it_gets_nothing() {
    let owned = || vec![("aws:ResourceTag/karpenter-prereqs/owner", json!("arn"))];
    let role = || iam("role/karpenter/KarpenterNodeRole-demo");
    let itself = || iam("role/karpenter-prereqs-ExecutionRole-1A2B3C4D5E6F");
    let boundary = || ("iam:PermissionsBoundary", json!(iam("policy/boundary")));
    let made = || ("aws:RequestTag/karpenter-prereqs/owner", json!("arn"));
    let tags = |keys: &[&str]| vec![("aws:TagKeys", json!(keys))];
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let entry = || eks("access-entry/demo/role/111122223333/admin/1a2b");
    let linux = || ("eks:accessEntryType", json!("EC2_LINUX"));
    let standard = || ("eks:accessEntryType", json!("STANDARD"));
    let asked: Vec<Asked<'_>> = vec![
        // Roles: of other names and paths, without the owner tag, without the boundary, with more policies.
        ("iam:CreateRole", iam("role/karpenter/admin"), vec![made(), boundary()]),
        ("iam:CreateRole", iam("role/KarpenterNodeRole-demo"), vec![made(), boundary()]),
        ("iam:CreateRole", role(), vec![boundary()]),
        ("iam:CreateRole", role(), vec![made()]),
        ("iam:CreateRole", role(), vec![made(), ("iam:PermissionsBoundary", json!(admin))]),
        ("iam:PutRolePermissionsBoundary", role(), vec![("iam:PermissionsBoundary", json!(admin))]),
        ("iam:DeleteRolePermissionsBoundary", role(), vec![boundary()]),
        ("iam:AttachRolePolicy", role(), vec![("iam:PolicyARN", json!(admin))]),
        ("iam:PutRolePolicy", iam("role/admin"), vec![]),
        ("iam:UpdateAssumeRolePolicy", iam("role/admin"), vec![]),
        ("iam:DeleteRole", role(), vec![]),
        ("iam:DeleteRole", iam("role/admin"), owned()),
        ("iam:CreateUser", iam("user/karpenter/KarpenterUser"), vec![]),
        ("iam:CreateAccessKey", iam("user/admin"), vec![]),
        // A node role is handed to EC2 and EKS, nobody else's role to anybody.
        ("iam:PassRole", role(), vec![("iam:PassedToService", json!("lambda.amazonaws.com"))]),
        ("iam:PassRole", iam("role/admin"), vec![("iam:PassedToService", json!("ec2.amazonaws.com"))]),
        ("iam:PassRole", iam("role/platform/nodes"), vec![("iam:PassedToService", json!("pods.eks.amazonaws.com"))]),
        // Its own role.
        ("iam:AttachRolePolicy", itself(), vec![("iam:PolicyARN", json!(iam("policy/nodes/logs")))]),
        ("iam:PutRolePolicy", itself(), vec![]),
        ("iam:UpdateAssumeRolePolicy", itself(), vec![]),
        ("iam:DeleteRole", itself(), owned()),
        // Profiles that are neither its own nor Karpenter's.
        ("iam:DeleteInstanceProfile", iam("instance-profile/karpenter/KarpenterNode-demo"), vec![]),
        ("iam:DeleteInstanceProfile", iam("instance-profile/web"), owned()),
        ("iam:AddRoleToInstanceProfile", iam("instance-profile/web"), vec![]),
        // Nobody gets into a cluster by it but a node.
        ("eks:CreateAccessEntry", eks("cluster/demo"), vec![made(), standard()]),
        ("eks:CreateAccessEntry", eks("cluster/demo"), vec![linux()]),
        ("eks:AssociateAccessPolicy", entry(), vec![linux()]),
        ("eks:UpdateAccessEntry", entry(), vec![linux()]),
        ("eks:DeleteAccessEntry", entry(), [owned(), vec![standard()]].concat()),
        ("eks:DeleteAccessEntry", entry(), vec![linux()]),
        ("eks:TagResource", entry(), [tags(&[OWNER]), vec![standard()]].concat()),
        ("eks:DeletePodIdentityAssociation", eks("podidentityassociation/demo/a-1"), vec![]),
        ("eks:UpdateClusterConfig", eks("cluster/demo"), vec![]),
        ("eks:DeleteCluster", eks("cluster/demo"), vec![]),
        // Tags: of other keys, of other things, or all of them.
        ("ec2:CreateTags", ec2("subnet/subnet-1"), tags(&["kubernetes.io/role/elb"])),
        ("ec2:CreateTags", ec2("subnet/subnet-1"), tags(&["karpenter.sh/discovery", "Name"])),
        ("ec2:CreateTags", ec2("subnet/subnet-1"), vec![]),
        ("ec2:CreateTags", ec2("instance/i-1"), tags(&["karpenter.sh/discovery"])),
        ("ec2:DeleteTags", ec2("subnet/subnet-1"), tags(&["karpenter.sh/discovery"])),
        ("ec2:DeleteTags", ec2("subnet/subnet-1"), vec![]),
        ("ec2:RunInstances", ec2("instance/i-1"), vec![]),
        // Other roles, stacks and data.
        ("sts:AssumeRole", iam("role/admin"), vec![]),
        ("iam:DeleteOpenIDConnectProvider", iam("oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0"), vec![]),
        ("iam:CreateOpenIDConnectProvider", iam("oidc-provider/example.org"), vec![]),
        ("cloudformation:DeleteStack", format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/s/1"), vec![]),
        ("s3:GetObject", "arn:aws:s3:::artifacts/key".to_owned(), vec![]),
    ];
    for (asked, verdict) in asked.iter().zip(judged(&asked)) {
        assert_ne!(verdict, Verdict::Allowed, "{asked:?}");
    }
}
