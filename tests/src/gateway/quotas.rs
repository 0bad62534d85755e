//! IAM's quotas on a role and an instance profile
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).

use super::{
    answer::{Refusal, elements},
    call::Call,
    limits::no_such_policy,
    upstream::Upstream,
};

/// The most managed policies on a role.
const POLICIES_PER_ROLE: usize = 10;

/// The most characters, white space not counted, of a role's inline policies and of its trust policy.
const INLINE_MOST: usize = 10_240;
const TRUST_MOST: usize = 2_048;

/// What is too large on sight: a document.
pub(super) fn too_large(call: &Call) -> Option<Refusal> {
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
    Some(Refusal::new(409, "LimitExceeded", message))
}

fn trust_exceeded() -> String {
    format!("Cannot exceed quota for ACLSizePerRole: {TRUST_MOST}")
}

/// What is one too many beside what stands: a role's managed policy, a profile's role; and a policy of the account's that does
/// not exist.
pub(super) async fn refuse(account: &str, call: &Call, upstream: &Upstream) -> Option<Refusal> {
    let ask = async |operation: &str, param: &str| {
        let form = [("Action", operation), (param, call.param(param)?)];
        let answer =
            upstream.ask(account, call, &form.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
        Some((answer.status, answer.text().into_owned()))
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
                Refusal::new(409, "LimitExceeded", message)
            })
        }
        "AddRoleToInstanceProfile" => {
            let (_, text) = ask("GetInstanceProfile", "InstanceProfileName").await?;
            elements(&text, "RoleName").next().map(|_| {
                Refusal::new(409, "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
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
    fn documents_end_where_iam_ends_them() {
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
            let refusal = too_large(&call(operation, param, most + 1));
            assert_eq!(refusal.map(|refusal| refusal.code).as_deref(), Some("LimitExceeded"), "{operation}");
        }
    }
}
