//! The attributes of the resource, for `Fn::GetAtt`.

use super::BODY_MAX;
use crate::desired::spec::{ControllerIdentity, Spec};
use crate::identity::aws_names::issuer_without_scheme;
use crate::observed::Observed;
use crate::plan::{ReconcilePlan, Warning};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The attributes that become empty if the response is too long, in this order.
pub(super) const OMISSION_ORDER: [&str; 3] = ["SecurityGroupIds", "SubnetIds", "HelmValues"];

/// The attribute that is cut if the response is still too long.
pub(super) const WARNINGS: &str = "Warnings";

/// The name of each attribute, and its description in the documentation.
pub const ATTRIBUTES: &[(&str, &str)] = &[
    ("ClusterName", "The EKS cluster."),
    ("ClusterEndpoint", "The URL of the cluster's Kubernetes API."),
    ("NodeRoleName", "The name of the node role, for `role` in an EC2NodeClass."),
    ("NodeRoleArn", "The ARN of the node role."),
    ("InstanceProfileName", "The name of the instance profile, for `instanceProfile` in an EC2NodeClass."),
    ("InstanceProfileArn", "The ARN of the instance profile."),
    ("ControllerRoleName", "The name of the controller role."),
    ("ControllerRoleArn", "The ARN of the controller role, for the service account's annotation."),
    ("OidcProviderArn", "The IAM OIDC provider that the controller role trusts. Empty without IRSA."),
    ("Namespace", "The namespace of Karpenter's service account."),
    ("ServiceAccount", "The name of Karpenter's service account."),
    ("NodeAccess", "How nodes join: `AwsAuth`, `AccessEntry` or `None`."),
    ("SubnetIds", "The subnets with the discovery tag, separated by commas."),
    ("SecurityGroupIds", "The security groups with the discovery tag, separated by commas."),
    ("HelmValues", "A values file (YAML) for Karpenter's Helm chart, for Karpenter 0.32 and later."),
    ("Warnings", "Warnings, separated by semicolons. Empty if there are none."),
];

/// The attributes of a resource. Every attribute exists, because `Fn::GetAtt` fails for a missing attribute. Each is a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Attributes(pub(super) BTreeMap<&'static str, String>);

impl Attributes {
    /// Returns the attributes after the plan has been carried out.
    pub fn new(spec: &Spec, observed: &Observed, reconciled: &ReconcilePlan) -> Self {
        let cluster = observed.cluster.as_ref();
        let endpoint = cluster.map(|cluster| cluster.endpoint.clone()).unwrap_or_default();
        let issuer = cluster.and_then(|cluster| cluster.issuer.as_deref()).map(issuer_without_scheme);
        let issuer = issuer.filter(|_| spec.has_controller_identity(ControllerIdentity::Irsa));
        let joined = |ids: &BTreeSet<String>| ids.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        Self(BTreeMap::from([
            ("ClusterName", spec.cluster_name.clone()),
            ("HelmValues", helm_values(spec, &endpoint)),
            ("ClusterEndpoint", endpoint),
            ("NodeRoleName", spec.node_role_name().to_owned()),
            ("NodeRoleArn", spec.node_role_arn()),
            ("InstanceProfileName", spec.instance_profile_name.clone()),
            ("InstanceProfileArn", spec.instance_profile_arn()),
            ("ControllerRoleName", spec.controller_role_name.clone()),
            ("ControllerRoleArn", spec.controller_role_arn()),
            ("OidcProviderArn", issuer.map(|issuer| spec.scope.oidc_provider_arn(issuer)).unwrap_or_default()),
            ("Namespace", spec.namespace.clone()),
            ("ServiceAccount", spec.service_account.clone()),
            ("NodeAccess", reconciled.node_access.name().to_owned()),
            ("SubnetIds", joined(&reconciled.subnet_ids)),
            ("SecurityGroupIds", joined(&reconciled.security_group_ids)),
            (WARNINGS, reconciled.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        ]))
    }

    /// Removes control characters. Line ends stay, because `HelmValues` needs them and JSON escapes them.
    pub(super) fn remove_control_characters(&mut self) {
        for value in self.0.values_mut() {
            value.retain(|c| c == '\n' || !c.is_control());
        }
    }

    /// Makes an attribute empty, and adds a warning about it.
    pub(super) fn omit(&mut self, name: &'static str) {
        self.0.insert(name, String::new());
        let warnings = self.0.entry(WARNINGS).or_default();
        if !warnings.is_empty() {
            warnings.push_str("; ");
        }
        warnings.push_str(&Warning::AttributeEmpty { name, limit: BODY_MAX }.to_string());
    }

    /// Returns the attribute `Warnings`.
    pub(super) fn warnings(&self) -> &str {
        self.0.get(WARNINGS).map(String::as_str).unwrap_or_default()
    }

    /// Returns a copy with another value of one attribute.
    pub(super) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut all = self.0.clone();
        all.insert(name, value.to_owned());
        Self(all)
    }
}

/// Returns the values file for the Helm chart, whose keys are the same since Karpenter 0.32. A service account with Pod Identity
/// alone has no annotation, because it needs none.
fn helm_values(spec: &Spec, endpoint: &str) -> String {
    // A JSON string is also a YAML string.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let queue = spec.interruption_queue_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    let queue = queue.map(|name| format!("  interruptionQueue: {}\n", quoted(name))).unwrap_or_default();
    let annotation =
        || format!("  annotations:\n    eks.amazonaws.com/role-arn: {}\n", quoted(&spec.controller_role_arn()));
    let annotations = if spec.has_controller_identity(ControllerIdentity::Irsa) { annotation() } else { String::new() };
    format!(
        "settings:\n  clusterName: {}\n  clusterEndpoint: {}\n{queue}serviceAccount:\n  name: {}\n{annotations}",
        quoted(&spec.cluster_name),
        quoted(endpoint),
        quoted(&spec.service_account),
    )
}
