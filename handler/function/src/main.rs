//! The program of the Lambda function: sets up what a process has only once, and calls the library for each event.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures::{FutureExt as _, TryFutureExt as _};
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_function::http::Http;
use karpenter_prereqs_function::{Deployment, Function, handle, log};
use lambda_runtime::service_fn;
use std::time::Duration;

/// The longest time for one attempt of an AWS call. It leaves time to retry a connection that hangs before Lambda's deadline.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    #[allow(clippy::disallowed_methods, reason = "only main reads the environment, and passes values to the library")]
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a TLS provider is installed already")?;
    let http = Http::new();
    log::install(variable("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let is_set = |name| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    // The SDK's own loader also reads files and calls services that do not exist in Lambda. Lambda sets everything in the
    // environment.
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(SharedHttpClient::new(http.clone()))
        .region(variable("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
        .use_fips(is_set("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_set("AWS_USE_DUALSTACK_ENDPOINT"));
    let config = match variable("AWS_ENDPOINT_URL") {
        Some(url) => config.endpoint_url(url::Url::parse(&url)?).build(),
        None => config.build(),
    };
    // Every event needs the client, so it is created while the process waits for the first event.
    let prewarmed = http.clone();
    tokio::spawn(async move { prewarmed.prewarm() });
    // An empty BOUNDS is not valid JSON. It must not count as a missing one, which means no bounds.
    #[allow(clippy::disallowed_methods, reason = "only main reads the environment, and passes values to the library")]
    let bounds = std::env::var("BOUNDS").ok();
    if bounds.is_none() {
        tracing::warn!("the environment has no BOUNDS: only IAM limits what a stack may ask for");
    }
    let bounds = Bounds::read(bounds.as_deref());
    let deployment = Deployment { execution_role_arn: variable("EXECUTION_ROLE_ARN"), bounds };
    let function = Function::new(config, http, deployment);
    // Boxed, because the type of the whole function as one future exceeds the compiler's recursion limit.
    let handler = |event| handle(event, &function).err_into::<lambda_runtime::Error>().boxed_local();
    lambda_runtime::run(service_fn(handler)).await
}
