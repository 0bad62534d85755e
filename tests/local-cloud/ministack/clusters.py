"""Adds behaviour of EKS that MiniStack lacks.

- Access entries follow EKS's rules (https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html).
- Descriptions of access entries and Pod Identity associations contain the tags of TagResource.
- UntagResource removes all of its keys. MiniStack removes only one.
- A Pod Identity association requires an existing role.
- EKS gives the access entries to its authenticators, which identify a role by its unique id. Here, each cluster has a file
  with the entries in the folder ACCESS_ENTRIES.
- An access policy becomes a group with the names of the policy and the namespace, `AmazonEKSEditPolicy:kube-system`. A test
  that needs the policy binds this group to its permissions.
- CloudFormation creates access entries.
"""

import json
import os
from pathlib import Path
from urllib.parse import unquote

from ministack.services import eks, iam
from ministack.services.cloudformation import provisioners

_handle_request = eks._handle_request_sync
_create_access_entry = eks._create_access_entry
_delete_access_entry = eks._delete_access_entry
_associate_access_policy = eks._associate_access_policy
_create_pod_identity_association = eks._create_pod_identity_association
_describe_pod_identity_association = eks._describe_pod_identity_association
_tag_resource_arn = eks._resolve_tag_resource_arn

# The mappings of the access entries, by cluster and principal.
_admitted = {}


def install():
    """Installs this behaviour in MiniStack."""
    eks._handle_request_sync = handle_request
    eks._create_access_entry = with_tags(create_access_entry)
    eks._delete_access_entry = delete_access_entry
    eks._associate_access_policy = associate_access_policy
    for operation in ["_describe_access_entry", "_update_access_entry", "_delete_access_entry", "_list_access_entries"]:
        setattr(eks, operation, with_tags(getattr(eks, operation)))
    eks._create_pod_identity_association = create_pod_identity_association
    eks._describe_pod_identity_association = describe_pod_identity_association
    eks._resolve_tag_resource_arn = tag_resource_arn
    provisioners._RESOURCE_HANDLERS["AWS::EKS::AccessEntry"] = {"create": create_stack_entry, "delete": delete_stack_entry}


def handle_request(method, path, headers, body, params):
    """Passes all keys to UntagResource."""
    if method == "DELETE" and path.startswith("/tags/"):
        return eks._untag_resource(unquote(path.removeprefix("/tags/")), {"tagKeys": params.get("tagKeys", [])})
    return _handle_request(method, path, headers, body, params)


def create_access_entry(cluster, body):
    """Creates an access entry, by EKS's rules."""
    if error := without_access_entries(cluster):
        return error
    principal, kind = body.get("principalArn", ""), body.get("type", "STANDARD")
    invalid = "InvalidParameterException"
    roles = {role["Arn"]: role["RoleId"] for role in iam._roles.values()}
    if ":role/" in principal and principal not in roles:
        return eks._error(400, invalid, "The specified principalArn is invalid: invalid principal.")
    if kind == "STANDARD":
        if any(group.startswith("system:") for group in body.get("kubernetesGroups", [])):
            return eks._error(400, invalid, "The kubernetes group name is invalid: it begins with system:.")
    elif body.get("kubernetesGroups") or body.get("username"):
        return eks._error(400, invalid, f"Groups and username cannot be set for the type {kind}.")
    else:
        body = body | {"kubernetesGroups": ["system:nodes"], "username": "system:node:{{EC2PrivateDNSName}}"}
    response = _create_access_entry(cluster, body)
    if response[0] == 200:
        _admitted.setdefault(cluster, {})[principal] = {
            "rolearn": principal,
            "userid": roles.get(principal, ""),
            "username": body.get("username") or principal,
            "groups": body.get("kubernetesGroups", []),
        }
        write_mappings(cluster)
    return response


def delete_access_entry(cluster, principal):
    """Deletes an access entry, and removes its mapping."""
    response = _delete_access_entry(cluster, principal)
    if response[0] == 200:
        _admitted.get(cluster, {}).pop(principal, None)
        write_mappings(cluster)
    return response


def associate_access_policy(cluster, principal, body):
    """Associates an access policy with a principal, for the cluster or for namespaces."""
    response = _associate_access_policy(cluster, principal, body)
    if response[0] == 200:
        policy = body["policyArn"].rsplit("/", 1)[-1]
        entry = _admitted[cluster][principal]
        groups = {f"{policy}:{namespace}" for namespace in body["accessScope"].get("namespaces") or ["*"]}
        entry["groups"] = sorted({*entry["groups"], *groups})
        write_mappings(cluster)
    return response


def create_stack_entry(logical_id, props, stack_name):
    """Creates the access entry of a stack, with its policies."""
    cluster, principal = props["ClusterName"], props["PrincipalArn"]
    body = {"principalArn": principal, "type": props.get("Type", "STANDARD")}
    responses = [eks._create_access_entry(cluster, body)]
    for policy in props.get("AccessPolicies", []):
        scope = {"type": policy["AccessScope"]["Type"], "namespaces": policy["AccessScope"].get("Namespaces", [])}
        request = {"policyArn": policy["PolicyArn"], "accessScope": scope}
        responses.append(eks._associate_access_policy(cluster, principal, request))
    for status, _, response in responses:
        if status != 200:
            raise ValueError(response.decode())
    entry = json.loads(responses[0][2])["accessEntry"]
    return f"{principal}|{cluster}", {"AccessEntryArn": entry["accessEntryArn"]}


def delete_stack_entry(physical_id, props):
    """Deletes the access entry of a stack."""
    eks._delete_access_entry(props["ClusterName"], props["PrincipalArn"])


def write_mappings(cluster):
    """Writes the mappings of a cluster to the file that its authenticator reads."""
    roles = [entry for entry in _admitted.get(cluster, {}).values() if entry["userid"]]
    text = json.dumps({"Version": "1", "LastUpdatedDateTime": "0", "mapRoles": roles})
    Path(os.environ["ACCESS_ENTRIES"], f"{cluster}.json").write_text(text)


def with_tags(call):
    """Returns the call with a check that the cluster has access entries, and with the tags in its response."""

    def called(cluster, *rest):
        if error := without_access_entries(cluster):
            return error
        status, headers, body = call(cluster, *rest)
        response = json.loads(body)
        if entry := response.get("accessEntry"):
            entry["tags"] = eks._tags.get(entry["accessEntryArn"], {})
        return status, headers, json.dumps(response).encode()

    return called


def tag_resource_arn(arn):
    """Returns the ARN that is the key of tags, also for Pod Identity associations."""
    for association in eks._pod_identity_associations.values():
        if association["associationArn"] == arn:
            return arn, None
    return _tag_resource_arn(arn)


def create_pod_identity_association(cluster, body):
    """Creates an association, and stores its tags where TagResource stores them."""
    if not any(role["Arn"] == body.get("roleArn") for role in iam._roles.values()):
        return eks._error(400, "InvalidParameterException", "Role provided in the request does not exist.")
    status, headers, response = _create_pod_identity_association(cluster, body)
    if association := json.loads(response).get("association"):
        eks._tags[association["associationArn"]] = dict(body.get("tags", {}))
    return status, headers, response


def describe_pod_identity_association(cluster, association):
    """Describes an association with its tags."""
    status, headers, response = _describe_pod_identity_association(cluster, association)
    response = json.loads(response)
    if found := response.get("association"):
        found["tags"] = eks._tags.get(found["associationArn"], {})
    return status, headers, json.dumps(response).encode()


def without_access_entries(cluster):
    """Returns the error for a cluster without access entries, or None."""
    access = eks._clusters.get(cluster, {}).get("accessConfig") or {}
    if access.get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        return eks._error(
            400,
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        )
    return None
