//! Names: whose an object is, what AWS and Kubernetes call it, and the versions of Karpenter.

pub mod aws_names;
pub mod karpenter_version;
pub mod kubernetes;
pub mod ownership;
