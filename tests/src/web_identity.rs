//! What STS does for a service account token before it looks at the trust document, and `MiniStack`
//! leaves out.
//!
//! STS checks the token against the issuer's keys, and that IAM has an OIDC provider which admits its
//! issuer and audience; `MiniStack` does neither. Here the API server vouches for the token, which is
//! the same check with the same keys. And STS compares an audience that is a list of one as that one:
//! `MiniStack` compares the list's text, which matches no condition, so it is given the token with the
//! audience taken out of its list. The signature does not survive that, and is not looked at again.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{control_plane::ControlPlane, error::Error, node::session_credentials};

pub(crate) async fn assume_role(
    admin: &SdkConfig,
    control_plane: &ControlPlane,
    role_arn: &str,
    token: &str,
) -> Result<Credentials, Error> {
    let mut claims = claims(token).ok_or_else(|| invalid("the token is not a JWT"))?;
    let audience = audience(&claims).ok_or_else(|| invalid("the token has not one audience"))?;
    if !control_plane.vouches_for(token, &audience).await? {
        return Err(invalid("couldn't verify the token with the issuer's keys"));
    }
    admit(admin, role_arn, &claims, &audience).await?;

    claims.insert("aud".to_owned(), Value::String(audience));
    let answer = aws_sdk_sts::Client::new(admin)
        .assume_role_with_web_identity()
        .role_arn(role_arn)
        .role_session_name("web-identity")
        .web_identity_token(with_claims(token, &claims))
        .send()
        .await
        .map_err(Error::aws(OPERATION))?;
    session_credentials(OPERATION, answer.credentials())
}

const OPERATION: &str = "AssumeRoleWithWebIdentity";

/// IAM's OIDC provider for the issuer, in the role's account, must list the audience.
async fn admit(admin: &SdkConfig, role_arn: &str, claims: &Map<String, Value>, audience: &str) -> Result<(), Error> {
    let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    let host = issuer.split_once("://").map_or(issuer, |(_, host)| host);
    let account = role_arn.split(':').nth(4).unwrap_or_default();
    let provider = aws_sdk_iam::Client::new(admin)
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(format!("arn:aws:iam::{account}:oidc-provider/{host}"))
        .send()
        .await
        .map_err(Error::aws("GetOpenIDConnectProvider"));
    match provider {
        Ok(provider) if provider.client_id_list().iter().any(|id| id == audience) => Ok(()),
        Ok(_) => Err(invalid("incorrect token audience")),
        Err(error) if error.code() == Some("NoSuchEntity") => {
            Err(invalid(&format!("no OpenIDConnect provider found in account {account} for {issuer}")))
        }
        Err(error) => Err(error),
    }
}

fn invalid(message: &str) -> Error {
    Error::Refusal { operation: OPERATION, code: "InvalidIdentityToken", message: message.to_owned() }
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn audience(claims: &Map<String, Value>) -> Option<String> {
    match claims.get("aud")? {
        Value::String(audience) => Some(audience.clone()),
        Value::Array(audiences) => match audiences.as_slice() {
            [Value::String(audience)] => Some(audience.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn with_claims(token: &str, claims: &Map<String, Value>) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(Value::Object(claims.clone()).to_string());
    parts.join(".")
}
