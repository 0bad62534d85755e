//! The inline policy of the controller role.

use crate::desired::spec::Spec;
use crate::documents::policy::{self, PolicyResources};
use serde_json::Value;
use std::collections::BTreeSet;

/// Returns the permissions that the properties ask for, with iam:PassRole on these node roles.
pub(crate) fn controller_policy(spec: &Spec, node_role_arns: &BTreeSet<String>) -> Value {
    let resources = PolicyResources {
        scope: &spec.scope,
        cluster_name: &spec.cluster_name,
        node_role_arns,
        interruption_queue_arn: spec.interruption_queue_arn.as_deref(),
    };
    policy::controller(resources, &spec.karpenter_versions)
}
