"""Starts MiniStack, with what its IAM evaluator and its EC2 leave out.

MiniStack checks a call on `*` where it does not know the call's resource, so a statement that is scoped as AWS
has it (an instance profile, the subnets of CreateTags) would refuse what AWS allows. Here those resources get
their ARNs, and instance profiles their tags for `aws:ResourceTag`: the template that users deploy is what runs.

MiniStack's DeleteTags goes by the key alone. EC2 deletes a tag that is given with a value only where it has that value
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html), and so it is here.
"""

from ministack import app
from ministack.core import iam_actions
from ministack.services import ec2, iam, tagging

KINDS = {"subnet-": "subnet", "sg-": "security-group"}

_resource_arn = iam_actions.extract_resource_arn
_iam_tags = tagging._collect_iam


def resource_arn(service, method, path, headers, body, params, region, account):
    """The ARN that AWS checks the call on, where MiniStack has none or another."""
    if service == "iam":
        # Also for the calls that name a role beside the profile: AWS checks them on the profile.
        if name := params.get("InstanceProfileName"):
            return f"arn:aws:iam::{account}:instance-profile/{_one(name)}"
        if arn := params.get("OpenIDConnectProviderArn"):
            return _one(arn)
    if service == "ec2" and (resource := _one(params.get("ResourceId.1"))):
        for prefix, kind in KINDS.items():
            if resource.startswith(prefix):
                return f"arn:aws:ec2:{region}:{account}:{kind}/{resource}"
    return _resource_arn(service, method, path, headers, body, params, region, account)


def iam_tags():
    """The tags of users and roles, and of instance profiles."""
    yield from _iam_tags()
    for profile in iam._instance_profiles.values():
        yield profile["Arn"], profile.get("Tags", [])


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


def _one(value):
    return value[0] if isinstance(value, list) else value


iam_actions.extract_resource_arn = resource_arn
tagging._RESOURCE_TAG_COLLECTORS["iam"] = iam_tags
ec2._ACTION_MAP["DeleteTags"] = delete_tags

if __name__ == "__main__":
    app.main()
