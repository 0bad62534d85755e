//! The token for the Kubernetes API, and the credentials that sign it.

use crate::clients::aws::Clients;
use crate::error::KubernetesError;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, error::CredentialsError};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use karpenter_prereqs_core::desired::spec::Spec;
use std::time::{Duration, SystemTime};

/// The lifetime in the presigned request of the token. The cluster accepts a token for 15 minutes with any lifetime, but
/// rejects lifetimes above 900 seconds (<https://github.com/kubernetes-sigs/aws-iam-authenticator>, `pkg/token`).
const TOKEN_LIFETIME: Duration = Duration::from_mins(1);

/// Returns the credentials that sign the token: those of `KubernetesRoleArn`, or the caller's own if the spec has no such role.
///
/// # Errors
/// [`KubernetesError::Credentials`] if the role cannot be assumed, or if the caller has no credentials.
pub(crate) async fn credentials(clients: &Clients, spec: &Spec) -> Result<Credentials, KubernetesError> {
    let role = spec.kubernetes_role_arn.clone();
    let provided = match &role {
        Some(arn) => {
            let provider = AssumeRoleProvider::builder(arn)
                .session_name("karpenter-prereqs")
                .configure(&clients.config)
                .build()
                .await;
            let fetched = provider.provide_credentials();
            clients.calls.recorded(("STS", "AssumeRole"), |_: &CredentialsError| "failed".to_owned(), fetched).await
        }
        None => match clients.config.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded("the function has no credentials")),
        },
    };
    provided.map_err(|source| KubernetesError::Credentials { role, source })
}

/// Returns the token: a presigned request for GetCallerIdentity that names the cluster in a signed header.
///
/// The cluster's webhook sends the request to STS and trusts the response. It accepts only an STS host of the partition, so the
/// token is never signed for a custom endpoint. It accepts only the path `/`, and only the query parameters of the signature.
///
/// # Errors
/// The credentials cannot sign the request.
pub(super) fn token(
    credentials: &Credentials,
    spec: &Spec,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let (region, suffix) = (spec.scope.region.as_str(), spec.scope.partition.dns_suffix());
    let url = format!("https://sts.{region}.{suffix}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(TOKEN_LIFETIME);
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(SystemTime::now())
        .settings(settings)
        .build()?;
    let headers = [("x-k8s-aws-id", spec.cluster_name.as_str())].into_iter();
    let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &parameters.into())?.into_parts();
    let mut url = url::Url::parse(&url)?;
    url.query_pairs_mut().extend_pairs(instructions.params());
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str())))
}
