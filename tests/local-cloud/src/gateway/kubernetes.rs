//! The gateway in front of a kube-apiserver. It terminates TLS with a certificate of the cloud's authority, forwards the
//! bearer token, records each call in the journal of the AWS calls, and applies the same rules.
//!
//! The operation of a call is Kubernetes' verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or
//! `deletecollection`. Its parameters are `group`, `namespace`, `resource`, `name` and `subresource`, if the path has them,
//! and the parameters of the query. A dry run has the prefix `dry-run-`, for example `dry-run-update`, and counts as a read.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use hyper::{Method, body::Bytes, http::request::Parts};
use rustls::{ClientConfig, ServerConfig};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    Bound,
    call::{Access, Call},
    exchange::Exchange,
    journal::Journal,
    rules::Rules,
    server::Server,
    upstream::Upstream,
};

/// A gateway in front of a kube-apiserver. Dropping it stops it.
pub struct KubernetesGateway {
    url: String,
    _server: Server,
}

impl KubernetesGateway {
    /// Serves at `bound` with the certificate of `tls`, and forwards to the API server at `upstream`. `trust` verifies the
    /// API server's certificate, which must be for its IP address. Calls are recorded in `journal`, and `rules` apply. Both
    /// may be those of a [`Gateway`](super::Gateway).
    pub fn serve(
        bound: Bound,
        tls: Arc<ServerConfig>,
        upstream: SocketAddr,
        trust: Arc<ClientConfig>,
        journal: Journal,
        rules: Rules,
    ) -> Self {
        let exchange = Arc::new(Exchange {
            upstream: Upstream::https(upstream, trust),
            journal,
            rules,
            identify,
            strict: None,
            rewrite: None,
        });
        let url = bound.url(true);
        let server = Server::start(bound.listener, Some(tls), move |request, connection, _| {
            Arc::clone(&exchange).handle(request, connection)
        });
        Self { url, _server: server }
    }

    /// The endpoint for callers: `https://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn identify(parts: &Parts, body: Bytes) -> Call {
    let mut params: BTreeMap<String, String> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let path: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match path.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => ("", [].as_slice()),
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..]
            if rest.first().is_some_and(|part| !NAMESPACE_SUBRESOURCES.contains(part)) =>
        {
            (*namespace, rest)
        }
        _ => ("", rest),
    };
    let resource = rest.first().copied().unwrap_or_default();
    let name = rest.get(1).copied().unwrap_or_default();
    let subresource = rest.get(2).copied().unwrap_or_default();

    let watches = params.get("watch").is_some_and(|value| value == "true" || value == "1");
    let operation = match (&parts.method, resource, name) {
        (method, "", _) => method.as_str().to_ascii_lowercase(),
        (&Method::GET, _, _) if watches => "watch".to_owned(),
        (&Method::GET, _, "") => "list".to_owned(),
        (&Method::GET | &Method::HEAD, _, _) => "get".to_owned(),
        (&Method::POST, _, _) => "create".to_owned(),
        (&Method::PUT, _, _) => "update".to_owned(),
        (&Method::PATCH, _, _) => "patch".to_owned(),
        (&Method::DELETE, _, "") => "deletecollection".to_owned(),
        (method, _, _) => method.as_str().to_ascii_lowercase(),
    };
    let is_dry_run = is_dry_run(&params, &parts.method, &body);
    let operation = if is_dry_run { format!("dry-run-{operation}") } else { operation };
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
        || is_dry_run
        || (parts.method == Method::POST && REVIEWS.contains(&resource));
    let named = [
        ("group", group),
        ("namespace", namespace),
        ("resource", resource),
        ("name", name),
        ("subresource", subresource),
    ];
    for (param, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
        params.insert(param.to_owned(), value.to_owned());
    }
    Call {
        access: if reads { Access::Read } else { Access::Write },
        ..Call::unfinished(parts, body, "kubernetes".to_owned(), operation, params)
    }
}

/// Returns whether the API server stores nothing. The query says so, or the options in the body of a DELETE.
fn is_dry_run(params: &BTreeMap<String, String>, method: &Method, body: &[u8]) -> bool {
    let in_options = || serde_json::from_slice::<Value>(body).is_ok_and(|options| options["dryRun"][0] == "All");
    params.get("dryRun").is_some_and(|value| value == "All") || *method == Method::DELETE && in_options()
}

/// Path segments that can follow the name of a namespace, and are no resources in it.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["finalize", "status"];

/// Reviews are read requests with the method POST.
const REVIEWS: [&str; 6] = [
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "tokenreviews",
];

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn verb_is_derived_from_method_and_path() {
        let aws_auth = "/api/v1/namespaces/kube-system/configmaps/aws-auth";
        for (method, path, line) in [
            (Method::GET, aws_auth, "read  kubernetes get name=aws-auth namespace=kube-system resource=configmaps"),
            (Method::PUT, aws_auth, "write kubernetes update name=aws-auth namespace=kube-system resource=configmaps"),
            (Method::PATCH, aws_auth, "write kubernetes patch name=aws-auth namespace=kube-system resource=configmaps"),
            (
                Method::DELETE,
                aws_auth,
                "write kubernetes delete name=aws-auth namespace=kube-system resource=configmaps",
            ),
            (
                Method::POST,
                "/api/v1/namespaces/kube-system/configmaps",
                "write kubernetes create namespace=kube-system resource=configmaps",
            ),
            (Method::GET, "/api/v1/nodes?watch=true", "read  kubernetes watch resource=nodes watch=true"),
            (Method::GET, "/api/v1/namespaces/n", "read  kubernetes get name=n resource=namespaces"),
            (
                Method::PUT,
                "/api/v1/namespaces/n/finalize",
                "write kubernetes update name=n resource=namespaces subresource=finalize",
            ),
            (Method::DELETE, "/api/v1/nodes", "write kubernetes deletecollection resource=nodes"),
            (
                Method::POST,
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                "read  kubernetes create group=authorization.k8s.io resource=selfsubjectaccessreviews",
            ),
            (
                Method::POST,
                "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                "read  kubernetes create group=authentication.k8s.io resource=selfsubjectreviews",
            ),
            (Method::GET, "/version", "read  kubernetes get"),
            (
                Method::PUT,
                "/api/v1/namespaces/kube-system/configmaps/aws-auth?dryRun=All",
                "read  kubernetes dry-run-update dryRun=All name=aws-auth namespace=kube-system resource=configmaps",
            ),
        ] {
            let request = Request::builder().method(&method).uri(path).body(Bytes::new()).unwrap();
            let (parts, body) = request.into_parts();
            let call = identify(&parts, body).to_string();
            assert_eq!(call, format!("#0    {line} … running"), "{method} {path}");
        }
        let (parts, ()) = Request::builder().method(Method::DELETE).uri(aws_auth).body(()).unwrap().into_parts();
        let call = identify(&parts, Bytes::from_static(br#"{"kind": "DeleteOptions", "dryRun": ["All"]}"#)).to_string();
        assert!(call.contains("read  kubernetes dry-run-delete name=aws-auth"), "{call}");
    }
}
