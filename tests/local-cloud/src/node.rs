//! A machine that joins a cluster. Only its identity is emulated.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_ec2::types::{IamInstanceProfileSpecification, InstanceType};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::error::Error;

/// A running EC2 instance, with the credentials of its instance profile.
#[derive(Debug)]
pub struct Node {
    /// The id of the instance.
    pub instance_id: String,
    /// The private DNS name of the instance, which is the name of the node.
    pub private_dns_name: String,
    /// The credentials of the instance's metadata service: a session of the profile's role, named after the instance.
    pub credentials: Credentials,
}

impl Node {
    /// Runs an instance with this profile in this subnet, and assumes its role.
    ///
    /// MiniStack lets root assume any role that trusts a service. For this reason, the check that the role trusts EC2 is
    /// here.
    ///
    /// # Errors
    /// [`Error::Aws`], and [`Error::Unusable`] if the profile contains no role, or a role that does not trust EC2.
    pub async fn run(admin: &SdkConfig, profile: &str, subnet_id: &str) -> Result<Self, Error> {
        let role_arn = role_of(admin, profile).await?;
        let ec2 = aws_sdk_ec2::Client::new(admin);
        let run = ec2
            .run_instances()
            .image_id(IMAGE)
            .instance_type(InstanceType::M5Large)
            .iam_instance_profile(IamInstanceProfileSpecification::builder().name(profile).build())
            .subnet_id(subnet_id)
            .min_count(1)
            .max_count(1)
            .send()
            .await
            .map_err(Error::aws("RunInstances"))?;
        let missing = |field| Error::Incomplete { operation: "RunInstances", field };
        let instance = run.instances().first().ok_or_else(|| missing("instance"))?;
        let instance_id = instance.instance_id().ok_or_else(|| missing("instanceId"))?.to_owned();
        let private_dns_name = instance.private_dns_name().ok_or_else(|| missing("privateDnsName"))?.to_owned();
        let credentials = assume_role(admin, &role_arn, &instance_id).await?;
        Ok(Self { instance_id, private_dns_name, credentials })
    }
}

/// The maximum that STS allows for a session, in seconds. On a busy machine, long runs take more than the default of one
/// hour. Lambda renews the session of a function in time.
const SESSION: i32 = 43_200;

/// Assumes a role.
///
/// # Errors
/// [`Error::Aws`], with the code `AccessDenied` if the trust policy does not allow the caller.
pub async fn assume_role(sdk: &SdkConfig, role_arn: &str, session: &str) -> Result<Credentials, Error> {
    let response = aws_sdk_sts::Client::new(sdk)
        .assume_role()
        .role_arn(role_arn)
        .role_session_name(session)
        .duration_seconds(SESSION)
        .send()
        .await
        .map_err(Error::aws("AssumeRole"))?;
    session_credentials("AssumeRole", response.credentials())
}

/// An image that MiniStack has.
const IMAGE: &str = "ami-0c2023a1b2c3d4e5f";

async fn role_of(admin: &SdkConfig, profile: &str) -> Result<String, Error> {
    let response = aws_sdk_iam::Client::new(admin)
        .get_instance_profile()
        .instance_profile_name(profile)
        .send()
        .await
        .map_err(Error::aws("GetInstanceProfile"))?;
    let role = response
        .instance_profile()
        .and_then(|profile| profile.roles().first())
        .ok_or_else(|| Error::Unusable(format!("instance profile {profile} contains no role")))?;
    let trust = role.assume_role_policy_document().unwrap_or_default();
    if !trusts_ec2(trust) {
        return Err(Error::Unusable(format!(
            "role {} of instance profile {profile} is not trusted by ec2.amazonaws.com, so its \
             instances get no credentials",
            role.role_name()
        )));
    }
    Ok(role.arn().to_owned())
}

/// Returns whether a trust policy, URL-encoded or not, allows EC2 to assume the role.
fn trusts_ec2(document: &str) -> bool {
    let document = percent_decode_str(document).decode_utf8_lossy();
    let document: Value = serde_json::from_str(&document).unwrap_or_default();
    as_list(&document["Statement"]).iter().any(|statement| {
        statement["Effect"] == "Allow"
            && as_list(&statement["Action"]).iter().any(|action| *action == "sts:AssumeRole")
            && as_list(&statement["Principal"]["Service"])
                .iter()
                .filter_map(|service| service.as_str())
                .any(|service| service == "ec2.amazonaws.com" || service == "ec2.amazonaws.com.cn")
    })
}

/// Returns a list. IAM returns a list with one item as this item.
fn as_list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

pub(crate) fn session_credentials(
    operation: &'static str,
    response: Option<&aws_sdk_sts::types::Credentials>,
) -> Result<Credentials, Error> {
    let given = response.ok_or(Error::Incomplete { operation, field: "Credentials" })?;
    Ok(Credentials::new(
        given.access_key_id(),
        given.secret_access_key(),
        Some(given.session_token().to_owned()),
        None,
        operation,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_in_ec2_is_found_in_every_form() {
        for (document, expected) in [
            (
                r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}}"#,
                true,
            ),
            (
                r#"{"Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],"Principal":{"Service":["ec2.amazonaws.com"]}}]}"#,
                true,
            ),
            (
                "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sts%3AAssumeRole%22%2C%22Principal%22%3A%7B%22Service%22%3A%22ec2.amazonaws.com%22%7D%7D%5D%7D",
                true,
            ),
            (
                r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}"#,
                false,
            ),
            (
                r#"{"Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#,
                false,
            ),
            ("", false),
        ] {
            assert_eq!(trusts_ec2(document), expected, "{document}");
        }
    }
}
