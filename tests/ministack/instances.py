"""What EC2 does and MiniStack leaves out.

EC2 deletes a tag that is given with a value only where it has that value
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html); MiniStack's DeleteTags goes by the key alone.
Karpenter asks where instance types are offered, what spot instances cost, and for launch templates by names that there may not
be, which EC2 refuses; and of a fleet's instance it wants to know where it is. It tries with DryRun first whether it may, which MiniStack takes for the
real thing.
"""

from ministack.core.responses import get_region
from ministack.services import ec2

# What Karpenter tries whether it may, before it does it.
DRY_RUN = ["CreateFleet", "CreateLaunchTemplate", "RunInstances"]

_fleet_instances_xml = ec2._fleet_instances_xml
_describe_launch_templates = ec2._ACTION_MAP["DescribeLaunchTemplates"]


def install():
    """Puts all of this into MiniStack."""
    ec2._ACTION_MAP["DeleteTags"] = delete_tags
    ec2._ACTION_MAP["DescribeInstanceTypeOfferings"] = describe_instance_type_offerings
    ec2._ACTION_MAP["DescribeSpotPriceHistory"] = describe_spot_price_history
    ec2._ACTION_MAP["DescribeLaunchTemplates"] = describe_launch_templates
    ec2._fleet_instances_xml = fleet_instances_xml
    for action in DRY_RUN:
        ec2._ACTION_MAP[action] = unless_dry(ec2._ACTION_MAP[action])


def delete_tags(params):
    """Deletes the tags: those that are given with a value, where they have it."""
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


def describe_instance_type_offerings(params):
    """Offers in every zone what DescribeInstanceTypes describes unasked."""
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
    """Knows no prices."""
    return ec2._xml(200, "DescribeSpotPriceHistoryResponse", "<spotPriceHistorySet/>")


def describe_launch_templates(params):
    """Refuses a name that there is not."""
    there = {template["LaunchTemplateName"] for template in ec2._launch_templates.values()}
    for name in ec2._parse_member_list(params, "LaunchTemplateName"):
        if name not in there:
            message = "At least one of the launch templates specified in the request does not exist."
            return ec2._error("InvalidLaunchTemplateName.NotFoundException", message, 400)
    return _describe_launch_templates(params)


def unless_dry(call):
    """The same call, which does nothing with DryRun but say that it would have."""

    def called(params):
        if ec2._p(params, "DryRun", "").lower() == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return ec2._error("DryRunOperation", message, 412)
        return call(params)

    return called


def fleet_instances_xml(instances):
    """Tells of each instance where it was launched, as the overrides that it was launched by."""
    text = ""
    for item in instances:
        instance = ec2._instances[item["InstanceIds"][0]]
        zone = instance.get("Placement", {}).get("AvailabilityZone") or instance.get("AvailabilityZone", "")
        overrides = (
            f"<overrides><instanceType>{item['InstanceType']}</instanceType><subnetId>{instance['SubnetId']}</subnetId>"
            f"<availabilityZone>{zone}</availabilityZone><imageId>{instance['ImageId']}</imageId></overrides>"
        )
        told = _fleet_instances_xml([item])
        text += told.replace("</launchTemplateAndOverrides>", f"{overrides}</launchTemplateAndOverrides>")
    return text
