//! IAM roles, and who may assume them.

use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::error::Error;

/// Makes a role.
///
/// # Errors
/// [`Error::Aws`].
pub async fn create_role(admin: &SdkConfig, name: &str, trust: &str) -> Result<String, Error> {
    let answer = aws_sdk_iam::Client::new(admin)
        .create_role()
        .role_name(name)
        .assume_role_policy_document(trust)
        .send()
        .await
        .map_err(Error::aws("CreateRole"))?;
    let role = answer.role().ok_or(Error::Incomplete { operation: "CreateRole", field: "Role" })?;
    Ok(role.arn().to_owned())
}

/// The trust document of a role that a service may assume.
pub fn service_trust(service: &str) -> String {
    trust_document(&json!({ "Service": service }))
}

/// The trust document of a role that any principal of an account may assume.
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
