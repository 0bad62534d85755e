//! The user's own AWS configuration, and what CloudFormation shows of a stack.

use crate::failure::Failure;
use crate::progress::told;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use karpenter_prereqs_function::http::Http;
use std::time::Duration;

/// How the SDK says that nobody is logged in; where it looked is many lines.
const NO_CREDENTIALS: &str = "no credentials found in chain";

/// How long to wait for one try's answer.
const ATTEMPT: Duration = Duration::from_secs(20);

/// The type that the resource has in a template; a template may give it another name after `Custom::`.
const TYPE: &str = "Custom::KarpenterPrereqs";

/// A stack that exists.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) id: String,
    /// The resource, and the physical id that it has by now.
    pub(crate) resource: Option<(String, Option<String>)>,
}

/// How to call AWS with the user's own credentials.
///
/// # Errors
/// When no Region is configured.
pub(crate) async fn configuration(profile: Option<&str>, region: Option<&str>) -> Result<SdkConfig, Failure> {
    // Another part of the process may have installed it: it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    let http = SharedHttpClient::new(Http::with_proxies());
    let mut loader =
        aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone()).timeout_config(timeouts);
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let config = told("reading your AWS configuration", loader.load()).await;
    // The SDK takes an empty variable for the name of a Region, and its words then tell nobody what to do.
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(Failure::new("no Region is configured: set AWS_REGION, or say --region"));
    }
    let Some(profile) = profile else { return Ok(config) };
    // Whoever names a profile means it, also where the environment has credentials: so the AWS CLI takes it.
    let how = ProviderConfig::default().with_region(config.region().cloned()).with_http_client(http);
    let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&how).build();
    Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}

/// The partition and the account of the credentials.
///
/// # Errors
/// When STS does not tell whose the credentials are.
pub(crate) async fn identity(config: &SdkConfig) -> Result<(String, String), Failure> {
    let client = aws_sdk_sts::Client::new(config);
    let called = told("asking STS whose credentials these are", client.get_caller_identity().send()).await;
    let identity = called.map_err(|error| failed("ask STS whose credentials these are", &error))?;
    // The caller's ARN has the partition.
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    Ok((partition.to_owned(), identity.account().unwrap_or_default().to_owned()))
}

/// The ARN of a stack that does not exist, in the account of the credentials.
///
/// # Errors
/// As [`identity`].
pub(crate) async fn stack_to_be(config: &SdkConfig, name: &str) -> Result<String, Failure> {
    let (partition, account) = identity(config).await?;
    let region = config.region().map(Region::as_ref).unwrap_or_default();
    Ok(format!("arn:{partition}:cloudformation:{region}:{account}:stack/{name}/00000000-0000-0000-0000-000000000000"))
}

/// The stack of that name or ARN, with the resource of that logical id, or its only one; `None` where there is no such
/// stack.
///
/// # Errors
/// When CloudFormation refuses, or the stack has several such resources and none is named.
pub(crate) async fn stack(config: &SdkConfig, name: &str, logical_id: Option<&str>) -> Result<Option<Stack>, Failure> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let stacks = match client.describe_stacks().stack_name(name).send().await {
        Ok(found) => found.stacks.unwrap_or_default(),
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => return Ok(None),
        Err(error) => return Err(failed(&format!("describe stack `{name}`"), &error)),
    };
    let Some(id) = stacks.into_iter().next().and_then(|stack| stack.stack_id) else { return Ok(None) };
    // Whoever names the resource knows its type, which a template may choose.
    let stands = |resource: &StackResourceSummary| {
        resource.resource_status() != Some(&ResourceStatus::DeleteComplete)
            && match logical_id {
                Some(wanted) => resource.logical_resource_id() == Some(wanted),
                None => resource.resource_type() == Some(TYPE),
            }
    };
    let mut found = Vec::new();
    let mut pages = client.list_stack_resources().stack_name(&id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(&format!("list the resources of stack `{name}`"), &error))?;
        found.extend(page.stack_resource_summaries.unwrap_or_default().into_iter().filter(stands));
    }
    match found.as_slice() {
        [] => Ok(Some(Stack { id, resource: None })),
        [only] => {
            let logical = only.logical_resource_id().unwrap_or_default().to_owned();
            Ok(Some(Stack { id, resource: Some((logical, only.physical_resource_id().map(str::to_owned))) }))
        }
        several => {
            let ids: Vec<_> = several.iter().filter_map(|resource| resource.logical_resource_id()).collect();
            let ids = ids.join(", ");
            Err(Failure::new(format!(
                "stack `{name}` has several resources of type {TYPE}: say --logical-id, one of {ids}"
            )))
        }
    }
}

/// A call that did not succeed: what it was for, the service's code and words; or why there was none.
fn failed<E>(what: &str, error: &E) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error,
{
    if let Some(code) = error.code() {
        return Failure::new(format!("{what}: {code}: {}", error.message().unwrap_or("no message")));
    }
    let failure = Failure::chain(what, error);
    if failure.to_string().contains(NO_CREDENTIALS) {
        return Failure::new(format!("{what}: there are no AWS credentials: log in, set them, or say --profile"));
    }
    failure
}
