//! AWS IAM: roles, instance profiles, policies and OIDC providers.

use crate::error::AwsError;
use aws_sdk_iam::{Client, types};
use jiff::Timestamp;
use karpenter_prereqs_core::documents::policy::trust;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::observed::{InstanceProfile, OidcProvider, Role};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the role with this name, its attached policies and the names of its inline policies; `None` if it does not exist.
///
/// `document_of` gets the role's tags and selects the inline policy whose document is read too.
///
/// # Errors
/// A call failed.
pub(crate) async fn role<'a>(
    client: &Client,
    name: &str,
    document_of: impl FnOnce(&Tags) -> Option<&'a str>,
) -> Result<Option<Role>, AwsError> {
    // The other reads wait for this one. If many resources create roles at the same time, reads of roles that do not exist would
    // use up IAM's throttle.
    let Some(role) = get_role(client, name).await? else { return Ok(None) };
    let tags = to_tags(role.tags());
    let document_of = document_of(&tags);
    let document = async {
        match document_of {
            Some(policy) => inline_policy_document(client, name, policy).await,
            None => Ok(None),
        }
    };
    let (attached, inline, document) =
        futures::try_join!(attached_policies(client, name), inline_policy_names(client, name), document)?;
    let mut inline: BTreeMap<String, Option<Value>> = inline.into_iter().map(|name| (name, None)).collect();
    if let (Some(policy), Some(document)) = (document_of, document) {
        inline.insert(policy.to_owned(), Some(document));
    }
    Ok(Some(Role {
        trust: role.assume_role_policy_document().map(decode_document).unwrap_or_default(),
        tags,
        created_at: Timestamp::from_second(role.create_date.secs()).unwrap_or_default(),
        permissions_boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        name: role.role_name,
        path: role.path,
        attached,
        inline,
    }))
}

/// Reads the documents of the role's inline policies that were not read yet. One that was deleted meanwhile stays unread.
///
/// # Errors
/// A call failed.
pub(crate) async fn read_inline_policies(client: &Client, role: &mut Role) -> Result<(), AwsError> {
    let name = role.name.as_str();
    let unread = role.inline.iter_mut().filter(|(_, document)| document.is_none());
    let reads = unread.map(async |(policy, document)| {
        *document = inline_policy_document(client, name, policy).await?;
        Ok(())
    });
    futures::future::try_join_all(reads).await.map(|_| ())
}

/// Returns whether a role with this name exists.
///
/// # Errors
/// The call failed.
pub(crate) async fn has_role(client: &Client, name: &str) -> Result<bool, AwsError> {
    Ok(get_role(client, name).await?.is_some())
}

/// Returns the instance profile with this name; `None` if it does not exist.
///
/// # Errors
/// The call failed.
pub(crate) async fn instance_profile(client: &Client, name: &str) -> Result<Option<InstanceProfile>, AwsError> {
    let result = client.get_instance_profile().instance_profile_name(name).send().await;
    let profile = optional(result.map(|found| found.instance_profile), |error| {
        AwsError::new(format!("get instance profile `{name}`"), &error)
    })?;
    Ok(profile.flatten().map(|profile| InstanceProfile {
        roles: profile.roles().iter().map(|role| role.role_name().to_owned()).collect(),
        tags: to_tags(profile.tags()),
        name: profile.instance_profile_name,
        path: profile.path,
    }))
}

/// Returns the names and ARNs of the instance profiles that hold a role. Empty if the role does not exist. IAM's list has no
/// tags.
///
/// # Errors
/// A call failed.
pub(crate) async fn profiles_of_role(client: &Client, role: &str) -> Result<Vec<(String, String)>, AwsError> {
    let mut profiles = Vec::new();
    let mut pages = client.list_instance_profiles_for_role().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page =
            optional(page, |error| AwsError::new(format!("list the instance profiles of role `{role}`"), &error))?;
        let found = page.into_iter().flat_map(|page| page.instance_profiles);
        profiles.extend(found.map(|profile| (profile.instance_profile_name, profile.arn)));
    }
    Ok(profiles)
}

/// Returns whether a managed policy with this ARN exists.
///
/// # Errors
/// The call failed.
pub(crate) async fn has_policy(client: &Client, arn: &str) -> Result<bool, AwsError> {
    let result = client.get_policy().policy_arn(arn).send().await;
    Ok(optional(result, |error| AwsError::new(format!("get policy {arn}"), &error))?.is_some())
}

/// Returns the OIDC provider with this ARN; `None` if it does not exist.
///
/// # Errors
/// The call failed.
pub(crate) async fn oidc_provider(client: &Client, arn: &str) -> Result<Option<OidcProvider>, AwsError> {
    let result = client.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await;
    let provider = optional(result, |error| AwsError::new(format!("get OIDC provider {arn}"), &error))?;
    Ok(provider.map(|provider| OidcProvider {
        arn: arn.to_owned(),
        tags: to_tags(provider.tags()),
        client_ids: provider.client_id_list.unwrap_or_default(),
    }))
}

/// Returns the names of the roles whose trust policy names an OIDC provider. Reads all roles of the account.
///
/// # Errors
/// A call failed.
pub(crate) async fn roles_that_trust(client: &Client, provider_arn: &str) -> Result<BTreeSet<String>, AwsError> {
    let mut names = BTreeSet::new();
    let mut pages = client.list_roles().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("list the roles", &error))?;
        let trusts = |role: &types::Role| {
            role.assume_role_policy_document()
                .is_some_and(|document| trust::trusts_provider(&decode_document(document), provider_arn))
        };
        names.extend(page.roles.into_iter().filter(trusts).map(|role| role.role_name));
    }
    Ok(names)
}

/// Returns IAM's decision on `iam:PassRole` for a principal: `allowed`, `implicitDeny` or `explicitDeny`. `passed_to` is the
/// principal of the service that gets the role.
///
/// # Errors
/// The call failed.
pub(crate) async fn simulate_pass_role(
    client: &Client,
    principal_arn: &str,
    role_arn: &str,
    passed_to: &str,
) -> Result<types::PolicyEvaluationDecisionType, AwsError> {
    let what = || format!("simulate iam:PassRole on {role_arn} for {principal_arn}");
    let context = types::ContextEntry::builder()
        .context_key_name("iam:PassedToService")
        .context_key_type(types::ContextKeyTypeEnum::String)
        .context_key_values(passed_to)
        .build();
    let call = client
        .simulate_principal_policy()
        .policy_source_arn(principal_arn)
        .action_names("iam:PassRole")
        .resource_arns(role_arn)
        .context_entries(context);
    let found = call.send().await.map_err(|error| AwsError::new(what(), &error))?;
    // One action on one resource has one result.
    let decision = found.evaluation_results().first().map(|result| result.eval_decision().clone());
    Ok(decision.unwrap_or(types::PolicyEvaluationDecisionType::ImplicitDeny))
}

/// Returns tags in the form of the SDK.
///
/// # Errors
/// The SDK rejects a tag.
pub(crate) fn pairs(tags: &Tags) -> Result<Vec<types::Tag>, AwsError> {
    tags.iter()
        .map(|(key, value)| types::Tag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| AwsError::local("build a tag", &error))
}

/// Returns the role with this name, without its policies.
async fn get_role(client: &Client, name: &str) -> Result<Option<types::Role>, AwsError> {
    let result = client.get_role().role_name(name).send().await;
    Ok(optional(result, |error| AwsError::new(format!("get role `{name}`"), &error))?.and_then(|found| found.role))
}

async fn attached_policies(client: &Client, role: &str) -> Result<BTreeSet<String>, AwsError> {
    let mut arns = BTreeSet::new();
    let mut pages = client.list_attached_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page =
            optional(page, |error| AwsError::new(format!("list the policies attached to role `{role}`"), &error))?;
        let policies = page.and_then(|page| page.attached_policies).unwrap_or_default();
        arns.extend(policies.into_iter().filter_map(|policy| policy.policy_arn));
    }
    Ok(arns)
}

async fn inline_policy_names(client: &Client, role: &str) -> Result<Vec<String>, AwsError> {
    let mut names = Vec::new();
    let mut pages = client.list_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = optional(page, |error| AwsError::new(format!("list the inline policies of role `{role}`"), &error))?;
        names.extend(page.into_iter().flat_map(|page| page.policy_names));
    }
    Ok(names)
}

async fn inline_policy_document(client: &Client, role: &str, policy: &str) -> Result<Option<Value>, AwsError> {
    let result = client.get_role_policy().role_name(role).policy_name(policy).send().await;
    let policy =
        optional(result, |error| AwsError::new(format!("get inline policy `{policy}` of role `{role}`"), &error))?;
    Ok(policy.map(|policy| decode_document(&policy.policy_document)))
}

/// Returns the policy document of IAM's response, which is URL-encoded. `Null` if it is not valid JSON: it then differs from
/// every wanted document, and is written again.
fn decode_document(document: &str) -> Value {
    let text = percent_encoding::percent_decode_str(document).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Returns the result of a call; `None` if the object does not exist.
fn optional<T, E>(result: Result<T, E>, error: impl FnOnce(E) -> AwsError) -> Result<Option<T>, AwsError> {
    match result.map_err(error) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn to_tags(tags: &[types::Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}
