//! A call to an AWS service that failed, and what its code means.

use super::chain::{causes, chain};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt;

/// A call to an AWS service that failed: `cannot <verb and object>: <code>: <message> (request <id>)`.
#[derive(Debug)]
pub(crate) struct AwsError {
    what: String,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
}

impl AwsError {
    /// Returns the error of a call. `what`: the call as verb and object, such as "create role x".
    pub(crate) fn new<E, R>(what: impl fmt::Display, error: &SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: fmt::Debug,
    {
        let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
        let message = metadata.and_then(|metadata| metadata.message()).map_or_else(|| causes(error), str::to_owned);
        Self {
            what: what.to_string(),
            code: metadata.and_then(|metadata| metadata.code()).map(str::to_owned),
            message,
            request_id: metadata.and_then(|metadata| metadata.extra("aws_request_id")).map(str::to_owned),
        }
    }

    /// Returns an error that occurred before any call was made.
    pub(crate) fn local(what: impl fmt::Display, error: &dyn std::error::Error) -> Self {
        Self { what: what.to_string(), code: None, message: chain(error), request_id: None }
    }

    /// Returns whether the caller is denied: `AccessDenied` in IAM, `UnauthorizedOperation` in EC2, `AccessDeniedException` in EKS.
    pub(crate) fn is_denied(&self) -> bool {
        self.has_code(&["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
    }

    /// Returns whether the object does not exist. EC2 says so of a whole call when one of its ids does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.has_code(&[
            // IAM
            "NoSuchEntity",
            // EKS. Its calls on tags return the second one
            // (https://docs.aws.amazon.com/eks/latest/APIReference/API_UntagResource.html).
            "ResourceNotFoundException",
            "NotFoundException",
            // EC2
            "InvalidSubnetID.NotFound",
            "InvalidSubnetId.NotFound",
            "InvalidGroup.NotFound",
            "InvalidGroupId.NotFound",
            "InvalidSecurityGroupID.NotFound",
            "InvalidGroupId.Malformed",
            "InvalidSubnetID.Malformed",
        ])
    }

    /// Returns whether the object of a creation already exists, in IAM or in EKS.
    pub(crate) fn already_exists(&self) -> bool {
        self.has_code(&["EntityAlreadyExists", "ResourceInUseException"])
    }

    /// Returns whether an instance profile already holds a role: IAM's quota is one role.
    pub(crate) fn is_role_quota(&self) -> bool {
        self.has_code(&["LimitExceeded"])
    }

    /// Returns whether IAM still changes the same object, or not all of its copies show yet that the last attachment was removed.
    /// The SDK does not retry these.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.has_code(&["ConcurrentModification", "EntityTemporarilyUnmodifiable", "DeleteConflict"])
    }

    /// Returns whether EKS rejects a parameter. It also does so for a role that it does not see yet
    /// (<https://github.com/hashicorp/terraform-provider-aws/issues/35535>).
    pub(crate) fn is_invalid_parameter(&self) -> bool {
        self.has_code(&["InvalidParameterException"])
    }

    /// Returns whether EKS does not see the role yet. The code alone does not say so: its message does, as of the issue above.
    pub(crate) fn is_unseen_principal(&self) -> bool {
        self.is_invalid_parameter() && self.message.contains("invalid principal")
    }

    /// Returns whether the service throttles: `Throttling` in IAM, STS and CloudFormation, `RequestLimitExceeded` in EC2,
    /// `ThrottlingException` and `TooManyRequestsException` in EKS.
    pub(crate) fn is_throttled(&self) -> bool {
        self.has_code(&["Throttling", "RequestLimitExceeded", "ThrottlingException", "TooManyRequestsException"])
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

impl std::error::Error for AwsError {}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.what)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}
