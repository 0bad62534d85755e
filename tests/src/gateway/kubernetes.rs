//! The same gateway before a kube-apiserver: it ends TLS with a certificate of our CA, passes the
//! bearer token on, records each call in the journal of the AWS calls, and takes the same rules.
//!
//! An operation is Kubernetes' verb (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`,
//! `deletecollection`); the parameters are `group`, `namespace`, `resource`, `name` and
//! `subresource`, as far as the path has them, and the query's.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use hyper::{Method, body::Bytes, http::request::Parts};
use rustls::{ClientConfig, ServerConfig};
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

/// A gateway before a kube-apiserver. Dropped, it stops.
pub struct KubernetesGateway {
    url: String,
    _server: Server,
}

impl KubernetesGateway {
    /// Stands at `bound`, with `tls` towards callers, and before the API server at `upstream`, whose
    /// certificate (for its IP address) is checked by `trust`. Calls are recorded in `journal` and
    /// struck by `rules`, which may be those of a [`Gateway`](super::Gateway).
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

    /// The endpoint that callers use: `https://127.0.0.1:<port>`.
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
        ["namespaces", namespace, rest @ ..] if rest.first().is_some_and(|part| !OF_NAMESPACES.contains(part)) => {
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
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS)
        || (parts.method == Method::POST && STORED_NOWHERE.contains(&resource));
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

/// What can follow a namespace's own name in a path, and is not a resource in it.
const OF_NAMESPACES: [&str; 2] = ["finalize", "status"];

/// Reviews are questions that are asked by POST.
const STORED_NOWHERE: [&str; 6] = [
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
    fn paths_and_methods_make_verbs() {
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
        ] {
            let request = Request::builder().method(&method).uri(path).body(Bytes::new()).unwrap();
            let (parts, body) = request.into_parts();
            let call = identify(&parts, body).to_string();
            assert_eq!(call, format!("#0    {line} … under way"), "{method} {path}");
        }
    }
}
