"""Lints the IAM policies of CloudFormation templates with parliament, a policy linter. It knows all actions of AWS, and the
resources and condition keys of each.

    policies.py TEMPLATE...

The linter reads plain documents, so this script resolves the functions of the templates first: with all conditions true, with
all conditions false, and with each condition alone true. Trust policies are left out, because the linter does not support them.
"""

import functools
import json
import re
import sys

import yaml
from parliament import analyze_policy_string, enhance_finding

# Findings that are accepted or wrong, with the reason as comment: the statement, the kind of finding, and the action or the
# first words of another detail.
EXPLAINED = [
    # The failure destination is a topic or a queue. Each action has a resource of one of them.
    ("SendToFailureDestination", "RESOURCE_MISMATCH", "sqs:SendMessage"),
    # A condition key of the resource access-entry. The linter knows those of the action only.
    ("DenyOtherAccessEntryTypes", "UNKNOWN_CONDITION_FOR_ACTION", "Unknown condition eks:accessEntryType"),
    # Lambda creates the network interfaces, and their ids are not known before.
    ("RunInVpc", "RESOURCE_STAR", "ec2:AssignPrivateIpAddresses"),
    ("RunInVpc", "RESOURCE_STAR", "ec2:CreateNetworkInterface"),
    ("RunInVpc", "RESOURCE_STAR", "ec2:DeleteNetworkInterface"),
    ("RunInVpc", "RESOURCE_STAR", "ec2:UnassignPrivateIpAddresses"),
    # The account of AWS's own policies is `aws`. The linter accepts numbers only.
    ("ReadManagedPolicies", "INVALID_ARN", "Account expected"),
    # StringEquals is stricter than ArnEquals, which supports wildcards.
    ("CreateRoles", "MISMATCHED_TYPE_BUT_USABLE", "Type mismatch: StringEquals"),
    ("PutPermissionsBoundary", "MISMATCHED_TYPE_BUT_USABLE", "Type mismatch: StringEquals"),
]

ACCOUNT, REGION = "111122223333", "eu-west-1"
IAM = f"arn:aws:iam::{ACCOUNT}"

# The values of pseudo parameters and attributes, and of parameters without a default.
VALUES = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/karpenter-prereqs/8a1b2c3d",
    "AWS::StackName": "karpenter-prereqs",
    "Bucket.Arn": "arn:aws:s3:::artifacts",
    "ExecutionRole.Arn": f"{IAM}:role/karpenter-prereqs-ExecutionRole-1A2B3C4D5E6F",
    "LogGroup.Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/karpenter-prereqs/stack:*",
    "AttachablePolicyArns": [f"{IAM}:policy/nodes"],
    "ControllerPolicyArns": [f"{IAM}:policy/controller"],
    "ControllerRoleName": "controller",
    "DiscoveryTagKey": "karpenter.sh/discovery",
    "FailureDestinationArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:failed",
    "InstanceProfileName": "nodes",
    "KubernetesRoleArn": f"{IAM}:role/aws-auth-editor",
    "KubernetesRoleArns": [f"{IAM}:role/aws-auth-editor"],
    "NodePolicyArns": [f"{IAM}:policy/nodes"],
    "NodeRoleArn": f"{IAM}:role/platform/nodes",
    "NodeRoleArns": [f"{IAM}:role/platform/nodes"],
    "NodeRoleName": "nodes",
    "OrganizationId": "o-a1b2c3d4e5",
    "PermissionsBoundary": f"{IAM}:policy/boundary",
}

NO_VALUE = object()


class Function(tuple):
    """A function of CloudFormation: its name and its arguments."""


class Loader(yaml.BaseLoader):
    """Reads the short form of functions. All scalars are texts."""

    def function(self, name, node):
        kinds = {"scalar": self.construct_scalar, "sequence": lambda it: self.construct_sequence(it, deep=True)}
        return Function((name, kinds[node.id](node)))


Loader.add_multi_constructor("!", Loader.function)


def documents(node):
    """Returns the policy documents of a resource. Trust policies have another key."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == "PolicyDocument" else documents(value)
    elif isinstance(node, (list, Function)):
        for item in node:
            yield from documents(item)


class Template:
    """A template, with a value for each name and the conditions that are true."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.content = yaml.load(file, Loader)
        self.true = set()
        self.values = dict(VALUES)
        for name, parameter in self.content.get("Parameters", {}).items():
            if default := parameter.get("Default"):
                is_list = parameter["Type"] == "CommaDelimitedList"
                self.values.setdefault(name, default.split(",") if is_list else default)

    def policies(self):
        """Returns the statements of each policy, with the name of its resource, for each choice of true conditions."""
        conditions = set(self.content.get("Conditions", {}))
        for self.true in [conditions, set(), *({condition} for condition in conditions)]:
            for name, resource in self.content["Resources"].items():
                for document in documents(resource):
                    yield name, self.resolve(document)["Statement"]

    def resolve(self, node):
        if isinstance(node, Function):
            return self.call(*node)
        if isinstance(node, list):
            return [item for item in map(self.resolve, node) if item is not NO_VALUE]
        if isinstance(node, dict):
            items = ((key, self.resolve(value)) for key, value in node.items())
            return {key: value for key, value in items if value is not NO_VALUE}
        return node

    def value(self, name):
        if name not in self.values:
            sys.exit(f"{name} has no value. Add one to VALUES in {__file__}")
        return self.values[name]

    def call(self, name, given):
        if name == "If":
            condition, if_true, if_false = given
            return self.resolve(if_true if condition in self.true else if_false)
        if name == "Ref" and given == "AWS::NoValue":
            return NO_VALUE
        if name in ("Ref", "GetAtt"):
            return self.value(given)
        if name == "Sub":
            text, own = given if isinstance(given, list) else (given, {})
            own = self.resolve(own)
            return re.sub(r"\$\{([^}]+)\}", lambda match: own.get(match[1]) or self.value(match[1]), text)
        if name == "Join":
            return given[0].join(self.resolve(given[1]))
        if name == "Split":
            return self.resolve(given[1]).split(given[0])
        sys.exit(f"a policy has the function {name}. Add it to {__file__}")


@functools.cache
def findings(*statements):
    """Returns the findings in a document with these statements, as JSON: the kind, and the action or another detail."""
    document = f'{{"Version": "2012-10-17", "Statement": [{", ".join(statements)}]}}'
    found = set()
    for finding in analyze_policy_string(document, ignore_private_auditors=True).findings:
        for detail in finding.detail if isinstance(finding.detail, list) else [finding.detail]:
            text = detail["action"] if isinstance(detail, dict) else str(detail)
            found.add((finding.issue, text or enhance_finding(finding).title))
    return found


def main(paths):
    linted, reports, needed = set(), set(), set()
    for path in paths:
        for resource, statements in Template(path).policies():
            texts = [json.dumps(statement) for statement in statements]
            # What is found only in statements together, such as a Sid that occurs twice.
            together = findings(*texts)
            for statement, text in zip(statements, texts):
                sid = statement.get("Sid")
                linted.add((path, resource, text))
                together = together - findings(text)
                for issue, detail in findings(text):
                    known = {it for it in EXPLAINED if it[:2] == (sid, issue) and detail.startswith(it[2])}
                    needed |= known
                    if not known:
                        reports.add(f"{path}: {resource}, statement {sid}: {issue}: {detail}")
            reports |= {f"{path}: {resource}: {issue}: {detail}" for issue, detail in together}
    for sid, issue, detail in set(EXPLAINED) - needed:
        reports.add(f"EXPLAINED has {issue} of {sid}: {detail}. The linter does not find it. Delete it")
    print(*sorted(reports), sep="\n", end="\n" if reports else "")
    print(f"{len(linted)} statements, {len(needed)} explained findings, {len(reports)} other findings")
    return 1 if reports or not linted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
