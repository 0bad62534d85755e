"""Adds behaviour of IAM and STS that MiniStack lacks.

- IAM checks a call on the ARN of its resource, and `aws:ResourceTag` by the tags of the resource. MiniStack checks it on `*`
  if it does not know the resource. A statement that is scoped like on AWS (an instance profile, the subnets of CreateTags)
  would then deny what AWS allows. Here those resources get their ARNs and tags, so that the template of the users can run.
- IAM passes a role to a service only for a caller with iam:PassRole on the role for this service. MiniStack does not check it.
- The policy simulation supports context entries, a role's path and a permissions boundary.
- STS accepts a service account's token only if IAM has an OIDC provider with its issuer and audience. An audience that is a
  list with one item is compared as this item. The token's signature is not checked here. A test lets the API server check it.
"""

import json
import re
from urllib.parse import unquote

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, eks, iam, sts, tagging

# The kinds of EC2's resources by the prefix of their ids, and the resource type on which calls that create something are
# checked. AWS also checks the resources that the call uses. The IAM simulator covers these.
EC2_KINDS = {"subnet-": "subnet", "sg-": "security-group", "i-": "instance", "lt-": "launch-template"}
EC2_MADE = {"CreateFleet": "fleet", "CreateLaunchTemplate": "launch-template", "RunInstances": "instance"}
ENTRY_PATH = re.compile(r"/clusters/([^/]+)/access-entries/(.+)")
ASSOCIATION_PATH = re.compile(r"/clusters/([^/]+)/pod-identity-associations/([^/]+)")
TAG_OF_SPECIFICATION = re.compile(r"(TagSpecifications?\.\d+\.Tags?\.\d+)\.Key$")

_request_tag_context = iam_actions.request_tag_context
_resource_arn = iam_actions.extract_resource_arn
_iam_tags = tagging._collect_iam
_web_identity_principal = sts._web_identity_principal
_web_identity_trust_denied = sts._web_identity_trust_denied
_add_role_to_instance_profile = iam._IAM_HANDLERS["AddRoleToInstanceProfile"]
_create_pod_identity_association = eks._create_pod_identity_association
_account_authorization_details = iam._IAM_HANDLERS["GetAccountAuthorizationDetails"]


def install():
    """Installs this behaviour in MiniStack."""
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.request_tag_context = request_tag_context
    tagging._RESOURCE_TAG_COLLECTORS["iam"] = iam_tags
    tagging._RESOURCE_TAG_COLLECTORS["ec2"] = ec2_tags
    tagging._RESOURCE_TAG_COLLECTORS["eks"] = eks_tags
    sts._web_identity_principal = web_identity_principal
    sts._web_identity_trust_denied = web_identity_trust_denied
    iam._IAM_HANDLERS["GetAccountAuthorizationDetails"] = account_authorization_details
    iam._IAM_HANDLERS["AddRoleToInstanceProfile"] = add_role_to_instance_profile
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate_principal_policy
    eks._create_pod_identity_association = create_pod_identity_association
    iam._IAM_HANDLERS["TagOpenIDConnectProvider"] = tag_oidc_provider
    iam._IAM_HANDLERS["UntagOpenIDConnectProvider"] = untag_oidc_provider


def resource_arn(service, method, path, headers, body, params, region, account):
    """Returns the ARN on which AWS checks the call, if MiniStack has none or another one."""
    if service == "iam":
        if principal := one(params.get("PolicySourceArn")):
            return principal
        # This includes calls that name a role and a profile, because AWS checks them on the profile.
        if name := one(params.get("InstanceProfileName")):
            return iam_arn(iam._instance_profiles.get(name), "instance-profile", name, params, account)
        if name := one(params.get("RoleName")):
            return iam_arn(iam._roles.get(name), "role", name, params, account)
        if provider := one(params.get("OpenIDConnectProviderArn")) or one(params.get("Url")):
            # MiniStack has issuers of its own. On AWS the issuers are EKS's, and the templates grant these.
            return oidc_arn(provider, region, account)
    if service == "eks" and path.startswith("/tags/"):
        return unquote(path.removeprefix("/tags/"))
    if service == "eks" and (match := ASSOCIATION_PATH.fullmatch(path)):
        return eks._pod_identity_association_arn(match[1], match[2])
    if service == "eks" and (match := ENTRY_PATH.fullmatch(path)):
        entry = eks._access_entries.get(eks._ae_key(match[1], unquote(match[2])))
        return entry["accessEntryArn"] if entry else f"arn:aws:eks:{region}:{account}:access-entry/{match[1]}/none"
    if service == "ec2":
        if kind := EC2_MADE.get(one(params.get("Action"))):
            return f"arn:aws:ec2:{region}:{account}:{kind}/*"
        names = ["ResourceId.1", "LaunchTemplateId"]
        resource = next((one(params[name]) for name in names if params.get(name)), "")
        if name := one(params.get("LaunchTemplateName")):
            resource = next((it["LaunchTemplateId"] for it in ec2._launch_templates.values() if it["LaunchTemplateName"] == name), "")
        if arn := ec2_arn(resource, region, account):
            return arn
    return _resource_arn(service, method, path, headers, body, params, region, account)


def iam_arn(found, kind, name, params, account):
    """Returns the ARN of a role or profile with its path, before or after its creation."""
    path = one(params.get("Path")) or "/"
    return found["Arn"] if found else f"arn:aws:iam::{account}:{kind}{path}{name}"


def ec2_arn(resource, region, account):
    """Returns the ARN of the resource with this id, or None for an unknown kind."""
    kinds = [kind for prefix, kind in EC2_KINDS.items() if resource.startswith(prefix)]
    return f"arn:aws:ec2:{region}:{account}:{kinds[0]}/{resource}" if kinds else None


def oidc_arn(provider, region, account):
    """Returns the ARN of an OIDC provider, given by its ARN or URL, as if its issuer were EKS's."""
    issuer = provider.rsplit("/", 1)[-1]
    return f"arn:aws:iam::{account}:oidc-provider/oidc.eks.{region}.amazonaws.com/id/{issuer}"


def eks_tags():
    """Yields the tags of EKS's resources."""
    for arn, tags in eks._tags.items():
        yield arn, [{"Key": key, "Value": value} for key, value in tags.items()]


def ec2_tags():
    """Yields the tags of EC2's resources."""
    for resource, tags in ec2._tags.items():
        if arn := ec2_arn(resource, get_region(), get_account_id()):
            yield arn, tags


def request_tag_context(service, iam_action, body, params):
    """Returns the tags in a call, including those of its tag specifications, and its other condition keys."""
    context = _request_tag_context(service, iam_action, body, params)
    if service == "iam":
        named = {"iam:policyarn": "PolicyArn", "iam:permissionsboundary": "PermissionsBoundary"}
        context |= {key: one(params[name]) for key, name in named.items() if params.get(name)}
    if iam_action == "eks:CreateAccessEntry":
        context["eks:accessentrytype"] = json.loads(body or b"{}").get("type", "STANDARD")
    if service == "ec2" and iam_action.split(":")[-1] in EC2_MADE:
        tags = {}
        for name in params:
            if match := TAG_OF_SPECIFICATION.match(name):
                tags[one(params[name])] = one(params.get(f"{match.group(1)}.Value")) or ""
        context |= {f"aws:RequestTag/{key}".lower(): value for key, value in tags.items()}
        context["aws:TagKeys"] = list(tags)
    return context


def iam_tags():
    """Yields the tags of users, roles, instance profiles and OIDC providers."""
    yield from _iam_tags()
    for profile in iam._instance_profiles.values():
        yield profile["Arn"], profile.get("Tags", [])
    for provider in iam._oidc_providers.values():
        yield oidc_arn(provider["Arn"], get_region(), get_account_id()), provider.get("Tags", [])


def web_identity_principal(token, provider_id, role_arn):
    """Returns the provider of a token, with its claims. A list with one item becomes this item."""
    principal, claims = _web_identity_principal(token, provider_id, role_arn)
    single = lambda value: value[0] if isinstance(value, list) and len(value) == 1 else value
    return principal, {name: single(value) for name, value in claims.items()}


def web_identity_trust_denied(role_arn, params, use_json):
    """Returns the error for a token that no OIDC provider or the role's trust policy does not accept, or None."""
    token, provider_id = one(params.get("WebIdentityToken")), one(params.get("ProviderId"))
    provider, claims = web_identity_principal(token, provider_id, role_arn)
    audiences = (iam._oidc_providers.get(provider) or {}).get("ClientIDList")
    if audiences is None:
        message = f"No OpenIDConnect provider found in your account for {provider}"
    elif not any(value in audiences for name, value in claims.items() if name.endswith(":aud")):
        message = "Incorrect token audience"
    else:
        return _web_identity_trust_denied(role_arn, params, use_json)
    return sts._error(400, "InvalidIdentityToken", message, ns="sts")


def account_authorization_details(params):
    """Adds the permissions boundary of each role, as in GetRole."""
    status, headers, body = _account_authorization_details(params)
    text = body.decode()
    for role in iam._roles.values():
        if boundary := role.get("PermissionsBoundary"):
            role_id = f"<RoleId>{role['RoleId']}</RoleId>"
            element = f"<PermissionsBoundary><PermissionsBoundaryArn>{boundary}</PermissionsBoundaryArn></PermissionsBoundary>"
            text = text.replace(role_id, role_id + element)
    return status, headers, text.encode()


def add_role_to_instance_profile(params):
    """Adds a role to a profile, if the caller may pass the role to EC2."""
    role = iam._roles.get(one(params.get("RoleName")))
    if role and (message := may_not_pass(role["Arn"], "ec2.amazonaws.com")):
        return iam._error(403, "AccessDenied", message, ns="iam")
    return _add_role_to_instance_profile(params)


def create_pod_identity_association(cluster_name, body):
    """Associates a role with a service account, if the caller may pass the role to EKS's pods."""
    if message := may_not_pass(body.get("roleArn", ""), "pods.eks.amazonaws.com"):
        return eks._error(403, "AccessDeniedException", message)
    return _create_pod_identity_association(cluster_name, body)


def may_not_pass(role_arn, service):
    """Returns the message of an error if the caller may not pass a role to a service, or None."""
    caller, action = iam_evaluator.caller_arn(), "iam:PassRole"
    decision = decide(caller, action, role_arn, {"iam:passedtoservice": service})
    return None if decision == "Allow" else iam_actions.identity_denial_message(action, caller, role_arn, decision == "Deny")


def decide(principal_arn, action, resource_arn, context):
    """Evaluates the policies of a user, a role or its session with its permissions boundary: Allow, Deny or ImplicitDeny."""
    account, kind_and_name = get_account_id(), principal_arn.split(":", 5)[5]
    if kind_and_name == "root":
        return "Allow"
    kind, _, rest = kind_and_name.partition("/")
    if kind == "user":
        principal_type, name, objects = "User", rest.rsplit("/", 1)[-1], iam._users
        policies = iam_evaluator._gather_user_policies(name, account)
    else:
        # The ARN of a session contains the session's name after the role's name. The ARN of a role contains its path before
        # the name.
        principal_type, objects = "AssumedRole", iam._roles
        name = rest.split("/")[0] if kind == "assumed-role" else rest.rsplit("/", 1)[-1]
        policies = iam_evaluator._gather_role_policies(name, account)
    asked = iam_evaluator.EvalContext(
        principal_arn=principal_arn,
        principal_type=principal_type,
        principal_account=account,
        action=action,
        resource_arn=resource_arn,
        region=get_region(),
        service_context=context,
    )
    limits = iam_evaluator._permissions_boundary(objects, name, account)
    return iam_evaluator.evaluate(asked, policies, *limits).decision


def simulate_principal_policy(params):
    """Simulates one action on one resource, with the context of the request."""
    principal = one(params.get("PolicySourceArn"))
    role = iam._roles.get(principal.rsplit("/", 1)[-1])
    if ":role/" in principal and (role is None or role["Arn"] != principal):
        return iam._error(404, "NoSuchEntity", f"The role with ARN {principal} cannot be found.", ns="iam")
    entry = "ContextEntries.member.{}.ContextKey{}".format
    keys = [(one(params[entry(n, "Name")]), entry(n, "Values.member.1")) for n in range(1, 10) if params.get(entry(n, "Name"))]
    context = {key.lower(): one(params.get(value)) for key, value in keys}
    action, resource = one(params["ActionNames.member.1"]), one(params.get("ResourceArns.member.1")) or "*"
    decisions = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}
    decision = decisions[decide(principal, action, resource, context)]
    result = (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision></member>"
    )
    body = f"<SimulatePrincipalPolicyResult><EvaluationResults>{result}</EvaluationResults><IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", body, ns="iam")


def tag_oidc_provider(params):
    """Tags an OIDC provider. MiniStack supports tags only at its creation."""
    return _on_oidc_provider(params, "TagOpenIDConnectProvider", lambda tags: tags | _by_key(iam._extract_tags(params)))


def untag_oidc_provider(params):
    """Removes tags from an OIDC provider."""
    keys = iam._extract_tag_keys(params)
    return _on_oidc_provider(
        params, "UntagOpenIDConnectProvider", lambda tags: {key: tag for key, tag in tags.items() if key not in keys}
    )


def _on_oidc_provider(params, operation, change):
    arn = one(params.get("OpenIDConnectProviderArn"))
    provider = iam._oidc_providers.get(arn)
    if provider is None:
        return iam._error(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", ns="iam")
    provider["Tags"] = list(change(_by_key(provider["Tags"])).values())
    return iam._xml(200, f"{operation}Response", "", ns="iam")


def _by_key(tags):
    return {tag["Key"]: tag for tag in tags}


def one(value):
    """Returns a parameter's only value."""
    return value[0] if isinstance(value, list) else value
