//! The permissions of the function's execution role: the policies of `infra/function.yaml`. The bounds allow all names, paths
//! and policies, so that a test depends only on the actions, resources and tags of the template.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde_json::Value;

use crate::{
    cloud::Cloud,
    error::Error,
    template::{Template, Values},
};

/// The widest values of the template's parameters.
const BOUNDS: [(&str, &str); 6] = [
    ("NamePrefix", ""),
    ("RolePath", "/"),
    ("AttachablePolicyArns", "arn:aws:iam::*:policy/*"),
    ("NodeRoleArns", "arn:aws:iam::*:role/*"),
    ("DiscoveryTagKeys", "*"),
    ("KubernetesRoleArns", "arn:aws:iam::*:role/*"),
];

/// Returns the policies of `infra/function.yaml` with the widest bounds, for a role of this name in this account and Region.
/// The keys are the names in the template.
///
/// # Errors
/// As [`Template::read`].
pub fn policies(account: &str, region: &str, role: &str) -> Result<BTreeMap<String, Value>, Error> {
    policies_within(&BOUNDS, (account, region), &role_arn(account, role))
}

/// Returns the policies within these bounds, for the role with this ARN.
///
/// # Errors
/// As [`Template::read`].
pub fn policies_within(
    bounds: &[(&str, &str)],
    (account, region): (&str, &str),
    role_arn: &str,
) -> Result<BTreeMap<String, Value>, Error> {
    let template = Template::read("function.yaml")?;
    let mut values = with_pseudo_parameters(template.values(bounds), account, region);
    values.insert("ExecutionRole.Arn".to_owned(), role_arn.into());
    Ok(template.policies(&values))
}

/// Returns the environment variables that `infra/template.yaml` sets for a function with this role, except the file of
/// certificate authorities.
pub fn environment(role_arn: &str) -> Vec<(String, String)> {
    [("EXECUTION_ROLE_ARN", role_arn), ("BOUNDS", "{}")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Returns the environment variables that `infra/function.yaml` sets for the function within these bounds.
///
/// # Errors
/// As [`Template::read`].
pub fn environment_within(
    bounds: &[(&str, &str)],
    (account, region): (&str, &str),
) -> Result<BTreeMap<String, String>, Error> {
    let template = Template::read("function.yaml")?;
    let variables = template.environment(&with_pseudo_parameters(template.values(bounds), account, region));
    let variables = variables.as_object().into_iter().flatten();
    Ok(variables.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
}

/// Returns the ARN of a role without a path.
fn role_arn(account: &str, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/{role}")
}

/// Adds the pseudo parameters of this account and Region, and the ARNs of the log group and of the execution role.
pub fn with_pseudo_parameters(mut values: Values, account: &str, region: &str) -> Values {
    let stack = format!("arn:aws:cloudformation:{region}:{account}:stack/karpenter-prereqs/8a1b2c3d");
    let role = format!("arn:aws:iam::{account}:role/karpenter-prereqs-ExecutionRole-1A2B3C4D5E6F");
    let log = format!("arn:aws:logs:{region}:{account}:log-group:/aws/lambda/karpenter-prereqs/stack:*");
    let place = [
        ("AWS::AccountId", account),
        ("AWS::Partition", "aws"),
        ("AWS::Region", region),
        ("AWS::StackId", &stack),
        ("AWS::StackName", "karpenter-prereqs"),
        ("LogGroup.Arn", &log),
        ("ExecutionRole.Arn", &role),
    ];
    values.extend(place.map(|(name, value)| (name.to_owned(), Value::from(value))));
    values
}

/// Adds these policies to a role, as inline policies.
///
/// # Errors
/// [`Error::Aws`].
pub async fn put_inline_policies(sdk: &SdkConfig, role: &str, policies: &BTreeMap<String, Value>) -> Result<(), Error> {
    let iam = aws_sdk_iam::Client::new(sdk);
    for (name, document) in policies {
        let call = iam.put_role_policy().role_name(role).policy_name(name).policy_document(document.to_string());
        call.send().await.map_err(Error::aws("PutRolePolicy"))?;
    }
    Ok(())
}

/// Grants a role all permissions of the template.
///
/// # Errors
/// As [`policies`] and [`put_inline_policies`].
pub async fn grant(cloud: &Cloud, role: &str) -> Result<(), Error> {
    put_inline_policies(&cloud.admin(), role, &policies(cloud.account(), cloud.region(), role)?).await
}

/// Returns the actions of a statement.
pub fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::Array(actions) => actions.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        action => action.as_str().map(str::to_owned).into_iter().collect(),
    }
}
