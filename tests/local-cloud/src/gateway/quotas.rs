//! IAM's quotas for roles and instance profiles
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).

use super::{
    call::Call,
    limits::no_such_policy,
    response::{ErrorResponse, elements},
    upstream::Upstream,
};

/// The maximum number of managed policies of a role.
const POLICIES_PER_ROLE: usize = 10;

/// The maximum number of characters, without white space, of a role's inline policies and of its trust policy.
const INLINE_MOST: usize = 10_240;
const TRUST_MOST: usize = 2_048;

/// Returns the error for a document that is too large.
pub(super) fn too_large(call: &Call) -> Option<ErrorResponse> {
    let exceeds = |param: &str, most: usize| {
        call.param(param).is_some_and(|document| most < document.chars().filter(|c| !c.is_whitespace()).count())
    };
    let role = call.param("RoleName")?;
    let message = match call.operation.as_str() {
        "PutRolePolicy" if exceeds("PolicyDocument", INLINE_MOST) => {
            format!("Maximum policy size of {INLINE_MOST} bytes exceeded for role {role}")
        }
        "CreateRole" if exceeds("AssumeRolePolicyDocument", TRUST_MOST) => trust_exceeded(),
        "UpdateAssumeRolePolicy" if exceeds("PolicyDocument", TRUST_MOST) => trust_exceeded(),
        _ => return None,
    };
    Some(ErrorResponse::new(409, "LimitExceeded", message))
}

fn trust_exceeded() -> String {
    format!("Cannot exceed quota for ACLSizePerRole: {TRUST_MOST}")
}

/// Returns the error for a managed policy of a role or a role of a profile that exceeds its quota, and for an unknown policy
/// of the account.
pub(super) async fn check_quotas(account: &str, call: &Call, upstream: &Upstream) -> Option<ErrorResponse> {
    let ask = async |operation: &str, param: &str| {
        let form = [("Action", operation), (param, call.param(param)?)];
        let response =
            upstream.ask(account, call, &form.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
        Some((response.status, response.text().into_owned()))
    };
    match call.operation.as_str() {
        "AttachRolePolicy" => {
            let arn = call.param("PolicyArn")?;
            if !arn.contains(":iam::aws:") && ask("GetPolicy", "PolicyArn").await?.0.is_client_error() {
                return Some(no_such_policy(arn));
            }
            let (_, text) = ask("ListAttachedRolePolicies", "RoleName").await?;
            let attached: Vec<_> = elements(&text, "PolicyArn").collect();
            (POLICIES_PER_ROLE <= attached.len() && !attached.contains(&arn)).then(|| {
                let message = format!("Cannot exceed quota for PoliciesPerRole: {POLICIES_PER_ROLE}");
                ErrorResponse::new(409, "LimitExceeded", message)
            })
        }
        "AddRoleToInstanceProfile" => {
            let (_, text) = ask("GetInstanceProfile", "InstanceProfileName").await?;
            elements(&text, "RoleName").next().map(|_| {
                ErrorResponse::new(
                    409,
                    "LimitExceeded",
                    "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
                )
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::{Request, body::Bytes};

    use super::*;

    #[test]
    fn documents_larger_than_the_quota_are_rejected() {
        let (parts, _) = Request::new(Bytes::new()).into_parts();
        let call = |operation: &str, param: &str, length: usize| {
            let params = [("RoleName", "r".to_owned()), (param, format!("{} \n", "x".repeat(length)))];
            let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Call::unfinished(&parts, Bytes::new(), "iam".to_owned(), operation.to_owned(), params)
        };
        for (operation, param, most) in [
            ("PutRolePolicy", "PolicyDocument", 10_240),
            ("CreateRole", "AssumeRolePolicyDocument", 2_048),
            ("UpdateAssumeRolePolicy", "PolicyDocument", 2_048),
        ] {
            assert!(too_large(&call(operation, param, most)).is_none(), "{operation}");
            let error = too_large(&call(operation, param, most + 1));
            assert_eq!(error.map(|error| error.code).as_deref(), Some("LimitExceeded"), "{operation}");
        }
    }
}
