//! The calls to AWS: one file a service.
//!
//! Each function is one operation (a list is all its pages), takes what the operation takes, and tells "it is not
//! there" apart from trouble, so that no caller looks at error codes.

pub(crate) mod cloudformation;
pub(crate) mod ec2;
pub(crate) mod eks;
pub(crate) mod iam;

use aws_config::SdkConfig;

/// The clients, over one connection pool and one set of credentials.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) config: SdkConfig,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) eks: aws_sdk_eks::Client,
    pub(crate) iam: aws_sdk_iam::Client,
}

impl Clients {
    pub(crate) fn new(config: SdkConfig) -> Self {
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            eks: aws_sdk_eks::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            config,
        }
    }
}
