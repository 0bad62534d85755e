"""Adds behaviour of Lambda that MiniStack lacks, across accounts and Regions.

- The code of a function can be in another account's bucket, if the bucket's policy allows the caller to read it, for example
  by the organization. All accounts here belong to one organization.
- Code that cannot be read is an error. MiniStack creates a function without code, which never responds.
- A function's session has the unique id of its role, like every session of the role.
- The creation of a function ends the environments with its name only in this account and Region. MiniStack ends them in all.
"""

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import lambda_svc, s3, sts

ORGANIZATION_ID = "o-karpenter00"

_fetch_code = lambda_svc._fetch_code_from_s3
_invalidate_worker = lambda_svc.invalidate_worker
_execution_credentials = lambda_runtime.execution_credentials


def install():
    """Installs this behaviour in MiniStack."""
    iam_evaluator._principal_org_id = lambda account: ORGANIZATION_ID
    lambda_svc._fetch_code_from_s3 = fetch_code
    lambda_svc.invalidate_worker = invalidate_worker
    for module in [lambda_runtime, lambda_svc]:
        module.execution_credentials = execution_credentials


def fetch_code(bucket, key, version_id=None):
    """Returns the bytes of a function's zip."""
    caller = get_account_id()
    owner = s3._bucket_owner_account(bucket) or caller
    code = None
    if owner == caller or allows(owner, bucket, key, caller):
        with request_scope(owner, get_region()):
            code = _fetch_code(bucket, key, version_id)
    if code is None:
        raise ValueError(
            f"Your access has been denied by S3, please make sure your request credentials have permission to GetObject for {bucket}/{key}."
            " S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
        )
    return code


def allows(owner, bucket, key, caller):
    """Returns whether another account's bucket allows the caller to read. Lambda always uses TLS."""
    origin = iam_evaluator._request_origin.set(("127.0.0.1", True))
    try:
        return s3._foreign_bucket_allows(owner, bucket, key, "GET", {}, caller)
    finally:
        iam_evaluator._request_origin.reset(origin)


def invalidate_worker(name, qualifier=None, account=None, region=None):
    """Ends the environments of a function."""
    _invalidate_worker(name, qualifier, account or get_account_id(), region or get_region())


def execution_credentials(config):
    """Returns the credentials of a function, with the unique id of its role."""
    credentials = _execution_credentials(config)
    if session := sts._sessions.get(credentials["AWS_ACCESS_KEY_ID"]):
        name = session["UserId"].partition(":")[2]
        session["UserId"] = f"{sts._role_id(config['Role'])}:{name}"
    return credentials
