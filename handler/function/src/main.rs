//! The Lambda function's program: installs what a process has one of, and calls the library.

use aws_config::{BehaviorVersion, timeout::TimeoutConfig};
use aws_smithy_http_client::{Builder, tls};
use futures::{FutureExt as _, TryFutureExt as _};
use karpenter_prereqs_function::{Function, handle, log};
use lambda_runtime::service_fn;
use std::time::Duration;

/// How long to wait for a connection, and for one attempt's answer. A connection that hangs is tried again long
/// before Lambda's own end.
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    // The only reader of the environment: the library is told what it needs to know.
    #[allow(clippy::disallowed_methods, reason = "main is the one that may")]
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    log::install(variable("AWS_LAMBDA_LOG_LEVEL").as_deref());
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a TLS provider is installed already")?;
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build())
        .load()
        .await;
    let custom_endpoint = config.endpoint_url().is_some();
    let function = Function::new(config, custom_endpoint)?;
    // Boxed: the whole function as one future is a type deeper than the compiler looks.
    let served = |event| handle(event, &function).err_into::<lambda_runtime::Error>().boxed_local();
    lambda_runtime::run(service_fn(served)).await
}
