//! Identifies the operation and the AWS service of a request.

use std::collections::BTreeMap;

use hyper::{
    Method,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
    http::request::Parts,
};
use url::form_urlencoded;

use super::{
    call::{Access, Call, Caller},
    eks,
};

impl Call {
    /// Identifies an AWS call by its signature, form, path and body. The journal sets `seq`.
    pub(crate) fn aws(parts: &Parts, body: Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let scope = credential_scope(&parts.headers, query);
        let mut params = form(&parts.headers, query, &body);
        let path = parts.uri.path();
        let service =
            scope.as_ref().map_or_else(|| unsigned_service(&params).to_owned(), |scope| scope.service.clone());

        let operation = if let Some(action) = params.remove("Action") {
            action
        } else if let Some(target) = parts.headers.get("x-amz-target") {
            let target = String::from_utf8_lossy(target.as_bytes()).into_owned();
            target.rsplit('.').next().unwrap_or_default().to_owned()
        } else if service == "eks"
            && let Some((operation, named)) = eks::operation(&parts.method, path)
        {
            params.extend(named);
            operation.to_owned()
        } else {
            format!("{} {path}", parts.method)
        };

        Self {
            access: aws_access(&operation, &parts.method),
            region: scope.as_ref().map(|scope| scope.region.clone()),
            caller: scope.map(|scope| Caller { access_key_id: scope.access_key_id }),
            ..Self::unfinished(parts, body, service, operation, params)
        }
    }
}

struct Scope {
    access_key_id: String,
    region: String,
    service: String,
}

/// Returns the credential scope (`KEY/20260101/us-east-1/iam/aws4_request`) of a signed or presigned request. A `SigV4a`
/// scope has no region.
fn credential_scope(headers: &HeaderMap, query: &str) -> Option<Scope> {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential="))
        .map(|(_, rest)| rest.split(',').next().unwrap_or_default().to_owned());
    let credential = header.or_else(|| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    })?;
    let parts: Vec<&str> = credential.trim().split('/').collect();
    match parts.as_slice() {
        [key, _, region, service, "aws4_request"] => Some(Scope {
            access_key_id: (*key).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
        }),
        [key, _, service, "aws4_request"] => {
            Some(Scope { access_key_id: (*key).to_owned(), region: String::new(), service: (*service).to_owned() })
        }
        _ => None,
    }
}

/// Returns the parameters of the query without those of a presigned signature, and of the body if it is a form.
fn form(headers: &HeaderMap, query: &str, body: &Bytes) -> BTreeMap<String, String> {
    let is_form = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(FORM.as_bytes()));
    let body: &[u8] = if is_form { body } else { &[] };
    form_urlencoded::parse(query.as_bytes())
        .chain(form_urlencoded::parse(body))
        .filter(|(name, _)| !name.starts_with("X-Amz-") && name != "Version")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Returns the service of an unsigned call. Only STS accepts these.
fn unsigned_service(params: &BTreeMap<String, String>) -> &'static str {
    match params.get("Action") {
        Some(action) if action.starts_with("AssumeRoleWith") => "sts",
        _ => "unknown",
    }
}

fn aws_access(operation: &str, method: &Method) -> Access {
    let reads = if operation.contains(' ') {
        matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
    } else {
        READS.iter().any(|prefix| operation.starts_with(prefix))
    };
    if reads { Access::Read } else { Access::Write }
}

const FORM: &str = "application/x-www-form-urlencoded";

const READS: [&str; 5] = ["Get", "List", "Describe", "Simulate", "AssumeRole"];

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn call(method: &str, uri: &str, service: &str, body: &'static str) -> Call {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential=111122223333/20261122/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let (parts, body) = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, credential)
            .header(CONTENT_TYPE, FORM)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
            .into_parts();
        Call::aws(&parts, body)
    }

    #[test]
    fn query_services_have_the_operation_in_the_form() {
        for (service, body, operation, access) in [
            ("iam", "Action=CreateRole&RoleName=r", "CreateRole", Access::Write),
            ("iam", "Action=GetRole&RoleName=r", "GetRole", Access::Read),
            ("iam", "Action=ListRoles", "ListRoles", Access::Read),
            ("iam", "Action=SimulatePrincipalPolicy", "SimulatePrincipalPolicy", Access::Read),
            ("iam", "Action=TagRole", "TagRole", Access::Write),
            ("sts", "Action=GetCallerIdentity", "GetCallerIdentity", Access::Read),
            ("sts", "Action=AssumeRole", "AssumeRole", Access::Read),
            ("ec2", "Action=DescribeSubnets", "DescribeSubnets", Access::Read),
            ("ec2", "Action=CreateTags", "CreateTags", Access::Write),
            ("cloudformation", "Action=DescribeStackResource", "DescribeStackResource", Access::Read),
            ("cloudformation", "Action=CreateStack", "CreateStack", Access::Write),
        ] {
            let call = call("POST", "/", service, body);
            assert_eq!(
                (call.service.as_str(), call.operation.as_str(), call.access),
                (service, operation, access),
                "{body}"
            );
        }
    }

    #[test]
    fn form_fields_are_the_parameters() {
        let call = call(
            "POST",
            "/",
            "ec2",
            "Action=CreateTags&Version=2016-11-15&ResourceId.1=subnet-1&ResourceId.2=sg-2&Tag.1.Key=a%2Fb&Tag.1.Value=v",
        );
        assert_eq!(call.list("ResourceId"), ["subnet-1", "sg-2"]);
        assert_eq!(call.tag_keys(), ["a/b"]);
        assert_eq!(call.param("Version"), None);
        assert_eq!(call.region.as_deref(), Some("us-east-1"));
        assert_eq!(call.caller.unwrap().account(), Some("111122223333"));
    }

    #[test]
    fn presigned_call_is_identified_by_its_query() {
        let (parts, body) = Request::get(
            "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=ASIAX%2F20261122%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Signature=5",
        )
        .body(Bytes::new())
        .unwrap()
        .into_parts();
        let call = Call::aws(&parts, body);
        assert!(call.is("sts", "GetCallerIdentity"));
        assert_eq!(call.region.as_deref(), Some("eu-west-1"));
        assert_eq!(call.caller.unwrap().account(), None);
        assert!(call.params.is_empty(), "no part of the signature is kept");
    }

    #[test]
    fn unsigned_call_for_credentials_is_sts() {
        let (parts, body) = Request::post("/")
            .header(CONTENT_TYPE, FORM)
            .body(Bytes::from_static(b"Action=AssumeRoleWithWebIdentity&RoleArn=r"))
            .unwrap()
            .into_parts();
        let call = Call::aws(&parts, body);
        assert!(call.is("sts", "AssumeRoleWithWebIdentity"));
        assert_eq!((call.access, call.caller), (Access::Read, None));
    }

    #[test]
    fn unknown_api_is_identified_by_its_method() {
        let put = call("PUT", "/bucket/key", "s3", "");
        assert_eq!((put.operation.as_str(), put.access), ("PUT /bucket/key", Access::Write));
        assert_eq!(call("HEAD", "/bucket/key", "s3", "").access, Access::Read);
    }
}
