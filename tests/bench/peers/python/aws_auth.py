"""The node role's entry in the ConfigMap kube-system/aws-auth.

mapRoles is parsed, changed and written again, as eksctl does it. Comments and quoting are lost.
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

# The maximum number of attempts when others write at the same time.
ATTEMPTS = 5


def add(cluster, role_arn):
    """Adds the entry of a role, so that its nodes can join."""
    entry = {
        "rolearn": role_arn,
        "username": "system:node:{{EC2PrivateDNSName}}",
        "groups": ["system:bootstrappers", "system:nodes"],
    }
    edit(cluster, lambda entries: entries if entry in entries else without(entries, role_arn) + [entry])


def remove(cluster, role_arn):
    """Removes the entries of a role."""
    edit(cluster, lambda entries: without(entries, role_arn))


def without(entries, role_arn):
    """Returns the entries of all other roles."""
    return [entry for entry in entries if entry.get("rolearn") != role_arn]


def edit(cluster, change):
    """Writes the entries that `change` returns, if they differ."""
    with tempfile.NamedTemporaryFile() as ca_file:
        ca_file.write(base64.b64decode(cluster["certificateAuthority"]["data"]))
        ca_file.flush()
        api = kubernetes_api(cluster, ca_file.name)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return edit_once(api, change)
            except client.ApiException as error:
                # Another writer changed or created it between the read and the write.
                if error.status != 409 or attempt == ATTEMPTS:
                    raise


def edit_once(api, change):
    """Reads the ConfigMap once, and writes it once."""
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
        # With the resourceVersion of the read, so that the write of another writer is not lost.
        config_map.data = data
        api.replace_namespaced_config_map(NAME, NAMESPACE, config_map)
    else:
        metadata = client.V1ObjectMeta(name=NAME, namespace=NAMESPACE)
        api.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=metadata, data=data))


def kubernetes_api(cluster, ca_file):
    """Returns a client of the cluster's API with the identity of the function's role."""
    configuration = client.Configuration(host=cluster["endpoint"])
    configuration.ssl_ca_cert = ca_file
    configuration.api_key["authorization"] = f"Bearer {token(cluster)}"
    return client.CoreV1Api(client.ApiClient(configuration))


def token(cluster):
    """Returns a token for EKS: a presigned GetCallerIdentity that is valid for this cluster only."""
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
