//! One file for each object of AWS or Kubernetes: how it is created, updated and deleted.

pub(super) mod access_entry;
mod adoption;
mod aws_auth;
pub(super) mod controller_identity;
mod controller_policy;
pub(super) mod controller_role;
mod controller_trust;
pub(super) mod discovery_tags;
pub(super) mod instance_profile;
pub(super) mod karpenter_leftovers;
pub(super) mod node_access;
pub(super) mod node_role;
pub(super) mod oidc_provider;
pub(super) mod pass_role;
pub(super) mod pod_identity;
mod role;
mod tag_sync;

pub use self::aws_auth::likely_edit;
#[cfg(test)]
pub(super) use controller_policy::controller_policy;
