//! Why the Kubernetes API could not be used, and what to do.

use kube::core::Status;

/// Why the Kubernetes API could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubernetesError {
    /// The role for the Kubernetes API, or the function's own credentials, could not be had.
    #[error("get credentials for the Kubernetes API{}", .role.as_ref().map(|role| format!(" by assuming KubernetesRoleArn {role}: check that its trust policy names the function's role, and that the function may sts:AssumeRole it")).unwrap_or_default())]
    Credentials {
        /// `KubernetesRoleArn`.
        role: Option<String>,
        /// What the SDK says.
        #[source]
        source: aws_credential_types::provider::error::CredentialsError,
    },
    /// The token could not be signed.
    #[error("sign the token for the Kubernetes API")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The client could not be built: an endpoint or a certificate that is none.
    #[error("make a client for the Kubernetes API at {endpoint}")]
    Client {
        /// The cluster's endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers.
    #[error(
        "reach the Kubernetes API at {endpoint}: no answer; if the endpoint is private, give the function subnets and a security group of the cluster's VPC; or set NodeAccess to None and let nodes in yourself"
    )]
    Unreachable {
        /// The cluster's endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// The token is refused.
    #[error(
        "the Kubernetes API at {endpoint} does not know {who} (401 Unauthorized): map it in kube-system/aws-auth, give it an access entry with AmazonEKSClusterAdminPolicy, or {} to a role that is let in, such as the cluster's creator", .instead
    )]
    Unauthorized {
        /// The cluster's endpoint.
        endpoint: String,
        /// Whose token it was.
        who: String,
        /// What to do else, up to the role.
        instead: &'static str,
    },
    /// RBAC refuses.
    #[error(
        "the Kubernetes API does not allow {who} to {verb} the ConfigMap kube-system/aws-auth: bind it to a role that may get, create, update and delete that ConfigMap, or {} to one that may", .instead
    )]
    Forbidden {
        /// Whose token it was.
        who: String,
        /// What to do else, up to the role.
        instead: &'static str,
        /// The verb, as RBAC spells it.
        verb: &'static str,
    },
    /// Every write met another's.
    #[error(
        "change the ConfigMap kube-system/aws-auth: somebody else changed it between every read and write, time after time: find out who, then deploy again"
    )]
    Contended,
    /// It is asked too often, or something in it broke or is away.
    #[error(
        "{verb} the ConfigMap kube-system/aws-auth: the API server was too busy for it, or broke, again and again: deploy again when it is well"
    )]
    Busy {
        /// The verb.
        verb: &'static str,
        /// What the API server says.
        #[source]
        source: Box<Status>,
    },
    /// Any other answer.
    #[error("{verb} the ConfigMap kube-system/aws-auth")]
    Api {
        /// The verb.
        verb: &'static str,
        /// What the API server says, or what is wrong with its answer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
