//! The person who administers the local account: a role with all permissions, which aws-auth lets into the cluster.

use aws_credential_types::Credentials;
use local_cloud::{
    Cloud, Error,
    cluster::{account_trust, create_role},
    node::assume_role,
};
use serde_json::json;

/// The name of the role. [`AWS_AUTH`](local_cloud::scenario::AWS_AUTH) has an entry for it, with the group
/// `system:masters`.
const ROLE: &str = "Admins";

/// Creates the role, and returns a session of it. STS ends the session after 12 hours.
///
/// # Errors
/// [`Error::Aws`].
pub(crate) async fn administrator(cloud: &Cloud) -> Result<Credentials, Error> {
    let admin = cloud.admin();
    let arn = create_role(&admin, ROLE, &account_trust(cloud.account())).await?;
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    aws_sdk_iam::Client::new(&admin)
        .put_role_policy()
        .role_name(ROLE)
        .policy_name("everything")
        .policy_document(everything.to_string())
        .send()
        .await
        .map_err(Error::aws("PutRolePolicy"))?;
    assume_role(&admin, &arn, "local").await
}
