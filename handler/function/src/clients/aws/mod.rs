//! The calls to AWS, with one file for each service.
//!
//! Each function makes the calls of one operation: a list reads all of its pages. If the object does not exist, the function
//! returns `None`, an empty list or `false` and not an error. So callers need no error codes of services.

pub(crate) mod cloudformation;
pub(crate) mod ec2;
pub(crate) mod eks;
pub(crate) mod iam;

use crate::retry::{DeadlineClassifier, Retries};
use crate::telemetry::calls::Calls;
use crate::telemetry::sdk::CallRecorder;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::config::retry::{RetryPartition, TokenBucket};
use std::sync::Arc;

/// The clients of one part of a run. All parts share the connections and the credentials.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) config: SdkConfig,
    pub(crate) retries: Retries,
    /// The record of all calls of the run.
    pub(crate) calls: Calls,
    /// The caller, whose credentials the clients have.
    pub(crate) caller: Caller,
    /// The ARN of the execution role; absent in a preview, and if the template does not pass it to the function.
    pub(crate) execution_role_arn: Option<Arc<str>>,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) eks: aws_sdk_eks::Client,
    pub(crate) iam: aws_sdk_iam::Client,
}

/// The caller of AWS: the function, or the user of the command-line program.
///
/// The caller of the Kubernetes API can be another one: in the function it is `KubernetesRoleArn`, if that property is set. A
/// preview ignores the property, so both callers are the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Its name in messages.
    pub(crate) label: &'static str,
    /// How to call the Kubernetes API with another role, for messages. It is followed by "to a role that …". In the function, the
    /// whole sentence of [`KubernetesError::Unauthorized`](crate::error::KubernetesError::Unauthorized) can be:
    ///
    /// ```text
    /// Create an access entry for the function's role, or set KubernetesRoleArn to a role that has access, such as the role that
    /// created the cluster
    /// ```
    pub(crate) hint: &'static str,
    /// How to reach a private endpoint of the Kubernetes API, for messages: it follows "If the endpoint is private, ".
    pub(crate) private_endpoint: &'static str,
    /// Whether the plan is carried out in the account that was read: `true` in a run, `false` in a preview. A run checks
    /// permissions early, and does not read documents of objects that it deletes. A preview reads them, because it also plans for
    /// the account as a first plan leaves it.
    pub(crate) applies_plan: bool,
}

/// The Lambda function. The other caller is `CLI_USER` in `lifecycle::preview`.
const FUNCTION: Caller = Caller {
    label: "the function's role",
    hint: "set KubernetesRoleArn",
    private_endpoint: "give the function subnets and security groups of the cluster's VPC (FunctionSubnetIds and FunctionSecurityGroupIds). Or set NodeAccess to None and give nodes access yourself",
    applies_plan: true,
};

/// Returns the client of a service with these retries. A macro, because each client of the SDK has its own type.
macro_rules! client {
    ($service:ident, $config:expr, $retries:expr, $calls:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from($config)
                .retry_config($retries.config())
                .retry_classifier(DeadlineClassifier::new($retries))
                .retry_partition(unlimited())
                .interceptor(CallRecorder($calls.clone()))
                .build(),
        )
    };
}

impl Clients {
    /// Returns the clients of a run. The caller is the function, without the ARN of its execution role.
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

    /// Returns the clients for a part of the run that has other retries.
    pub(crate) fn with(&self, retries: Retries) -> Self {
        let execution_role_arn = self.execution_role_arn.clone();
        Self { caller: self.caller, execution_role_arn, ..Self::new(&self.config, retries, &self.calls) }
    }

    /// Returns a client for CloudFormation with these retries. An attempt that hangs ends after their settle time.
    pub(crate) fn cloudformation(&self, retries: Retries) -> aws_sdk_cloudformation::Client {
        let timeouts = self.config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let timeouts = timeouts.operation_attempt_timeout(retries.settle_time).build();
        client!(aws_sdk_cloudformation, &self.config.to_builder().timeout_config(timeouts).build(), retries, self.calls)
    }
}

/// Returns a retry partition without a limit. The default one counts the retries of a process, and stops retrying after a few
/// hundred, even if there is time left.
fn unlimited() -> RetryPartition {
    RetryPartition::custom("karpenter-prereqs").token_bucket(TokenBucket::unlimited()).build()
}
