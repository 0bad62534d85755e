//! The calls to AWS: one file a service.
//!
//! Each function is one operation (a list is all its pages), takes what the operation takes, and tells "it is not
//! there" apart from trouble, so that no caller looks at error codes.

pub(crate) mod cloudformation;
pub(crate) mod ec2;
pub(crate) mod eks;
pub(crate) mod iam;

use crate::retry::{DeadlineClassifier, Retries};
use crate::telemetry::calls::Calls;
use crate::telemetry::sdk::Watch;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::config::retry::{RetryPartition, TokenBucket};
use std::sync::Arc;

/// The clients of one part of a run, over one connection pool and one set of credentials.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) config: SdkConfig,
    pub(crate) retries: Retries,
    /// The calls of the whole run, whichever part they are of.
    pub(crate) calls: Calls,
    /// Whose credentials these are.
    pub(crate) caller: Caller,
    /// The ARN of the function's role, where the function calls and was told.
    pub(crate) execution_role_arn: Option<Arc<str>>,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) eks: aws_sdk_eks::Client,
    pub(crate) iam: aws_sdk_iam::Client,
}

/// Who looks, and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Who it is, for messages.
    pub(crate) who: &'static str,
    /// How another role takes its place at the Kubernetes API, up to that role, for messages.
    pub(crate) instead: &'static str,
    /// Whether what is planned is carried out in the world that was read: then it is asked early whether that is allowed, and
    /// what goes is not read to the end. A preview also plans for the world that a first plan will leave.
    pub(crate) writes: bool,
}

/// The Lambda function.
const FUNCTION: Caller = Caller { who: "the function's role", instead: "set KubernetesRoleArn", writes: true };

/// A service's client with these retries. The services' clients differ in type and not in shape.
macro_rules! client {
    ($service:ident, $config:expr, $retries:expr, $calls:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from($config)
                .retry_config($retries.config())
                .retry_classifier(DeadlineClassifier::new($retries))
                .retry_partition(unlimited())
                .interceptor(Watch($calls.clone()))
                .build(),
        )
    };
}

impl Clients {
    pub(crate) fn new(config: &SdkConfig, retries: Retries, calls: &Calls) -> Self {
        Self {
            config: config.to_builder().retry_config(retries.config_of_credentials()).build(),
            retries,
            calls: calls.clone(),
            caller: FUNCTION,
            execution_role_arn: None,
            ec2: client!(aws_sdk_ec2, config, retries, calls),
            eks: client!(aws_sdk_eks, config, retries, calls),
            iam: client!(aws_sdk_iam, config, retries, calls),
        }
    }

    /// The same for a part of the run that has other time.
    pub(crate) fn with(&self, retries: Retries) -> Self {
        let execution_role_arn = self.execution_role_arn.clone();
        Self { caller: self.caller, execution_role_arn, ..Self::new(&self.config, retries, &self.calls) }
    }

    /// A client for CloudFormation, with retries of its own. One try that hangs takes no longer than the service may
    /// say nothing.
    pub(crate) fn cloudformation(&self, retries: Retries) -> aws_sdk_cloudformation::Client {
        let timeouts = self.config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let timeouts = timeouts.operation_attempt_timeout(retries.settle_time).build();
        client!(aws_sdk_cloudformation, &self.config.to_builder().timeout_config(timeouts).build(), retries, self.calls)
    }
}

/// Retries without a limit on their number. The SDK would count them over the whole life of a process, and refuse to retry after
/// some hundred, however much time is left.
fn unlimited() -> RetryPartition {
    RetryPartition::custom("karpenter-prereqs").token_bucket(TokenBucket::unlimited()).build()
}
