//! The AWS configuration of the user, and the stacks that CloudFormation knows.

use crate::failure::Failure;
use crate::progress::with_progress;
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

/// The part of the SDK's error that means missing credentials. The complete error lists every provider, on many lines.
const NO_CREDENTIALS: &str = "no credentials found in chain";

/// The time limit for one attempt of a call. The SDK retries after it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// The usual type of the resource in a template. A template may use another name after `Custom::`.
const RESOURCE_TYPE: &str = "Custom::KarpenterPrereqs";

/// A stack that exists.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The ARN.
    pub(crate) id: String,
    /// The logical id of the resource and its physical id, which is absent until CloudFormation has one. `None` if the stack does
    /// not have the resource.
    pub(crate) resource: Option<(String, Option<String>)>,
}

/// Returns a configuration for AWS calls with the credentials of the user. `profile` and `region` override the environment.
///
/// # Errors
/// Returns an error if no Region is configured.
pub(crate) async fn configuration(profile: Option<&str>, region: Option<&str>) -> Result<SdkConfig, Failure> {
    // It fails only if the process already has a provider, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let http = SharedHttpClient::new(Http::with_proxies());
    let mut loader =
        aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone()).timeout_config(timeouts);
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let config = with_progress("reading your AWS configuration", loader.load()).await;
    // The SDK accepts an empty variable as a Region, and later fails with an error that does not name the cause.
    if config.region().is_none_or(|region| region.as_ref().is_empty()) {
        return Err(Failure::new("no Region is configured: set AWS_REGION, or pass --region"));
    }
    let Some(profile) = profile else { return Ok(config) };
    // The SDK prefers credentials in the environment, the AWS CLI a profile that is passed. This program does as the AWS CLI.
    let provider_config = ProviderConfig::default().with_region(config.region().cloned()).with_http_client(http);
    let credentials =
        ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&provider_config).build();
    Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}

/// Returns the partition and the account of the credentials.
///
/// # Errors
/// Returns an error if there are no credentials, or if `sts:GetCallerIdentity` fails.
pub(crate) async fn identity(config: &SdkConfig) -> Result<(String, String), Failure> {
    let client = aws_sdk_sts::Client::new(config);
    let called = with_progress("calling sts:GetCallerIdentity", client.get_caller_identity().send()).await;
    let identity = called.map_err(|error| call_failure("cannot get the caller identity from STS", &error))?;
    // GetCallerIdentity has no field for the partition, but the ARN contains it.
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    Ok((partition.to_owned(), identity.account().unwrap_or_default().to_owned()))
}

/// Returns an ARN for a stack that does not exist yet, in the account of the credentials. Its UUID is all zeros.
///
/// # Errors
/// Returns the same errors as [`identity`].
pub(crate) async fn placeholder_stack_arn(config: &SdkConfig, name: &str) -> Result<String, Failure> {
    let (partition, account) = identity(config).await?;
    let region = config.region().map(Region::as_ref).unwrap_or_default();
    Ok(format!("arn:{partition}:cloudformation:{region}:{account}:stack/{name}/00000000-0000-0000-0000-000000000000"))
}

/// Finds a stack by name or ARN, and in it the resource with the logical id, or the only resource of [`RESOURCE_TYPE`]. Returns
/// `None` if the stack does not exist.
///
/// # Errors
/// Returns an error if a call to CloudFormation fails, or if the stack has several such resources and `logical_id` is absent.
pub(crate) async fn find_stack(
    config: &SdkConfig,
    name: &str,
    logical_id: Option<&str>,
) -> Result<Option<Stack>, Failure> {
    let client = aws_sdk_cloudformation::Client::new(config);
    let stacks = match client.describe_stacks().stack_name(name).send().await {
        Ok(found) => found.stacks.unwrap_or_default(),
        // CloudFormation has no error code of its own for this: the code is ValidationError.
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => return Ok(None),
        Err(error) => return Err(call_failure(&format!("cannot describe stack `{name}`"), &error)),
    };
    let Some(id) = stacks.into_iter().next().and_then(|stack| stack.stack_id) else { return Ok(None) };
    let matches = |resource: &StackResourceSummary| {
        resource.resource_status() != Some(&ResourceStatus::DeleteComplete)
            && match logical_id {
                // The type is not compared, because a template may choose another one.
                Some(logical_id) => resource.logical_resource_id() == Some(logical_id),
                None => resource.resource_type() == Some(RESOURCE_TYPE),
            }
    };
    let mut found = Vec::new();
    let mut pages = client.list_stack_resources().stack_name(&id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| call_failure(&format!("cannot list the resources of stack `{name}`"), &error))?;
        found.extend(page.stack_resource_summaries.unwrap_or_default().into_iter().filter(matches));
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
                "stack `{name}` has several resources of type {RESOURCE_TYPE}: pass --logical-id with one of {ids}"
            )))
        }
    }
}

/// Returns `<what>: <code>: <message>` for an error response of a service, and the chain of causes if there was no response.
fn call_failure<E>(what: &str, error: &E) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error,
{
    if let Some(code) = error.code() {
        return Failure::new(format!("{what}: {code}: {}", error.message().unwrap_or("no message")));
    }
    let failure = Failure::chain(what, error);
    if failure.to_string().contains(NO_CREDENTIALS) {
        return Failure::new(format!(
            "{what}: no AWS credentials found. Log in, set them in the environment, or pass --profile"
        ));
    }
    failure
}
