//! Names and identifiers: owners and markers, names of AWS and Kubernetes, and Karpenter versions.

pub mod aws_names;
pub mod karpenter_version;
pub mod kubernetes;
pub mod ownership;
