//! The confused deputy problem (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
//!
//! Any user who may create a stack can have the function act for them. These tests evaluate the permissions of
//! `function.yaml` with an IAM simulator of another project: requests within the bounds are allowed, all others denied.

use std::collections::BTreeMap;

use local_cloud::{execution_role::with_pseudo_parameters, template::Template};
use policies::simulator::{ACCOUNT, Request, Verdict, verdicts};
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";
const OWNER: &str = "karpenter-prereqs/owner";

/// Parameters of `function.yaml`: the bounds within which stacks may act.
const BOUNDS: [(&str, &str); 7] = [
    ("NamePrefix", "Karpenter"),
    ("RolePath", "/karpenter/"),
    ("AttachablePolicyArns", "arn:aws:iam::111122223333:policy/nodes/*"),
    ("PermissionsBoundary", "arn:aws:iam::111122223333:policy/boundary"),
    ("NodeRoleArns", "arn:aws:iam::111122223333:role/platform/nodes"),
    ("DiscoveryTagKeys", "karpenter.sh/discovery"),
    ("KubernetesRoleArns", "arn:aws:iam::111122223333:role/aws-auth-editor"),
];

/// A request: the action, the resource, and the condition keys that IAM sees.
type IamRequest<'a> = (&'static str, String, Vec<(&'a str, Value)>);

fn iam(resource: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{resource}")
}

fn eks(resource: &str) -> String {
    format!("arn:aws:eks:{REGION}:{ACCOUNT}:{resource}")
}

/// Returns an EC2 ARN in another account, which shares its subnets.
fn ec2(resource: &str) -> String {
    format!("arn:aws:ec2:{REGION}:444455556666:{resource}")
}

/// Returns whether the policies of `function.yaml`, with [`BOUNDS`], allow each request.
fn evaluate(requests: &[IamRequest<'_>]) -> Vec<Verdict> {
    let template = Template::read("function.yaml").unwrap();
    let policies = template.policies(&with_pseudo_parameters(template.values(&BOUNDS), ACCOUNT, REGION));
    let statements: Vec<_> = policies.values().flat_map(|document| document["Statement"].as_array().unwrap()).collect();
    let policies = BTreeMap::from([("all".to_owned(), json!({"Version": "2012-10-17", "Statement": statements}))]);
    let requests: Vec<_> = requests
        .iter()
        .map(|(action, resource, keys)| {
            let context = keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            ("all".to_owned(), Request { action, resource: resource.clone(), context })
        })
        .collect();
    verdicts(&policies, &requests)
}

#[test]
fn requests_within_bounds_are_allowed() {
    let owned = || vec![("aws:ResourceTag/karpenter-prereqs/owner", json!("arn"))];
    let (role, profile) =
        (iam("role/karpenter/KarpenterNodeRole-demo"), iam("instance-profile/karpenter/KarpenterNode-demo"));
    let boundary = ("iam:PermissionsBoundary", json!(iam("policy/boundary")));
    let with_owner = ("aws:RequestTag/karpenter-prereqs/owner", json!("arn"));
    let entry = eks("access-entry/demo/role/111122223333/KarpenterNodeRole-demo/1a2b");
    let linux = ("eks:accessEntryType", json!("EC2_LINUX"));
    let requests: Vec<IamRequest<'_>> = vec![
        ("iam:CreateRole", role.clone(), vec![with_owner.clone(), boundary.clone(), ("aws:TagKeys", json!([OWNER]))]),
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
        (
            "eks:CreateAccessEntry",
            eks("cluster/demo"),
            vec![with_owner, linux.clone(), ("aws:TagKeys", json!([OWNER]))],
        ),
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
    for (request, verdict) in requests.iter().zip(evaluate(&requests)) {
        assert_eq!(verdict, Verdict::Allowed, "{request:?}");
    }
}

#[test]
fn requests_outside_bounds_are_denied() {
    let owned = || vec![("aws:ResourceTag/karpenter-prereqs/owner", json!("arn"))];
    let role = || iam("role/karpenter/KarpenterNodeRole-demo");
    let own_role = || iam("role/karpenter-prereqs-ExecutionRole-1A2B3C4D5E6F");
    let boundary = || ("iam:PermissionsBoundary", json!(iam("policy/boundary")));
    let with_owner = || ("aws:RequestTag/karpenter-prereqs/owner", json!("arn"));
    let tags = |keys: &[&str]| vec![("aws:TagKeys", json!(keys))];
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let entry = || eks("access-entry/demo/role/111122223333/admin/1a2b");
    let linux = || ("eks:accessEntryType", json!("EC2_LINUX"));
    let standard = || ("eks:accessEntryType", json!("STANDARD"));
    let requests: Vec<IamRequest<'_>> = vec![
        // Roles with other names or paths, without the owner tag, without the boundary, or with other policies.
        ("iam:CreateRole", iam("role/karpenter/admin"), vec![with_owner(), boundary()]),
        ("iam:CreateRole", iam("role/KarpenterNodeRole-demo"), vec![with_owner(), boundary()]),
        ("iam:CreateRole", role(), vec![boundary()]),
        ("iam:CreateRole", role(), vec![with_owner()]),
        ("iam:CreateRole", role(), vec![with_owner(), ("iam:PermissionsBoundary", json!(admin))]),
        ("iam:PutRolePermissionsBoundary", role(), vec![("iam:PermissionsBoundary", json!(admin))]),
        ("iam:DeleteRolePermissionsBoundary", role(), vec![boundary()]),
        ("iam:AttachRolePolicy", role(), vec![("iam:PolicyARN", json!(admin))]),
        ("iam:PutRolePolicy", iam("role/admin"), vec![]),
        ("iam:UpdateAssumeRolePolicy", iam("role/admin"), vec![]),
        ("iam:DeleteRole", role(), vec![]),
        ("iam:DeleteRole", iam("role/admin"), owned()),
        ("iam:CreateUser", iam("user/karpenter/KarpenterUser"), vec![]),
        ("iam:CreateAccessKey", iam("user/admin"), vec![]),
        // A node role may only be passed to EC2 and EKS, and other roles to no service.
        ("iam:PassRole", role(), vec![("iam:PassedToService", json!("lambda.amazonaws.com"))]),
        ("iam:PassRole", iam("role/admin"), vec![("iam:PassedToService", json!("ec2.amazonaws.com"))]),
        ("iam:PassRole", iam("role/platform/nodes"), vec![("iam:PassedToService", json!("pods.eks.amazonaws.com"))]),
        // The function's own execution role.
        ("iam:AttachRolePolicy", own_role(), vec![("iam:PolicyARN", json!(iam("policy/nodes/logs")))]),
        ("iam:PutRolePolicy", own_role(), vec![]),
        ("iam:UpdateAssumeRolePolicy", own_role(), vec![]),
        ("iam:DeleteRole", own_role(), owned()),
        // Instance profiles that neither the function nor Karpenter created.
        ("iam:DeleteInstanceProfile", iam("instance-profile/karpenter/KarpenterNode-demo"), vec![]),
        ("iam:DeleteInstanceProfile", iam("instance-profile/web"), owned()),
        ("iam:AddRoleToInstanceProfile", iam("instance-profile/web"), vec![]),
        // Access to a cluster for anything else than a node.
        ("eks:CreateAccessEntry", eks("cluster/demo"), vec![with_owner(), standard()]),
        ("eks:CreateAccessEntry", eks("cluster/demo"), vec![linux()]),
        ("eks:AssociateAccessPolicy", entry(), vec![linux()]),
        ("eks:UpdateAccessEntry", entry(), vec![linux()]),
        ("eks:DeleteAccessEntry", entry(), [owned(), vec![standard()]].concat()),
        ("eks:DeleteAccessEntry", entry(), vec![linux()]),
        ("eks:TagResource", entry(), [tags(&[OWNER]), vec![standard()]].concat()),
        ("eks:DeletePodIdentityAssociation", eks("podidentityassociation/demo/a-1"), vec![]),
        ("eks:UpdateClusterConfig", eks("cluster/demo"), vec![]),
        ("eks:DeleteCluster", eks("cluster/demo"), vec![]),
        // Tags with other keys, tags on other resources, and the deletion of all tags.
        ("ec2:CreateTags", ec2("subnet/subnet-1"), tags(&["kubernetes.io/role/elb"])),
        ("ec2:CreateTags", ec2("subnet/subnet-1"), tags(&["karpenter.sh/discovery", "Name"])),
        ("ec2:CreateTags", ec2("subnet/subnet-1"), vec![]),
        ("ec2:CreateTags", ec2("instance/i-1"), tags(&["karpenter.sh/discovery"])),
        ("ec2:DeleteTags", ec2("subnet/subnet-1"), tags(&["karpenter.sh/discovery"])),
        ("ec2:DeleteTags", ec2("subnet/subnet-1"), vec![]),
        ("ec2:RunInstances", ec2("instance/i-1"), vec![]),
        // Other roles, OIDC providers, stacks and data.
        ("sts:AssumeRole", iam("role/admin"), vec![]),
        ("iam:DeleteOpenIDConnectProvider", iam("oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0"), vec![]),
        ("iam:CreateOpenIDConnectProvider", iam("oidc-provider/example.org"), vec![]),
        ("cloudformation:DeleteStack", format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/s/1"), vec![]),
        ("s3:GetObject", "arn:aws:s3:::artifacts/key".to_owned(), vec![]),
    ];
    for (request, verdict) in requests.iter().zip(evaluate(&requests)) {
        assert_ne!(verdict, Verdict::Allowed, "{request:?}");
    }
}
