"""Adds behaviour of EC2 that MiniStack lacks.

- DeleteTags with a value deletes the tag only if it has this value
  (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html). MiniStack compares only the key.
- The security groups of a launch template's network interface are elements named groupId
  (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplateInstanceNetworkInterfaceSpecification.html).
  MiniStack names them item, and SDKs ignore them.
- For Karpenter: the offerings of instance types, the spot price history, the error for an unknown launch template name, and
  the location of a fleet's instances.
- Karpenter checks its permissions with DryRun. MiniStack would run such a call.
"""

import re

from ministack.core.responses import get_region
from ministack.services import ec2

# Calls that Karpenter makes with DryRun, to check its permissions.
DRY_RUN = ["CreateFleet", "CreateLaunchTemplate", "RunInstances"]

_fleet_instances_xml = ec2._fleet_instances_xml
_lt_data_xml = ec2._lt_data_xml
_describe_launch_templates = ec2._ACTION_MAP["DescribeLaunchTemplates"]


def install():
    """Installs this behaviour in MiniStack."""
    ec2._ACTION_MAP["DeleteTags"] = delete_tags
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = describe_instance_type_offerings
    ec2._ACTION_MAP["DescribeSpotPriceHistory"] = describe_spot_price_history
    ec2._ACTION_MAP["DescribeLaunchTemplates"] = describe_launch_templates
    ec2._fleet_instances_xml = fleet_instances_xml
    ec2._lt_data_xml = launch_template_data_xml
    for action in DRY_RUN:
        ec2._ACTION_MAP[action] = unless_dry(ec2._ACTION_MAP[action])


def delete_tags(params):
    """Deletes tags by key, or by key and value."""
    tags = []
    while key := ec2._p(params, f"Tag.{len(tags) + 1}.Key"):
        tags.append((key, ec2._p(params, f"Tag.{len(tags) + 1}.Value", None)))
    for resource in ec2._parse_member_list(params, "ResourceId"):
        if resource in ec2._tags:
            ec2._tags[resource] = [
                tag
                for tag in ec2._tags[resource]
                if not any(tag["Key"] == key and value in (None, tag["Value"]) for key, value in tags)
            ]
    return ec2._xml(200, "DeleteTagsResponse", "<return>true</return>")


def launch_template_data_xml(data):
    """Names the security groups of network interfaces as EC2 does."""
    ids = lambda group_set: re.sub("(</?)item>", r"\1groupId>", group_set.group())
    return re.sub("<groupSet>.*?</groupSet>", ids, _lt_data_xml(data))


def describe_instance_type_offerings(params):
    """Offers the default types of DescribeInstanceTypes in every zone."""
    types = ["t3.large", "m5.large", "m5.xlarge", "c5.large", "c5.xlarge"]
    zones = [f"{get_region()}{letter}" for letter in "abc"]
    by_id = ec2._p(params, "LocationType") == "availability-zone-id"
    location_type = "availability-zone-id" if by_id else "availability-zone"
    items = "".join(
        f"<item><instanceType>{kind}</instanceType><locationType>{location_type}</locationType>"
        f"<location>{ec2._az_id_for_zone_name(zone) if by_id else zone}</location></item>"
        for kind in types
        for zone in zones
    )
    return ec2._xml(
        200,
        "DescribeInstanceTypeOfferingsResponse",
        f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet>",
    )


def describe_spot_price_history(params):
    """Returns no prices."""
    return ec2._xml(200, "DescribeSpotPriceHistoryResponse", "<spotPriceHistorySet/>")


def describe_launch_templates(params):
    """Returns an error for an unknown name."""
    existing = {template["LaunchTemplateName"] for template in ec2._launch_templates.values()}
    for name in ec2._parse_member_list(params, "LaunchTemplateName"):
        if name not in existing:
            message = "At least one of the launch templates specified in the request does not exist."
            return ec2._error("InvalidLaunchTemplateName.NotFoundException", message, 400)
    return _describe_launch_templates(params)


def unless_dry(call):
    """Returns the call with support for DryRun."""

    def called(params):
        if ec2._p(params, "DryRun", "").lower() == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return ec2._error("DryRunOperation", message, 412)
        return call(params)

    return called


def fleet_instances_xml(instances):
    """Adds the overrides of each instance: its type, subnet, zone and image."""
    text = ""
    for item in instances:
        instance = ec2._instances[item["InstanceIds"][0]]
        zone = instance.get("Placement", {}).get("AvailabilityZone") or instance.get("AvailabilityZone", "")
        overrides = (
            f"<overrides><instanceType>{item['InstanceType']}</instanceType><subnetId>{instance['SubnetId']}</subnetId>"
            f"<availabilityZone>{zone}</availabilityZone><imageId>{instance['ImageId']}</imageId></overrides>"
        )
        element = _fleet_instances_xml([item])
        text += element.replace("</launchTemplateAndOverrides>", f"{overrides}</launchTemplateAndOverrides>")
    return text
