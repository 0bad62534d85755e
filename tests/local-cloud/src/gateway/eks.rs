//! Finds the operation of a request to EKS, a REST API, from its method and path.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

/// Returns the operation and the parameters in the path; `None` for an unknown route.
pub(crate) fn operation(method: &Method, path: &str) -> Option<(&'static str, Params)> {
    // The path is split before it is decoded, because the ARNs in it contain encoded slashes. Some clients do not encode
    // these. For this reason, a route that ends with an ARN takes the rest of the path.
    let decoded: Vec<Cow<'_, str>> = path
        .trim_start_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
    match segments.as_slice() {
        ["tags", arn @ ..] => Some((
            by_method(method, "ListTagsForResource", "TagResource", Some("UntagResource"))?,
            named([("resourceArn", &arn.join("/"))]),
        )),
        ["clusters"] => Some((by_method(method, "ListClusters", "CreateCluster", None)?, Params::new())),
        ["access-policies"] if method == Method::GET => Some(("ListAccessPolicies", Params::new())),
        ["clusters", cluster, rest @ ..] => {
            let (operation, mut params) = cluster_route(method, rest)?;
            params.extend(named([("name", cluster)]));
            Some((operation, params))
        }
        _ => None,
    }
}

/// Parameter names, as in the API reference, and values.
pub(crate) type Params = Vec<(String, String)>;

fn cluster_route(method: &Method, path: &[&str]) -> Option<(&'static str, Params)> {
    let post = method == Method::POST;
    Some(match path {
        [] if method == Method::GET => ("DescribeCluster", Params::new()),
        [] if method == Method::DELETE => ("DeleteCluster", Params::new()),
        ["update-config"] if post => ("UpdateClusterConfig", Params::new()),
        ["updates"] => (by_method(method, "ListUpdates", "UpdateClusterVersion", None)?, Params::new()),
        ["updates", id] => ("DescribeUpdate", named([("updateId", id)])),
        ["node-groups"] => (by_method(method, "ListNodegroups", "CreateNodegroup", None)?, Params::new()),
        ["node-groups", name] if !post => {
            (by_method(method, "DescribeNodegroup", "", Some("DeleteNodegroup"))?, named([("nodegroupName", name)]))
        }
        ["node-groups", name, "update-config"] if post => ("UpdateNodegroupConfig", named([("nodegroupName", name)])),
        ["node-groups", name, "update-version"] if post => ("UpdateNodegroupVersion", named([("nodegroupName", name)])),
        ["addons"] => (by_method(method, "ListAddons", "CreateAddon", None)?, Params::new()),
        ["addons", name, "update"] if post => ("UpdateAddon", named([("addonName", name)])),
        ["addons", name] if !post => {
            (by_method(method, "DescribeAddon", "", Some("DeleteAddon"))?, named([("addonName", name)]))
        }
        ["pod-identity-associations"] => {
            (by_method(method, "ListPodIdentityAssociations", "CreatePodIdentityAssociation", None)?, Params::new())
        }
        ["pod-identity-associations", id] => (
            by_method(
                method,
                "DescribePodIdentityAssociation",
                "UpdatePodIdentityAssociation",
                Some("DeletePodIdentityAssociation"),
            )?,
            named([("associationId", id)]),
        ),
        ["access-entries", rest @ ..] => access_entry_route(method, rest)?,
        _ => return None,
    })
}

fn access_entry_route(method: &Method, path: &[&str]) -> Option<(&'static str, Params)> {
    if path.is_empty() {
        let operation = by_method(method, "ListAccessEntries", "CreateAccessEntry", None)?;
        return Some((operation, Params::new()));
    }
    let Some(policies) = path.iter().position(|part| *part == "access-policies") else {
        let operation = by_method(method, "DescribeAccessEntry", "UpdateAccessEntry", Some("DeleteAccessEntry"))?;
        return Some((operation, named([("principalArn", &path.join("/"))])));
    };
    let principal = path[..policies].join("/");
    let policy = path[policies + 1..].join("/");
    let operation =
        by_method(method, "ListAssociatedAccessPolicies", "AssociateAccessPolicy", Some("DisassociateAccessPolicy"))?;
    let mut params = named([("principalArn", &principal)]);
    if !policy.is_empty() {
        params.extend(named([("policyArn", &policy)]));
    }
    Some((operation, params))
}

fn by_method(
    method: &Method,
    get: &'static str,
    post: &'static str,
    delete: Option<&'static str>,
) -> Option<&'static str> {
    match *method {
        Method::GET => Some(get),
        Method::POST => Some(post),
        Method::DELETE => delete,
        _ => None,
    }
}

fn named<const N: usize>(pairs: [(&str, &str); N]) -> Params {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_the_names_of_the_api() {
        for (method, path, expected, params) in [
            (Method::GET, "/clusters", "ListClusters", vec![]),
            (Method::POST, "/clusters", "CreateCluster", vec![]),
            (Method::GET, "/clusters/c", "DescribeCluster", vec![("name", "c")]),
            (Method::DELETE, "/clusters/c", "DeleteCluster", vec![("name", "c")]),
            (Method::GET, "/clusters/c/node-groups", "ListNodegroups", vec![("name", "c")]),
            (
                Method::GET,
                "/clusters/c/node-groups/m",
                "DescribeNodegroup",
                vec![("nodegroupName", "m"), ("name", "c")],
            ),
            (
                Method::DELETE,
                "/clusters/c/node-groups/m",
                "DeleteNodegroup",
                vec![("nodegroupName", "m"), ("name", "c")],
            ),
            (Method::GET, "/clusters/c/access-entries", "ListAccessEntries", vec![("name", "c")]),
            (Method::POST, "/clusters/c/access-entries", "CreateAccessEntry", vec![("name", "c")]),
            (
                Method::GET,
                "/clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr",
                "DescribeAccessEntry",
                vec![("principalArn", "arn:aws:iam::1:role/r"), ("name", "c")],
            ),
            (
                Method::POST,
                "/clusters/c/access-entries/arn:aws:iam::1:role/r",
                "UpdateAccessEntry",
                vec![("principalArn", "arn:aws:iam::1:role/r"), ("name", "c")],
            ),
            (
                Method::DELETE,
                "/clusters/c/access-entries/arn:aws:iam::1:role/r",
                "DeleteAccessEntry",
                vec![("principalArn", "arn:aws:iam::1:role/r"), ("name", "c")],
            ),
            (
                Method::DELETE,
                "/clusters/c/access-entries/a%2Fb/access-policies/p%2Fq",
                "DisassociateAccessPolicy",
                vec![("principalArn", "a/b"), ("policyArn", "p/q"), ("name", "c")],
            ),
            (
                Method::POST,
                "/clusters/c/pod-identity-associations",
                "CreatePodIdentityAssociation",
                vec![("name", "c")],
            ),
            (
                Method::DELETE,
                "/clusters/c/pod-identity-associations/a-1",
                "DeletePodIdentityAssociation",
                vec![("associationId", "a-1"), ("name", "c")],
            ),
            (
                Method::POST,
                "/clusters/c/addons/vpc-cni/update",
                "UpdateAddon",
                vec![("addonName", "vpc-cni"), ("name", "c")],
            ),
            (
                Method::GET,
                "/tags/arn%3Aaws%3Aeks%3Aus-east-1%3A1%3Acluster%2Fc",
                "ListTagsForResource",
                vec![("resourceArn", "arn:aws:eks:us-east-1:1:cluster/c")],
            ),
            (Method::POST, "/tags/a/b", "TagResource", vec![("resourceArn", "a/b")]),
            (Method::DELETE, "/tags/a/b", "UntagResource", vec![("resourceArn", "a/b")]),
        ] {
            let (found, found_params) = operation(&method, path).unwrap();
            assert_eq!(found, expected, "{method} {path}");
            let found_params: Vec<(&str, &str)> =
                found_params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found_params, params, "{method} {path}");
        }
    }

    #[test]
    fn unknown_route_has_no_operation() {
        assert_eq!(operation(&Method::POST, "/clusters/c/node-groups/m"), None);
        assert_eq!(operation(&Method::GET, "/oidc/id/X/keys"), None);
    }
}
