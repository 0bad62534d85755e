"""The two roles and the instance profile."""

import json

NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonSSMManagedInstanceCore",
)

CONTROLLER_ACTIONS = [
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
]


def ensure_role(iam, name, trust):
    """Makes the role, or gives one that is there this trust."""
    text = json.dumps(trust)
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)


def attach(iam, role, policy_arns):
    """Attaches managed policies. IAM takes one that is attached already."""
    for policy_arn in policy_arns:
        iam.attach_role_policy(RoleName=role, PolicyArn=policy_arn)


def detach(iam, role, policy_arns):
    """Detaches managed policies, if they are attached."""
    for policy_arn in policy_arns:
        try:
            iam.detach_role_policy(RoleName=role, PolicyArn=policy_arn)
        except iam.exceptions.NoSuchEntityException:
            pass


def put_policy(iam, role, name, document):
    """Writes an inline policy."""
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def ensure_instance_profile(iam, name, role):
    """Makes the profile if it is missing, and puts the role into it. Gives its ARN."""
    try:
        profile = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    except iam.exceptions.EntityAlreadyExistsException:
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    # A profile holds one role at most, so that adding one that is there is refused.
    if role not in [held["RoleName"] for held in profile["Roles"]]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return profile["Arn"]


def delete_instance_profile(iam, name, role):
    """Takes the role out of the profile and deletes it."""
    try:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    except iam.exceptions.NoSuchEntityException:
        pass
    try:
        iam.delete_instance_profile(InstanceProfileName=name)
    except iam.exceptions.NoSuchEntityException:
        pass


def delete_role(iam, name):
    """Deletes a role with its policies, which IAM asks to be taken away first."""
    try:
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
            detach(iam, name, [policy["PolicyArn"] for policy in page["AttachedPolicies"]])
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
            for policy in page["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        pass


def node_policy_arns(cluster):
    """The managed policies that every node needs."""
    partition = place(cluster)[0]
    return [f"arn:{partition}:iam::aws:policy/{name}" for name in NODE_POLICIES]


def node_trust():
    """Instances may assume the node role."""
    principal = {"Service": "ec2.amazonaws.com"}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def controller_trust(cluster, settings):
    """Karpenter's service account alone may assume the controller role, through the cluster's OIDC issuer."""
    partition, _region, account = place(cluster)
    issuer = cluster["identity"]["oidc"]["issuer"].split("://", 1)[1]
    subject = f"system:serviceaccount:{settings.namespace}:{settings.service_account}"
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:{partition}:iam::{account}:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}},
        }
    )


def controller_policy(cluster, node_role_arn):
    """What the controller may do: the baseline's four statements."""
    return document(
        {"Sid": "Karpenter", "Effect": "Allow", "Action": CONTROLLER_ACTIONS, "Resource": "*"},
        {
            "Sid": "ConditionalEC2Termination",
            "Effect": "Allow",
            "Action": "ec2:TerminateInstances",
            "Resource": "*",
            "Condition": {"StringLike": {"ec2:ResourceTag/Name": "*karpenter*"}},
        },
        {"Sid": "PassNodeIAMRole", "Effect": "Allow", "Action": "iam:PassRole", "Resource": node_role_arn},
        {
            "Sid": "EKSClusterEndpointLookup",
            "Effect": "Allow",
            "Action": "eks:DescribeCluster",
            "Resource": cluster["arn"],
        },
    )


def arn(cluster, role):
    """The ARN of a role in the cluster's account."""
    partition, _region, account = place(cluster)
    return f"arn:{partition}:iam::{account}:role/{role}"


def place(cluster):
    """Partition, region and account, which the cluster's ARN holds."""
    _arn, partition, _eks, region, account, _name = cluster["arn"].split(":", 5)
    return partition, region, account


def document(*statements):
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
