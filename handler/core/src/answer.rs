//! The answer's body: complete, flat, and within CloudFormation's limit.
//!
//! CloudFormation takes 4,096 bytes, inclusive; a longer success counts as a failure ("Response object is too
//! long"), a null `Reason` has been seen to hang a stack, and a control character in it breaks the console's list
//! of events.

use crate::event::Envelope;
use crate::names::issuer_without_scheme;
use crate::observed::Observed;
use crate::ownership::PREFIX;
use crate::plan::Converged;
use crate::spec::Spec;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most bytes that an answer may have
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html>).
pub const BODY_MAX: usize = 4096;

/// What does not fit is left out in this order.
const FIRST_TO_GO: [&str; 3] = ["SecurityGroupIds", "SubnetIds", "HelmValues"];

/// The attribute that is shortened last.
const WARNINGS: &str = "Warnings";

/// What `Fn::GetAtt` gives, with the words of the documentation.
pub const ATTRIBUTES: &[(&str, &str)] = &[
    ("ClusterName", "The cluster."),
    ("ClusterEndpoint", "The URL of its API server."),
    ("NodeRoleName", "The node role's name: what an EC2NodeClass takes as `role`."),
    ("NodeRoleArn", "The node role's ARN."),
    ("InstanceProfileName", "The instance profile's name: what an EC2NodeClass takes as `instanceProfile`."),
    ("InstanceProfileArn", "The instance profile's ARN."),
    ("ControllerRoleName", "The controller role's name."),
    ("ControllerRoleArn", "The controller role's ARN: the service account's annotation."),
    ("OidcProviderArn", "The IAM OIDC provider that the controller role trusts."),
    ("Namespace", "The namespace of Karpenter's service account."),
    ("ServiceAccount", "The name of Karpenter's service account."),
    ("NodeAccess", "How nodes join: what was really used, `AwsAuth` or `None`."),
    ("SubnetIds", "The subnets with the discovery tag, with commas between."),
    ("SecurityGroupIds", "The security groups with the discovery tag, with commas between."),
    ("HelmValues", "A values file, in YAML, for Karpenter's Helm chart."),
    ("Warnings", "What you should know, with `; ` between; empty when there is nothing."),
];

/// The attributes of a resource: always all of them, always text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<&'static str, String>);

impl Attributes {
    /// The attributes once the plan has been carried out.
    pub fn new(spec: &Spec, observed: &Observed, converged: &Converged) -> Self {
        let cluster = observed.cluster.as_ref();
        let endpoint = cluster.map(|cluster| cluster.endpoint.clone()).unwrap_or_default();
        let issuer =
            cluster.and_then(|cluster| cluster.issuer.as_deref()).map(issuer_without_scheme).unwrap_or_default();
        let joined =
            |ids: &std::collections::BTreeSet<String>| ids.iter().map(String::as_str).collect::<Vec<_>>().join(",");
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
            ("OidcProviderArn", spec.scope.oidc_provider_arn(issuer)),
            ("Namespace", spec.namespace.clone()),
            ("ServiceAccount", spec.service_account.clone()),
            ("NodeAccess", converged.node_access.to_owned()),
            ("SubnetIds", joined(&converged.subnet_ids)),
            ("SecurityGroupIds", joined(&converged.security_group_ids)),
            (WARNINGS, converged.warnings.join("; ")),
        ]))
    }

    fn note(&mut self, warning: &str) {
        let warnings = self.0.entry(WARNINGS).or_default();
        if !warnings.is_empty() {
            warnings.push_str("; ");
        }
        warnings.push_str(warning);
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; a Delete has no attributes.
    Success(Option<Attributes>),
    /// Not done, and why.
    Failed(String),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Attributes>,
}

/// The body to PUT: at most [`BODY_MAX`] bytes.
pub fn body(envelope: &Envelope, physical_resource_id: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Success(None) => render(envelope, physical_resource_id, "SUCCESS", None, None),
        Outcome::Success(Some(attributes)) => success(envelope, physical_resource_id, attributes.clone()),
        Outcome::Failed(reason) => {
            let reason = cleaned(reason);
            fitting(&reason, |reason| render(envelope, physical_resource_id, "FAILED", Some(reason), None))
        }
    }
}

/// The id of a resource whose properties are so wrong that they have no identity: nothing was made under it.
pub fn id_without_identity(logical_resource_id: &str) -> String {
    format!("{PREFIX}invalid-properties/{logical_resource_id}")
}

fn success(envelope: &Envelope, id: &str, mut attributes: Attributes) -> String {
    let render = |attributes: &Attributes| render(envelope, id, "SUCCESS", None, Some(attributes));
    for value in attributes.0.values_mut() {
        // HelmValues has its line ends; JSON escapes them.
        value.retain(|c| c == '\n' || !c.is_control());
    }
    for name in FIRST_TO_GO {
        let body = render(&attributes);
        if body.len() <= BODY_MAX {
            return body;
        }
        attributes.0.insert(name, String::new());
        attributes
            .note(&format!("{name} is empty, since it does not fit into CloudFormation's answer of {BODY_MAX} bytes"));
    }
    let warnings = attributes.0.get(WARNINGS).cloned().unwrap_or_default();
    fitting(&warnings, |warnings| {
        let mut attributes = attributes.clone();
        attributes.0.insert(WARNINGS, warnings.to_owned());
        render(&attributes)
    })
}

fn render(
    envelope: &Envelope,
    id: &str,
    status: &'static str,
    reason: Option<&str>,
    data: Option<&Attributes>,
) -> String {
    let body = Body {
        status,
        reason,
        physical_resource_id: id,
        stack_id: &envelope.stack_id,
        request_id: &envelope.request_id,
        logical_resource_id: &envelope.logical_resource_id,
        data,
    };
    // Strings under string keys: there is nothing that serde_json could refuse.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The rendering with as much of the text's head as fits; the cause comes first in every text of ours.
fn fitting(text: &str, render: impl Fn(&str) -> String) -> String {
    let whole = render(text);
    if whole.len() <= BODY_MAX {
        return whole;
    }
    let cut = |chars: usize| format!("{}…", text.chars().take(chars).collect::<String>());
    // Escapes make a character cost up to six bytes, so the longest head that fits is searched for.
    let (mut fits, mut exceeds) = (0, text.chars().count());
    while fits + 1 < exceeds {
        let middle = usize::midpoint(fits, exceeds);
        if render(&cut(middle)).len() <= BODY_MAX { fits = middle } else { exceeds = middle }
    }
    render(&cut(fits))
}

fn cleaned(reason: &str) -> String {
    let cleaned: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cleaned.trim().is_empty() { "no reason was given: see the function's log".to_owned() } else { cleaned }
}

/// Values for the chart; JSON's quoting is YAML's too.
fn helm_values(spec: &Spec, endpoint: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "settings:\n  clusterName: {}\n  clusterEndpoint: {}\nserviceAccount:\n  name: {}\n  annotations:\n    eks.amazonaws.com/role-arn: {}\n",
        quoted(&spec.cluster_name),
        quoted(endpoint),
        quoted(&spec.service_account),
        quoted(&spec.controller_role_arn()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn envelope() -> Envelope {
        let event = json!({
            "ResponseURL": "https://b.s3.amazonaws.com/k",
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a",
            "RequestId": "r",
            "LogicalResourceId": "Prereqs",
        });
        Envelope::read(&event).unwrap()
    }

    fn attributes(subnets: usize, groups: usize, warnings: usize) -> Attributes {
        let mut all: BTreeMap<_, _> = ATTRIBUTES.iter().map(|(name, _)| (*name, format!("{name} value"))).collect();
        all.insert("SubnetIds", "subnet-0123456789abcdef0,".repeat(subnets));
        all.insert("SecurityGroupIds", "sg-0123456789abcdef0,".repeat(groups));
        all.insert(WARNINGS, "w".repeat(warnings));
        Attributes(all)
    }

    fn data(attributes: Attributes) -> Value {
        let body = body(&envelope(), "id", &Outcome::Success(Some(attributes)));
        assert!(body.len() <= BODY_MAX, "{}", body.len());
        let mut value: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["Data"].as_object().unwrap().len(), ATTRIBUTES.len());
        value["Data"].take()
    }

    #[test]
    fn what_does_not_fit_becomes_empty_whole_in_its_order_and_is_said() {
        let fits = data(attributes(10, 10, 10));
        assert_eq!(fits[WARNINGS], "w".repeat(10));
        let groups_go = data(attributes(20, 200, 10));
        assert_eq!(
            (&groups_go["SecurityGroupIds"], &groups_go["HelmValues"]),
            (&json!(""), &json!("HelmValues value"))
        );
        assert_ne!(groups_go["SubnetIds"], "");
        assert!(groups_go[WARNINGS].as_str().unwrap().contains("SecurityGroupIds is empty"));
        let both_go = data(attributes(200, 200, 10));
        assert_eq!((&both_go["SecurityGroupIds"], &both_go["SubnetIds"]), (&json!(""), &json!("")));
        assert_eq!(both_go["HelmValues"], "HelmValues value");
        let warnings_cut = data(attributes(0, 0, 9000));
        assert!(warnings_cut[WARNINGS].as_str().unwrap().ends_with('…'));
        assert_eq!(warnings_cut["ClusterName"], "ClusterName value");
    }

    #[test]
    fn the_limit_is_inclusive() {
        let empty = body(&envelope(), "id", &Outcome::Failed("r".into())).len() - 1;
        let exact = "r".repeat(BODY_MAX - empty);
        assert_eq!(body(&envelope(), "id", &Outcome::Failed(exact.clone())).len(), BODY_MAX);
        let cut = body(&envelope(), "id", &Outcome::Failed(exact + "r"));
        assert!(cut.len() <= BODY_MAX && cut.contains('…'));
    }

    #[test]
    fn a_reason_has_no_control_characters_and_is_never_empty() {
        for (reason, expected) in
            [("a\u{1b}[31mb\nc", "a [31mb c"), ("", "no reason was given: see the function's log")]
        {
            let body: Value = serde_json::from_str(&body(&envelope(), "id", &Outcome::Failed(reason.into()))).unwrap();
            assert_eq!(body["Reason"], expected);
        }
    }

    #[test]
    fn a_success_has_no_reason_at_all() {
        let body: Value = serde_json::from_str(&body(&envelope(), "id", &Outcome::Success(None))).unwrap();
        assert_eq!(body.get("Reason"), None);
        assert_eq!(body.get("Data"), None);
    }
}
