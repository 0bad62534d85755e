//! The documents of AWS and Kubernetes: IAM policies, and the ConfigMap aws-auth.

pub mod config_map;
pub mod policy;

pub use ::aws_auth;
