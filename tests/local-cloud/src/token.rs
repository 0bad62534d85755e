//! Creates the bearer token for an EKS cluster. It does not share code with the function, so that each verifies the other.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use crate::error::Error;

/// Creates a token of these credentials for a cluster: a presigned `GetCallerIdentity` for the region's real STS host,
/// because aws-iam-authenticator rejects every other host.
///
/// # Errors
/// [`Error::Unusable`] if the request cannot be signed.
pub fn eks_token(credentials: &Credentials, cluster: &str, region: &str) -> Result<String, Error> {
    let unusable =
        |error: &dyn std::fmt::Display| Error::Unusable(format!("cannot sign a token for cluster {cluster}: {error}"));
    let url = format!("https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut url = Url::parse(&url).map_err(|error| unusable(&error))?;

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_mins(1));
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| unusable(&error))?
        .into();
    let headers = [("x-k8s-aws-id", cluster)].into_iter();
    let request = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]))
        .map_err(|error| unusable(&error))?;
    let (instructions, _signature) = sign(request, &params).map_err(|error| unusable(&error))?.into_parts();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str())))
}
