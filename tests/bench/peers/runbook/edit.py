"""Edits aws-auth as `kubectl edit` lets a person do it: reads the ConfigMap as JSON, and writes it with the node role's
entry added or removed; nothing, if that changes nothing."""

import json
import sys

import yaml

action, role_arn = sys.argv[1:]
config_map = json.load(sys.stdin)
data = config_map.setdefault("data", {})
before = yaml.safe_load(data.get("mapRoles", "")) or []
entry = {
    "rolearn": role_arn,
    "username": "system:node:{{EC2PrivateDNSName}}",
    "groups": ["system:bootstrappers", "system:nodes"],
}
after = [other for other in before if other != entry]
if action == "add":
    after = before if entry in before else [*before, entry]
if after != before:
    data["mapRoles"] = yaml.safe_dump(after, sort_keys=False)
    json.dump(config_map, sys.stdout)
