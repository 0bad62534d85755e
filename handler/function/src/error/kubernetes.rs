//! Why the Kubernetes API could not be used, and what to do about it.

use super::chain::chain;
use karpenter_prereqs_core::observed::AuthenticationMode;
use karpenter_prereqs_core::plan::ProblemText;
use kube::core::Status;

/// Why the Kubernetes API could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubernetesError {
    /// There are no credentials: neither the function's own, nor those of `KubernetesRoleArn`.
    #[error("{}", credentials(role.as_ref()))]
    Credentials {
        /// `KubernetesRoleArn`.
        role: Option<String>,
        /// The error of the SDK.
        #[source]
        source: aws_credential_types::provider::error::CredentialsError,
    },
    /// The token could not be signed.
    #[error("cannot sign the token for the Kubernetes API")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The client could not be built: the endpoint or the certificate is not valid.
    #[error("cannot create a client for the Kubernetes API at {endpoint}")]
    Client {
        /// The cluster's endpoint.
        endpoint: String,
        /// What is not valid.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no connection, or no response.
    #[error("cannot reach the Kubernetes API at {endpoint}")]
    Unreachable {
        /// The cluster's endpoint.
        endpoint: String,
        /// How to reach a private endpoint.
        if_private: &'static str,
        /// The error of the connection.
        #[source]
        source: kube::Error,
    },
    /// The API server does not accept the token.
    #[error("the Kubernetes API at {endpoint} does not know {caller_name} (401 Unauthorized)")]
    Unauthorized {
        /// The cluster's endpoint.
        endpoint: String,
        /// The name of the token's caller.
        caller_name: String,
        /// As [`Caller::hint`](crate::clients::aws::Caller::hint).
        hint: &'static str,
        /// How the cluster authenticates.
        mode: AuthenticationMode,
    },
    /// RBAC denies the verb.
    #[error(
        "the Kubernetes API does not allow {caller_name} to {verb} the ConfigMap kube-system/aws-auth (403 Forbidden)"
    )]
    Forbidden {
        /// The name of the token's caller.
        caller_name: String,
        /// As [`Caller::hint`](crate::clients::aws::Caller::hint).
        hint: &'static str,
        /// The verb, as RBAC spells it.
        verb: &'static str,
    },
    /// Each write met another writer's.
    #[error("cannot update the ConfigMap kube-system/aws-auth: each attempt until the deadline met an update conflict")]
    Contended,
    /// The API server, or something in front of it, is overloaded or failed.
    #[error(
        "cannot {verb} the ConfigMap kube-system/aws-auth: the API server was overloaded or failed at each attempt until the deadline"
    )]
    Busy {
        /// The verb.
        verb: &'static str,
        /// The response of the API server.
        #[source]
        source: Box<Status>,
    },
    /// Any other response.
    #[error("cannot {verb} the ConfigMap kube-system/aws-auth")]
    Api {
        /// The verb.
        verb: &'static str,
        /// The response, or what is not valid in it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn credentials(role: Option<&String>) -> String {
    match role {
        Some(role) => format!("cannot assume KubernetesRoleArn {role} for the Kubernetes API"),
        None => "cannot get credentials for the Kubernetes API".to_owned(),
    }
}

impl KubernetesError {
    /// Returns code, message with all causes, and remedy, which may be empty.
    pub(crate) fn text(&self) -> ProblemText {
        let remedy = self.remedy().unwrap_or_default();
        ProblemText { code: self.code(), message: chain(self).trim_end_matches('.').to_owned(), remedy }
    }

    /// Returns the code, as [`Error::code`](super::Error::code) describes it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Credentials { .. } => "KP0203",
            Self::Token(_) => "KP0204",
            Self::Client { .. } => "KP0205",
            Self::Unreachable { .. } => "KP0206",
            Self::Unauthorized { .. } => "KP0207",
            Self::Forbidden { .. } => "KP0208",
            Self::Contended => "KP0209",
            Self::Busy { .. } => "KP0210",
            Self::Api { .. } => "KP0211",
        }
    }

    /// Returns what to do about it: sentences without the last period. `None` if none is known.
    pub(super) fn remedy(&self) -> Option<String> {
        match self {
            Self::Credentials { role: Some(_), .. } => Some("Check that the trust policy of that role names the function's role, and that the function's role may call sts:AssumeRole on it".to_owned()),
            Self::Unreachable { if_private, .. } => Some(format!("If the endpoint is private, {if_private}")),
            Self::Unauthorized { caller_name, hint, mode, .. } => {
                let access = if mode.has_access_entries() {
                    "Create an access entry"
                } else {
                    "Add an entry in mapRoles of kube-system/aws-auth"
                };
                Some(format!("{access} for {caller_name}, or {hint} to a role that has access, such as the role that created the cluster"))
            }
            Self::Forbidden { hint, .. } => Some(format!(
                "Give it a Kubernetes role that allows get, create, update and delete of this ConfigMap, or {hint} to a role that may"
            )),
            Self::Contended => Some("Another controller keeps rewriting it. Find it, then retry".to_owned()),
            Self::Busy { .. } => Some("Retry when the API server is healthy".to_owned()),
            Self::Api { source, .. } => rejection_remedy(source.downcast_ref()?).map(str::to_owned),
            Self::Credentials { role: None, .. } | Self::Token(_) | Self::Client { .. } => None,
        }
    }
}

/// Returns what to do about a write that the API server refuses. `None` if its words do not show it.
fn rejection_remedy(status: &Status) -> Option<&'static str> {
    let has = |words: &str| status.message.contains(words);
    if has("field is immutable when `immutable` is set") {
        Some("Recreate the ConfigMap without `immutable`, then retry")
    } else if has("metadata.annotations: Too long") {
        Some("Remove annotations from the ConfigMap, then retry")
    } else if has("Too long") || status.code == 413 {
        Some("Remove entries or comments from the ConfigMap, then retry")
    } else if has("admission webhook") || has("ValidatingAdmissionPolicy") {
        Some("Change the policy so that it allows this write, then retry")
    } else {
        None
    }
}
