//! The documents that AWS and Kubernetes hold: IAM policies, and the ConfigMap aws-auth.

pub mod aws_auth;
pub mod config_map;
pub mod policy;
