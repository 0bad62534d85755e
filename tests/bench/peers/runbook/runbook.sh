#!/usr/bin/env bash
# The runbook that the custom resource replaces, as a script: an alternative for the benchmark.
#
#   runbook.sh create|noop|change|delete CLUSTER
#
# Each step is one command of the AWS CLI, as people type it by hand. `create` creates everything. `noop` runs the same again,
# when everything exists. `change` trusts the service account of another namespace (NAMESPACE, SERVICE_ACCOUNT), and attaches
# another policy to the node role (MORE_POLICY). `delete` deletes everything.
#
# It needs `aws`, and `python` with PyYAML, on the PATH (both are in the virtual environment of requirements.txt), curl, and
# credentials that the cluster accepts. kubectl would send the same two requests to edit aws-auth.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command=${1:?create, noop, change or delete}
CLUSTER=${2:?the name of an EKS cluster}
NAMESPACE=${NAMESPACE:-karpenter}
SERVICE_ACCOUNT=${SERVICE_ACCOUNT:-karpenter}
MORE_POLICY=${MORE_POLICY:-arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy}

NODE_ROLE=KarpenterNodeRole-$CLUSTER
PROFILE=KarpenterNodeInstanceProfile-$CLUSTER
CONTROLLER_ROLE=KarpenterControllerRole-$CLUSTER
CONTROLLER_POLICY=KarpenterControllerPolicy-$CLUSTER
NODE_POLICIES=(
    arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy
    arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy
    arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly
    arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs a command. The IAM error code in the first argument is no failure, because the work is done already.
unless() {
    local found=$1
    shift
    "$@" >"$work/out" 2>"$work/err" || grep --quiet "($found)" "$work/err" || {
        cat "$work/err" >&2
        return 1
    }
}

# Reads the values of the account and the cluster for the documents.
look() {
    ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
    ISSUER=$(aws eks describe-cluster --name "$CLUSTER" --query cluster.identity.oidc.issuer --output text)
    ISSUER=${ISSUER#*://}
}

node_trust() {
    cat <<END
{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
  ]
}
END
}

controller_trust() {
    cat <<END
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {"Federated": "arn:aws:iam::$ACCOUNT:oidc-provider/$ISSUER"},
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "$ISSUER:aud": "sts.amazonaws.com",
          "$ISSUER:sub": "system:serviceaccount:$NAMESPACE:$SERVICE_ACCOUNT"
        }
      }
    }
  ]
}
END
}

controller_policy() {
    cat <<END
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Karpenter",
      "Effect": "Allow",
      "Action": [
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
        "pricing:GetProducts"
      ],
      "Resource": "*"
    },
    {
      "Sid": "ConditionalEC2Termination",
      "Effect": "Allow",
      "Action": "ec2:TerminateInstances",
      "Resource": "*",
      "Condition": {"StringLike": {"ec2:ResourceTag/Name": "*karpenter*"}}
    },
    {
      "Sid": "PassNodeIAMRole",
      "Effect": "Allow",
      "Action": "iam:PassRole",
      "Resource": "arn:aws:iam::$ACCOUNT:role/$NODE_ROLE"
    },
    {
      "Sid": "EKSClusterEndpointLookup",
      "Effect": "Allow",
      "Action": "eks:DescribeCluster",
      "Resource": "arn:aws:eks:$AWS_DEFAULT_REGION:$ACCOUNT:cluster/$CLUSTER"
    }
  ]
}
END
}

# Adds the discovery tag to the node groups' subnets and security groups, or removes it: create-tags or delete-tags.
tags() {
    local nodegroup subnets template id version groups
    for nodegroup in $(aws eks list-nodegroups --cluster-name "$CLUSTER" --query nodegroups --output text); do
        subnets=$(aws eks describe-nodegroup --cluster-name "$CLUSTER" --nodegroup-name "$nodegroup" \
            --query nodegroup.subnets --output text)
        template=$(aws eks describe-nodegroup --cluster-name "$CLUSTER" --nodegroup-name "$nodegroup" \
            --query 'nodegroup.launchTemplate.[id,version]' --output text)
        groups=None
        if [[ $template != None ]]; then
            read -r id version <<<"$template"
            groups=$(aws ec2 describe-launch-template-versions --launch-template-id "$id" --versions "$version" \
                --query 'LaunchTemplateVersions[0].LaunchTemplateData.[NetworkInterfaces[0].Groups||SecurityGroupIds][0]' \
                --output text)
        fi
        if [[ $groups == None ]]; then
            groups=$(aws eks describe-cluster --name "$CLUSTER" \
                --query cluster.resourcesVpcConfig.clusterSecurityGroupId --output text)
        fi
        # Not quoted, because it contains several ids.
        aws ec2 "$1" --tags "Key=karpenter.sh/discovery,Value=$CLUSTER" --resources $subnets
        aws ec2 "$1" --tags "Key=karpenter.sh/discovery,Value=$CLUSTER" --resources $groups
    done
}

# Sends one request to the Kubernetes API for the ConfigMap aws-auth.
config_map() {
    curl --silent --show-error --fail --config "$work/token" --cacert "$work/ca.pem" "$@" \
        "$ENDPOINT/api/v1/namespaces/kube-system/configmaps/aws-auth"
}

# Adds the node role to mapRoles of aws-auth, or removes it. Writes the ConfigMap only if it changes.
aws_auth() {
    ENDPOINT=$(aws eks describe-cluster --name "$CLUSTER" --query cluster.endpoint --output text)
    aws eks describe-cluster --name "$CLUSTER" --query cluster.certificateAuthority.data --output text |
        base64 --decode >"$work/ca.pem"
    # EKS accepts only a token for the real STS host. The token is signed locally, without a call. It is in a file, because
    # the arguments of a command are visible to all users.
    local token
    token=$(AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true AWS_STS_REGIONAL_ENDPOINTS=regional \
        aws eks get-token --cluster-name "$CLUSTER" --query status.token --output text)
    printf 'header = "Authorization: Bearer %s"\n' "$token" >"$work/token"

    config_map >"$work/aws-auth.json"
    python "$here/edit.py" "$1" "arn:aws:iam::$ACCOUNT:role/$NODE_ROLE" <"$work/aws-auth.json" >"$work/new.json"
    if [[ -s $work/new.json ]]; then
        config_map --request PUT --header 'Content-Type: application/json' --data-binary "@$work/new.json" >"$work/out"
    fi
}

create() {
    look

    # The node role and its instance profile.
    node_trust >"$work/node-trust.json"
    unless EntityAlreadyExists aws iam create-role --role-name "$NODE_ROLE" \
        --assume-role-policy-document "file://$work/node-trust.json"
    for policy in "${NODE_POLICIES[@]}"; do
        aws iam attach-role-policy --role-name "$NODE_ROLE" --policy-arn "$policy"
    done
    unless EntityAlreadyExists aws iam create-instance-profile --instance-profile-name "$PROFILE"
    # A profile can contain only one role.
    unless LimitExceeded aws iam add-role-to-instance-profile --instance-profile-name "$PROFILE" \
        --role-name "$NODE_ROLE"

    # The controller role.
    controller_trust >"$work/controller-trust.json"
    controller_policy >"$work/controller-policy.json"
    unless EntityAlreadyExists aws iam create-role --role-name "$CONTROLLER_ROLE" \
        --assume-role-policy-document "file://$work/controller-trust.json"
    aws iam put-role-policy --role-name "$CONTROLLER_ROLE" --policy-name "$CONTROLLER_POLICY" \
        --policy-document "file://$work/controller-policy.json"

    tags create-tags
    aws_auth add
}

change() {
    look
    controller_trust >"$work/controller-trust.json"
    aws iam update-assume-role-policy --role-name "$CONTROLLER_ROLE" \
        --policy-document "file://$work/controller-trust.json"
    aws iam attach-role-policy --role-name "$NODE_ROLE" --policy-arn "$MORE_POLICY"
}

delete() {
    look
    aws_auth remove
    tags delete-tags

    aws iam delete-role-policy --role-name "$CONTROLLER_ROLE" --policy-name "$CONTROLLER_POLICY"
    aws iam delete-role --role-name "$CONTROLLER_ROLE"
    aws iam remove-role-from-instance-profile --instance-profile-name "$PROFILE" --role-name "$NODE_ROLE"
    aws iam delete-instance-profile --instance-profile-name "$PROFILE"
    # This includes the policy that `change` attached.
    for policy in $(aws iam list-attached-role-policies --role-name "$NODE_ROLE" \
        --query 'AttachedPolicies[].PolicyArn' --output text); do
        aws iam detach-role-policy --role-name "$NODE_ROLE" --policy-arn "$policy"
    done
    aws iam delete-role --role-name "$NODE_ROLE"
}

case $command in
create | noop) create ;;
change | delete) "$command" ;;
*)
    echo "runbook.sh: $command is none of create, noop, change and delete" >&2
    exit 2
    ;;
esac
