//! Verifies a service account token like STS. STS checks the token with the issuer's keys before the trust policy, and
//! MiniStack does not. Here the API server checks it, with the same keys.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{control_plane::ControlPlane, error::Error, node::session_credentials};

pub(crate) async fn assume_role(
    admin: &SdkConfig,
    control_plane: &ControlPlane,
    role_arn: &str,
    token: &str,
) -> Result<Credentials, Error> {
    let audience = audience(token).ok_or_else(|| invalid("the token is not a JWT with one audience"))?;
    if !control_plane.accepts_token(token, &audience).await? {
        return Err(invalid("couldn't verify the token with the issuer's keys"));
    }
    let response = aws_sdk_sts::Client::new(admin)
        .assume_role_with_web_identity()
        .role_arn(role_arn)
        .role_session_name("web-identity")
        .web_identity_token(token)
        .send()
        .await
        .map_err(Error::aws(OPERATION))?;
    session_credentials(OPERATION, response.credentials())
}

const OPERATION: &str = "AssumeRoleWithWebIdentity";

fn invalid(message: &str) -> Error {
    Error::Rejected { operation: OPERATION, code: "InvalidIdentityToken", message: message.to_owned() }
}

/// Returns the only audience of the token.
fn audience(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    match claims.get("aud")? {
        Value::Array(audiences) if audiences.len() == 1 => Some(audiences[0].as_str()?.to_owned()),
        audience => Some(audience.as_str()?.to_owned()),
    }
}
