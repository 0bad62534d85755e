//! What `Fn::GetAtt` gives.

use super::BODY_MAX;
use crate::desired::spec::{ControllerIdentity, Spec};
use crate::identity::aws_names::issuer_without_scheme;
use crate::observed::Observed;
use crate::plan::{ReconcilePlan, Warning};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What does not fit is left out in this order.
pub(super) const FIRST_TO_GO: [&str; 3] = ["SecurityGroupIds", "SubnetIds", "HelmValues"];

/// The attribute that is shortened last.
pub(super) const WARNINGS: &str = "Warnings";

/// What `Fn::GetAtt` gives, with the words of the documentation.
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

/// The attributes of a resource: always all of them, always text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Attributes(pub(super) BTreeMap<&'static str, String>);

impl Attributes {
    /// The attributes once the plan has been carried out.
    pub fn new(spec: &Spec, observed: &Observed, converged: &ReconcilePlan) -> Self {
        let cluster = observed.cluster.as_ref();
        let endpoint = cluster.map(|cluster| cluster.endpoint.clone()).unwrap_or_default();
        let issuer = cluster.and_then(|cluster| cluster.issuer.as_deref()).map(issuer_without_scheme);
        let issuer = issuer.filter(|_| spec.has_identity(ControllerIdentity::Irsa));
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
            ("NodeAccess", converged.node_access.name().to_owned()),
            ("SubnetIds", joined(&converged.subnet_ids)),
            ("SecurityGroupIds", joined(&converged.security_group_ids)),
            (WARNINGS, converged.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        ]))
    }

    /// Control characters go; `HelmValues` has its line ends, which JSON escapes.
    pub(super) fn clean(&mut self) {
        for value in self.0.values_mut() {
            value.retain(|c| c == '\n' || !c.is_control());
        }
    }

    /// Empties one attribute, and says so.
    pub(super) fn leave_out(&mut self, name: &'static str) {
        self.0.insert(name, String::new());
        let warnings = self.0.entry(WARNINGS).or_default();
        if !warnings.is_empty() {
            warnings.push_str("; ");
        }
        warnings.push_str(&Warning::AttributeEmpty { name, limit: BODY_MAX }.to_string());
    }

    pub(super) fn warnings(&self) -> &str {
        self.0.get(WARNINGS).map(String::as_str).unwrap_or_default()
    }

    /// The same with another value of one attribute.
    pub(super) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut all = self.0.clone();
        all.insert(name, value.to_owned());
        Self(all)
    }
}

/// Values for the chart, whose keys are the same since release 0.32; JSON's quoting is YAML's too. A service account with Pod
/// Identity alone needs no annotation.
fn helm_values(spec: &Spec, endpoint: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let queue = spec.interruption_queue_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    let queue = queue.map(|name| format!("  interruptionQueue: {}\n", quoted(name))).unwrap_or_default();
    let annotation =
        || format!("  annotations:\n    eks.amazonaws.com/role-arn: {}\n", quoted(&spec.controller_role_arn()));
    let annotations = if spec.has_identity(ControllerIdentity::Irsa) { annotation() } else { String::new() };
    format!(
        "settings:\n  clusterName: {}\n  clusterEndpoint: {}\n{queue}serviceAccount:\n  name: {}\n{annotations}",
        quoted(&spec.cluster_name),
        quoted(endpoint),
        quoted(&spec.service_account),
    )
}
