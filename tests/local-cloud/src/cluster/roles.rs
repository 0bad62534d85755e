//! IAM roles and their trust policies.

use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::error::Error;

/// Creates a role, and returns its ARN.
///
/// # Errors
/// [`Error::Aws`].
pub async fn create_role(admin: &SdkConfig, name: &str, trust: &str) -> Result<String, Error> {
    let response = aws_sdk_iam::Client::new(admin)
        .create_role()
        .role_name(name)
        .assume_role_policy_document(trust)
        .send()
        .await
        .map_err(Error::aws("CreateRole"))?;
    let role = response.role().ok_or(Error::Incomplete { operation: "CreateRole", field: "Role" })?;
    Ok(role.arn().to_owned())
}

/// Returns a trust policy for a service.
pub fn service_trust(service: &str) -> String {
    trust_document(&json!({ "Service": service }))
}

/// Returns a trust policy for all principals of an account.
pub fn account_trust(account: &str) -> String {
    trust_document(&json!({ "AWS": format!("arn:aws:iam::{account}:root") }))
}

fn trust_document(principal: &Value) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }],
    })
    .to_string()
}
