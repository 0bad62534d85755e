//! Checks of AWS that need only the call: the length of names, the number and the prefix of tags, and the existence of
//! managed policies.

use hyper::StatusCode;

use super::{
    call::Call,
    quotas,
    response::{ErrorResponse, REQUEST_ID, ServiceResponse},
};

/// Returns the error that AWS would return, if the call alone shows it.
pub(crate) fn check_call(call: &Call) -> Option<ErrorResponse> {
    match call.service.as_str() {
        "iam" => too_long(call)
            .or_else(|| unknown_managed_policy(call))
            .or_else(|| quotas::too_large(call))
            .or_else(|| (MOST_TAGS < call.tag_keys().len()).then(|| too_many_tags("TagsPerRole"))),
        "ec2" if call.operation == "CreateTags" => {
            let reserved = call.tag_keys().iter().any(|key| key.to_ascii_lowercase().starts_with("aws:"));
            reserved.then(|| {
                ErrorResponse::new(
                    400,
                    "InvalidParameterValue",
                    "Tag keys starting with 'aws:' are reserved for internal use",
                )
            })
        }
        _ => None,
    }
}

fn too_long(call: &Call) -> Option<ErrorResponse> {
    LONGEST_NAMES.iter().find_map(|(param, member, most)| {
        let name = call.param(param)?;
        (*most < name.chars().count()).then(|| {
            let message = format!(
                "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: \
                 Member must have length less than or equal to {most}"
            );
            ErrorResponse::new(400, "ValidationError", message)
        })
    })
}

fn unknown_managed_policy(call: &Call) -> Option<ErrorResponse> {
    let arn = match call.operation.as_str() {
        "AttachRolePolicy" | "GetPolicy" => call.param("PolicyArn"),
        "CreateRole" | "PutRolePermissionsBoundary" => call.param("PermissionsBoundary"),
        _ => None,
    }?;
    let (_, name) = arn.split_once(":iam::aws:policy/")?;
    (!MANAGED_POLICIES.contains(&name)).then(|| no_such_policy(arn))
}

pub(crate) fn no_such_policy(arn: &str) -> ErrorResponse {
    ErrorResponse::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."))
}

/// Completes the response to `GetPolicy` for a managed policy that AWS has and MiniStack lacks.
pub(crate) fn complete_get_policy(call: &Call, response: &mut ServiceResponse) {
    if !call.is("iam", "GetPolicy") || response.status != StatusCode::NOT_FOUND {
        return;
    }
    let Some((arn, name)) = call.param("PolicyArn").and_then(|arn| Some((arn, arn.split_once(":iam::aws:policy/")?.1)))
    else {
        return;
    };
    response.status = StatusCode::OK;
    response.body = format!(
        "<GetPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetPolicyResult><Policy>\
         <PolicyName>{}</PolicyName><Arn>{arn}</Arn><IsAttachable>true</IsAttachable></Policy></GetPolicyResult>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></GetPolicyResponse>",
        name.rsplit('/').next().unwrap_or(name),
    )
    .into();
}

pub(crate) fn too_many_tags(quota: &str) -> ErrorResponse {
    ErrorResponse::new(409, "LimitExceeded", format!("Cannot exceed quota for {quota}: {MOST_TAGS}"))
}

/// The maximum number of tags, for objects of IAM and of EC2.
pub(crate) const MOST_TAGS: usize = 50;

/// Parameter, its name in the message, and its maximum number of characters.
const LONGEST_NAMES: [(&str, &str, usize); 4] = [
    ("Path", "path", 512),
    ("RoleName", "roleName", 64),
    ("InstanceProfileName", "instanceProfileName", 128),
    ("PolicyName", "policyName", 128),
];

/// AWS's managed policies that are typical for a cluster's roles. Others are rejected. A test that needs another one adds it
/// here.
const MANAGED_POLICIES: [&str; 22] = [
    "AWSXRayDaemonWriteAccess",
    "AdministratorAccess",
    "AmazonEC2ContainerRegistryPowerUser",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSClusterPolicy",
    "AmazonEKSServicePolicy",
    "AmazonEKSVPCResourceController",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMManagedInstanceCore",
    "AmazonSSMPatchAssociation",
    "CloudWatchAgentServerPolicy",
    "IAMReadOnlyAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "service-role/AWSLambdaBasicExecutionRole",
    "service-role/AWSLambdaVPCAccessExecutionRole",
    "service-role/AmazonEBSCSIDriverPolicy",
    "service-role/AmazonEC2RoleforSSM",
];

#[cfg(test)]
mod tests {
    use hyper::{Request, body::Bytes};

    use super::*;

    fn call(service: &str, operation: &str, params: &[(&str, &str)]) -> Call {
        let (parts, body) = Request::new(Bytes::new()).into_parts();
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Call::unfinished(&parts, body, service.to_owned(), operation.to_owned(), params)
    }

    fn code(call: &Call) -> Option<String> {
        check_call(call).map(|error| error.code)
    }

    #[test]
    fn names_longer_than_the_limit_are_rejected() {
        let role = |length| call("iam", "CreateRole", &[("RoleName", &"r".repeat(length))]);
        assert_eq!(code(&role(64)), None);
        assert_eq!(code(&role(65)).as_deref(), Some("ValidationError"));
    }

    #[test]
    fn unknown_managed_policy_is_rejected() {
        let attach = |arn| call("iam", "AttachRolePolicy", &[("PolicyArn", arn)]);
        assert_eq!(code(&attach("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy")), None);
        assert_eq!(code(&attach("arn:aws:iam::111122223333:policy/mine")), None);
        assert_eq!(code(&attach("arn:aws-cn:iam::aws:policy/AmazonEKSCNIPolicy")).as_deref(), Some("NoSuchEntity"));
    }

    #[test]
    fn get_policy_finds_managed_policies_of_aws() {
        let get = |arn| call("iam", "GetPolicy", &[("PolicyArn", arn)]);
        let missing = || ErrorResponse::new(404, "NoSuchEntity", "not found").response(&get(""));
        let (known, unknown) =
            (get("arn:aws:iam::aws:policy/ReadOnlyAccess"), get("arn:aws:iam::aws:policy/ReadOnlyAcess"));
        assert_eq!(code(&known), None);
        assert_eq!(code(&unknown).as_deref(), Some("NoSuchEntity"));
        let mut response = missing();
        complete_get_policy(&known, &mut response);
        assert_eq!((response.status, response.error_code()), (StatusCode::OK, None));
        let mut response = missing();
        complete_get_policy(&get("arn:aws:iam::111122223333:policy/mine"), &mut response);
        assert_eq!(response.status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn too_many_or_reserved_tags_are_rejected() {
        let tags = |count: usize| {
            let keys: Vec<_> = (1..=count).map(|n| (format!("Tags.member.{n}.Key"), format!("k{n}"))).collect();
            let keys: Vec<_> = keys.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
            call("iam", "CreateRole", &keys)
        };
        assert_eq!(code(&tags(50)), None);
        assert_eq!(code(&tags(51)).as_deref(), Some("LimitExceeded"));
        let reserved = call("ec2", "CreateTags", &[("Tag.1.Key", "a"), ("Tag.2.Key", "AWS:x")]);
        assert_eq!(code(&reserved).as_deref(), Some("InvalidParameterValue"));
    }
}
