"""The discovery tag on the node groups' subnets and security groups."""

KEY = "karpenter.sh/discovery"

# The maximum of one call of CreateTags or DeleteTags.
MOST_RESOURCES = 1000


def find(eks, ec2, cluster, settings):
    """Returns the subnets and security groups: those of the properties, or those of the node groups."""
    subnets, groups = set(settings.subnet_ids), set(settings.security_group_ids)
    if subnets and groups:
        return sorted(subnets) + sorted(groups)
    for node_group in node_groups(eks, settings.cluster_name):
        if not settings.subnet_ids:
            subnets.update(node_group["subnets"])
        if not settings.security_group_ids:
            own = launch_template_groups(ec2, node_group)
            groups.update(own or [cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]])
    return sorted(subnets) + sorted(groups)


def node_groups(eks, cluster_name):
    """Yields the cluster's managed node groups."""
    for page in eks.get_paginator("list_nodegroups").paginate(clusterName=cluster_name):
        for name in page["nodegroups"]:
            yield eks.describe_nodegroup(clusterName=cluster_name, nodegroupName=name)["nodegroup"]


def launch_template_groups(ec2, node_group):
    """Returns the security groups in a node group's launch template. Empty without a template or without groups in it."""
    template = node_group.get("launchTemplate")
    if not template:
        return []
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=template["id"], Versions=[template["version"]])
    data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    interfaces = [group for interface in data.get("NetworkInterfaces", []) for group in interface.get("Groups", [])]
    return data.get("SecurityGroupIds", []) + interfaces


def tag(ec2, ids, settings):
    """Adds the tag."""
    for batch in batches(ids):
        ec2.create_tags(Resources=batch, Tags=[{"Key": KEY, "Value": settings.cluster_name}])


def untag(ec2, ids, settings):
    """Removes the tag where its value is this cluster."""
    for batch in batches(ids):
        ec2.delete_tags(Resources=batch, Tags=[{"Key": KEY, "Value": settings.cluster_name}])


def batches(ids):
    """Returns the ids in lists of the maximum of one call."""
    return [ids[start : start + MOST_RESOURCES] for start in range(0, len(ids), MOST_RESOURCES)]
