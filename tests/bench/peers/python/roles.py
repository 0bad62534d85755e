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
    """Creates the role, or updates the trust policy of an existing one."""
    text = json.dumps(trust)
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)


def attach(iam, role, policy_arns):
    """Attaches managed policies. IAM accepts a policy that is attached already."""
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
    """Creates the profile if it is missing, and adds the role. Returns its ARN."""
    try:
        profile = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    except iam.exceptions.EntityAlreadyExistsException:
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    # A profile can contain only one role. IAM rejects the addition of a role that it contains already.
    if role not in [held["RoleName"] for held in profile["Roles"]]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return profile["Arn"]


def delete_instance_profile(iam, name, role):
    """Removes the role from the profile and deletes the profile."""
    try:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    except iam.exceptions.NoSuchEntityException:
        pass
    try:
        iam.delete_instance_profile(InstanceProfileName=name)
    except iam.exceptions.NoSuchEntityException:
        pass


def delete_role(iam, name):
    """Deletes a role, after its policies, because IAM requires this order."""
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
    """Returns the managed policies that every node needs."""
    partition = place(cluster)[0]
    return [f"arn:{partition}:iam::aws:policy/{name}" for name in NODE_POLICIES]


def node_trust():
    """Returns the trust policy of the node role: EC2 may assume it."""
    principal = {"Service": "ec2.amazonaws.com"}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def controller_trust(cluster, settings):
    """Returns the trust policy of the controller role: only Karpenter's service account, through the OIDC issuer."""
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
    """Returns the permissions of the controller: the four statements of the baseline."""
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
    """Returns the ARN of a role in the cluster's account."""
    partition, _region, account = place(cluster)
    return f"arn:{partition}:iam::{account}:role/{role}"


def place(cluster):
    """Returns partition, region and account from the cluster's ARN."""
    _arn, partition, _eks, region, account, _name = cluster["arn"].split(":", 5)
    return partition, region, account


def document(*statements):
    """Returns a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
