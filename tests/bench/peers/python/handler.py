"""Custom::KarpenterPrereqs in Python, as a platform team writes it for itself: an alternative for the benchmark.

The benchmark sends it the same events. It is written well for its kind: boto3 for AWS, crhelper for CloudFormation, the
Kubernetes client for aws-auth, and a second run that succeeds. It has no ownership and no preflight checks, because such
functions have none.
"""

import boto3
from botocore.config import Config
from crhelper import CfnResource

import aws_auth
import discovery
import roles
from settings import Settings

# By default crhelper sleeps for two minutes in a Delete, so that a log group in the same stack exists longer than the
# function. This is no work of the function, and would hide its duration. The default log level, DEBUG, writes the presigned
# URL to the log.
helper = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)

# Created once for all events of a process. A failure here is reported with the first event.
try:
    config = Config(retries={"mode": "standard", "max_attempts": 10})
    iam = boto3.client("iam", config=config)
    ec2 = boto3.client("ec2", config=config)
    eks = boto3.client("eks", config=config)
except Exception as error:
    helper.init_failure(error)


def handler(event, context):
    """The entry point of Lambda."""
    helper(event, context)


@helper.create
def create(event, _context):
    """Creates everything, and updates objects that exist."""
    settings = Settings.of(event["ResourceProperties"])
    return apply(settings)


@helper.update
def update(event, _context):
    """Creates everything again, and detaches policies that are not in the properties any more.

    Other names result in another physical id. CloudFormation then deletes the objects with the old names.
    """
    settings = Settings.of(event["ResourceProperties"])
    old = Settings.of(event["OldResourceProperties"])
    physical_id = apply(settings)
    if old.node_role_name == settings.node_role_name:
        gone = set(old.node_policy_arns) - set(settings.node_policy_arns)
        roles.detach(iam, settings.node_role_name, sorted(gone))
    return physical_id


@helper.delete
def delete(event, _context):
    """Deletes everything. Missing objects are no error, and neither is a missing cluster."""
    settings = Settings.of(event["ResourceProperties"])
    try:
        cluster = eks.describe_cluster(name=settings.cluster_name)["cluster"]
    except eks.exceptions.ResourceNotFoundException:
        cluster = None
    if cluster:
        aws_auth.remove(cluster, roles.arn(cluster, settings.node_role_name))
        discovery.untag(ec2, discovery.find(eks, ec2, cluster, settings), settings)
    roles.delete_instance_profile(iam, settings.instance_profile_name, settings.node_role_name)
    roles.delete_role(iam, settings.node_role_name)
    roles.delete_role(iam, settings.controller_role_name)


def apply(settings):
    """Reconciles the account and the cluster, and returns the physical id."""
    cluster = eks.describe_cluster(name=settings.cluster_name)["cluster"]
    node_role_arn = roles.arn(cluster, settings.node_role_name)

    roles.ensure_role(iam, settings.node_role_name, roles.node_trust())
    roles.attach(iam, settings.node_role_name, roles.node_policy_arns(cluster) + settings.node_policy_arns)
    profile_arn = roles.ensure_instance_profile(iam, settings.instance_profile_name, settings.node_role_name)

    roles.ensure_role(iam, settings.controller_role_name, roles.controller_trust(cluster, settings))
    roles.put_policy(
        iam,
        settings.controller_role_name,
        f"KarpenterControllerPolicy-{settings.cluster_name}",
        roles.controller_policy(cluster, node_role_arn),
    )

    discovery.tag(ec2, discovery.find(eks, ec2, cluster, settings), settings)
    aws_auth.add(cluster, node_role_arn)

    helper.Data.update(
        ClusterName=settings.cluster_name,
        ClusterEndpoint=cluster["endpoint"],
        NodeRoleName=settings.node_role_name,
        NodeRoleArn=node_role_arn,
        InstanceProfileName=settings.instance_profile_name,
        InstanceProfileArn=profile_arn,
        ControllerRoleName=settings.controller_role_name,
        ControllerRoleArn=roles.arn(cluster, settings.controller_role_name),
        Namespace=settings.namespace,
        ServiceAccount=settings.service_account,
    )
    return settings.physical_id
