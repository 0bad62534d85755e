//! What AWS refuses on sight: names that are too long, tags that are too many or reserved, managed
//! policies that do not exist; and the managed policies that do.

use hyper::StatusCode;

use super::{
    answer::{Answer, REQUEST_ID, Refusal},
    call::Call,
    quotas,
};

/// What can be refused on sight.
pub(crate) fn by_itself(call: &Call) -> Option<Refusal> {
    match call.service.as_str() {
        "iam" => too_long(call)
            .or_else(|| unknown_managed_policy(call))
            .or_else(|| quotas::too_large(call))
            .or_else(|| (MOST_TAGS < call.tag_keys().len()).then(|| too_many_tags("TagsPerRole"))),
        "ec2" if call.operation == "CreateTags" => {
            let reserved = call.tag_keys().iter().any(|key| key.to_ascii_lowercase().starts_with("aws:"));
            reserved.then(|| {
                Refusal::new(
                    400,
                    "InvalidParameterValue",
                    "Tag keys starting with 'aws:' are reserved for internal use",
                )
            })
        }
        _ => None,
    }
}

fn too_long(call: &Call) -> Option<Refusal> {
    LONGEST_NAMES.iter().find_map(|(param, member, most)| {
        let name = call.param(param)?;
        (*most < name.chars().count()).then(|| {
            let message = format!(
                "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: \
                 Member must have length less than or equal to {most}"
            );
            Refusal::new(400, "ValidationError", message)
        })
    })
}

fn unknown_managed_policy(call: &Call) -> Option<Refusal> {
    let arn = match call.operation.as_str() {
        "AttachRolePolicy" | "GetPolicy" => call.param("PolicyArn"),
        "CreateRole" | "PutRolePermissionsBoundary" => call.param("PermissionsBoundary"),
        _ => None,
    }?;
    let (_, name) = arn.split_once(":iam::aws:policy/")?;
    (!MANAGED_POLICIES.contains(&name)).then(|| no_such_policy(arn))
}

pub(crate) fn no_such_policy(arn: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."))
}

/// `GetPolicy` of a managed policy that AWS has and `MiniStack` does not: it is told to be there.
pub(crate) fn complete(call: &Call, answer: &mut Answer) {
    if !call.is("iam", "GetPolicy") || answer.status != StatusCode::NOT_FOUND {
        return;
    }
    let Some((arn, name)) = call.param("PolicyArn").and_then(|arn| Some((arn, arn.split_once(":iam::aws:policy/")?.1)))
    else {
        return;
    };
    answer.status = StatusCode::OK;
    answer.body = format!(
        "<GetPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetPolicyResult><Policy>\
         <PolicyName>{}</PolicyName><Arn>{arn}</Arn><IsAttachable>true</IsAttachable></Policy></GetPolicyResult>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></GetPolicyResponse>",
        name.rsplit('/').next().unwrap_or(name),
    )
    .into();
}

pub(crate) fn too_many_tags(quota: &str) -> Refusal {
    Refusal::new(409, "LimitExceeded", format!("Cannot exceed quota for {quota}: {MOST_TAGS}"))
}

/// Of IAM's objects and of EC2's alike.
pub(crate) const MOST_TAGS: usize = 50;

/// Parameter, its name in the message, and the most characters that it may have.
const LONGEST_NAMES: [(&str, &str, usize); 4] = [
    ("Path", "path", 512),
    ("RoleName", "roleName", 64),
    ("InstanceProfileName", "instanceProfileName", 128),
    ("PolicyName", "policyName", 128),
];

/// AWS's managed policies that a cluster's roles are likely to have. One that is missing here is
/// refused, so a test that needs it adds it.
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
        by_itself(call).map(|refusal| refusal.code)
    }

    #[test]
    fn names_end_where_iam_ends_them() {
        let role = |length| call("iam", "CreateRole", &[("RoleName", &"r".repeat(length))]);
        assert_eq!(code(&role(64)), None);
        assert_eq!(code(&role(65)).as_deref(), Some("ValidationError"));
    }

    #[test]
    fn only_known_managed_policies_are_attached() {
        let attach = |arn| call("iam", "AttachRolePolicy", &[("PolicyArn", arn)]);
        assert_eq!(code(&attach("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy")), None);
        assert_eq!(code(&attach("arn:aws:iam::111122223333:policy/mine")), None);
        assert_eq!(code(&attach("arn:aws-cn:iam::aws:policy/AmazonEKSCNIPolicy")).as_deref(), Some("NoSuchEntity"));
    }

    #[test]
    fn the_managed_policies_that_aws_has_are_there() {
        let get = |arn| call("iam", "GetPolicy", &[("PolicyArn", arn)]);
        let missing = || Refusal::new(404, "NoSuchEntity", "not found").answer(&get(""));
        let (known, unknown) =
            (get("arn:aws:iam::aws:policy/ReadOnlyAccess"), get("arn:aws:iam::aws:policy/ReadOnlyAcess"));
        assert_eq!(code(&known), None);
        assert_eq!(code(&unknown).as_deref(), Some("NoSuchEntity"));
        let mut answer = missing();
        complete(&known, &mut answer);
        assert_eq!((answer.status, answer.error_code()), (StatusCode::OK, None));
        let mut answer = missing();
        complete(&get("arn:aws:iam::111122223333:policy/mine"), &mut answer);
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn tags_are_limited_in_number_and_name() {
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
