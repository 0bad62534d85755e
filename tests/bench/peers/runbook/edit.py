"""Edits aws-auth as a person does it with `kubectl edit`.

Reads the ConfigMap as JSON, adds or removes the node role's entry, and writes the result. Writes nothing without a change.
"""

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
