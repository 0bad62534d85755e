"""The node role's entry in the ConfigMap kube-system/aws-auth.

mapRoles is parsed, changed and written anew, as eksctl does it. Comments and quoting do not outlive that.
"""

import base64
import tempfile

import boto3
import yaml
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from kubernetes import client

from roles import place

NAME, NAMESPACE = "aws-auth", "kube-system"

# How often a write is tried that meets somebody else's.
ATTEMPTS = 5


def add(cluster, role_arn):
    """Lets nodes with this role join."""
    entry = {
        "rolearn": role_arn,
        "username": "system:node:{{EC2PrivateDNSName}}",
        "groups": ["system:bootstrappers", "system:nodes"],
    }
    edit(cluster, lambda entries: entries if entry in entries else without(entries, role_arn) + [entry])


def remove(cluster, role_arn):
    """Lets nodes with this role join no more."""
    edit(cluster, lambda entries: without(entries, role_arn))


def without(entries, role_arn):
    """The entries of all other roles."""
    return [entry for entry in entries if entry.get("rolearn") != role_arn]


def edit(cluster, change):
    """Writes what `change` makes of the entries, if that differs from them."""
    with tempfile.NamedTemporaryFile() as ca_file:
        ca_file.write(base64.b64decode(cluster["certificateAuthority"]["data"]))
        ca_file.flush()
        api = kubernetes_api(cluster, ca_file.name)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return edit_once(api, change)
            except client.ApiException as error:
                # Somebody else wrote it in between, or made it.
                if error.status != 409 or attempt == ATTEMPTS:
                    raise


def edit_once(api, change):
    """One read, and one write of what was read."""
    try:
        config_map = api.read_namespaced_config_map(NAME, NAMESPACE)
    except client.ApiException as error:
        if error.status != 404:
            raise
        config_map = None
    data = (config_map.data if config_map else None) or {}
    entries = yaml.safe_load(data.get("mapRoles", "")) or []
    changed = change(entries)
    if changed == entries:
        return
    data["mapRoles"] = yaml.safe_dump(changed, sort_keys=False)
    if config_map:
        # With the resourceVersion that was read, so that nobody's write is lost.
        config_map.data = data
        api.replace_namespaced_config_map(NAME, NAMESPACE, config_map)
    else:
        metadata = client.V1ObjectMeta(name=NAME, namespace=NAMESPACE)
        api.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=metadata, data=data))


def kubernetes_api(cluster, ca_file):
    """A client for the cluster's API, as whom the function's own role is to the cluster."""
    configuration = client.Configuration(host=cluster["endpoint"])
    configuration.ssl_ca_cert = ca_file
    configuration.api_key["authorization"] = f"Bearer {token(cluster)}"
    return client.CoreV1Api(client.ApiClient(configuration))


def token(cluster):
    """The token that EKS takes: a presigned GetCallerIdentity whose signature holds for this cluster alone."""
    _partition, region, _account = place(cluster)
    session = boto3.session.Session()
    signer = RequestSigner(ServiceId("STS"), region, "sts", "v4", session.get_credentials(), session.events)
    request = {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster["name"]},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=region, expires_in=60, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
