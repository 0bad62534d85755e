//! Checks the spec that is parsed from properties.

use super::Sample;
use crate::target::CaseOutcome;
use karpenter_prereqs_core::desired::spec::{NodeRole, Spec};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Generation;
use karpenter_prereqs_core::request::event::RawProperties;
use serde_json::Value;

const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a";

/// Checks how properties are parsed, and returns the outcome.
///
/// # Errors
/// The first violation.
pub(super) fn check(sample: &Sample) -> Result<CaseOutcome, String> {
    let scope = Scope::of_stack(STACK).ok_or("no scope")?;
    let raw = &sample.properties;
    let (parsed, lossy) = (Spec::new(raw, &scope), Spec::parse_lossy(raw, &scope));
    let is_given = |name: &str| raw.get(name).is_some_and(|value| !is_absent(value));
    let is_valid = |name: &str| is_given(name) && !sample.invalid.contains(name);
    require(lossy.is_some() == is_valid("ClusterName"), || format!("for a Delete: {lossy:?}"))?;
    let excluded: Vec<&str> = ["NodeRoleName", "NodePolicyArns"]
        .into_iter()
        .filter(|name| is_valid("NodeRoleArn") && is_valid(name))
        .collect();
    let has_no_error =
        sample.invalid.is_empty() && sample.unknown.is_empty() && excluded.is_empty() && is_valid("ClusterName");
    let as_text = Spec::new(&as_cloudformation_writes(raw), &scope);
    require(as_text == parsed, || format!("as text the result differs: {parsed:?} {as_text:?}"))?;
    if let Some(spec) = &lossy {
        check_limits(spec)?;
        check_generation(spec)?;
    }
    match parsed {
        Ok(spec) => {
            require(has_no_error, || format!("accepted: {spec:?}"))?;
            require(lossy.as_ref() == Some(&spec), || format!("the spec for a Delete differs: {lossy:?}"))?;
            check_verbatim(&spec, raw)?;
            Ok("accepted")
        }
        Err(errors) => {
            let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
            require(!has_no_error, || format!("rejected: {messages:?}"))?;
            let mut expected: Vec<&str> = sample.invalid.iter().chain(&sample.unknown).map(String::as_str).collect();
            expected.extend(&excluded);
            if !is_given("ClusterName") {
                expected.push("ClusterName");
            }
            let is_named =
                |name: &str| messages.iter().filter(|error| error.contains(&format!("`{name}`"))).count() > 0;
            require(expected.iter().all(|name| is_named(name)), || {
                format!("not all of {expected:?} are in {messages:?}")
            })?;
            require(messages.len() == expected.len(), || format!("{messages:?} is not only about {expected:?}"))?;
            Ok(if lossy.is_some() { "rejected, and sufficient for a Delete" } else { "rejected" })
        }
    }
}

/// Checks the limits of IAM, EC2 and EKS, which every spec must keep.
fn check_limits(spec: &Spec) -> Result<(), String> {
    let is_name = |name: &str, max: usize| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        (1..=max).contains(&name.len()) && name.chars().all(is_plain)
    };
    let is_printable = |text: &str, max: usize| text.len() <= max && text.chars().all(|c| c.is_ascii_graphic());
    let has_policies = match &spec.node_role {
        NodeRole::Managed { policy_arns, .. } => {
            policy_arns.len() >= 4 && policy_arns.iter().all(|arn| is_printable(arn, 2048))
        }
        NodeRole::Existing { .. } => true,
    };
    let checks = [
        ("node role", is_name(spec.node_role_name(), 64)),
        ("node role ARN", is_printable(&spec.node_role_arn(), 20 + 20 + 12 + 512 + 64)),
        ("controller role", is_name(&spec.controller_role_name, 64)),
        ("instance profile", is_name(&spec.instance_profile_name, 128)),
        ("inline policy", is_name(&spec.controller_policy_name(), 128)),
        ("path", spec.path.starts_with('/') && spec.path.ends_with('/') && is_printable(&spec.path, 512)),
        ("policies", has_policies),
        ("tags", spec.tags.len() <= 48),
        ("tag key", (1..=128).contains(&spec.discovery_tag.key.chars().count())),
        ("tag value", spec.discovery_tag.value.chars().count() <= 256),
        ("marker value", spec.discovery_tag.marker_value().chars().count() <= 256),
        ("cluster", (1..=100).contains(&spec.cluster_name.len())),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(format!("{what} exceeds a limit: {spec:?}")),
        None => Ok(()),
    }
}

/// Checks that the generation is a function of stack, resource and identity, and that its id is valid for CloudFormation.
fn check_generation(spec: &Spec) -> Result<(), String> {
    let of = |logical: &str, spec: &Spec| Generation::of(STACK, logical, &spec.identity());
    let generation = of("Prereqs", spec);
    let id = generation.physical_resource_id();
    require(generation == of("Prereqs", &spec.clone()), || format!("two ids, one of them {id}"))?;
    require(of("Other", spec) != generation, || format!("one id for two resources: {id}"))?;
    let is_parsed = Generation::from_id(id).as_ref() == Some(&generation);
    require(is_parsed && id.len() < 200 && id.chars().all(|c| c.is_ascii_graphic()), || {
        format!("an invalid id: {id}")
    })?;
    let renamed = Spec { controller_role_name: format!("{}x", spec.controller_role_name), ..spec.clone() };
    require(of("Prereqs", &renamed) != generation, || format!("one id for two identities: {id}"))
}

/// Checks that the spec has all given values verbatim.
fn check_verbatim(spec: &Spec, raw: &RawProperties) -> Result<(), String> {
    let given = |name: &str| raw.get(name).filter(|value| !is_absent(value)).map(as_text_value);
    let pairs = [
        ("ClusterName", spec.cluster_name.as_str()),
        ("Namespace", &spec.namespace),
        ("ServiceAccount", &spec.service_account),
        ("NodeRoleName", spec.node_role_name()),
        ("ControllerRoleName", &spec.controller_role_name),
        ("InstanceProfileName", &spec.instance_profile_name),
        ("NodeRoleArn", &spec.node_role_arn()),
        ("DiscoveryTagKey", &spec.discovery_tag.key),
        ("DiscoveryTagValue", &spec.discovery_tag.value),
        ("KubernetesRoleArn", spec.kubernetes_role_arn.as_deref().unwrap_or_default()),
        ("RolePath", &spec.path),
        ("PermissionsBoundary", spec.permissions_boundary.as_deref().unwrap_or_default()),
        ("InterruptionQueueArn", spec.interruption_queue_arn.as_deref().unwrap_or_default()),
        ("ExistingObjects", if spec.adopts_existing_objects { "Adopt" } else { "Fail" }),
        ("RunningNodes", if spec.ignores_running_nodes { "Ignore" } else { "Fail" }),
        ("OidcProvider", if spec.creates_oidc_provider { "Create" } else { "Require" }),
    ];
    let other = pairs.into_iter().find(|(name, parsed)| given(name).is_some_and(|given| given != *parsed));
    require(other.is_none(), || format!("not verbatim: {other:?}"))?;
    let items = |name: &str| -> Vec<String> {
        let list = match raw.get(name) {
            Some(value) if is_absent(value) => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(as_text_value).collect(),
            Some(value) => as_text_value(value).split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>(),
            None => Vec::new(),
        };
        list.into_iter().filter(|item| !item.is_empty()).fold(Vec::new(), |mut kept, item| {
            if !kept.contains(&item) {
                kept.push(item);
            }
            kept
        })
    };
    let lists = [
        ("SubnetIds", spec.subnet_ids.as_deref()),
        ("SecurityGroupIds", spec.security_group_ids.as_deref()),
        ("ControllerPolicyArns", Some(spec.controller_policy_arns.as_slice())),
    ];
    let other = lists.into_iter().find(|(name, parsed)| parsed.unwrap_or_default() != items(name));
    require(other.is_none(), || format!("not verbatim: {other:?}"))
}

/// Returns the properties as CloudFormation sends them: every scalar as text.
fn as_cloudformation_writes(raw: &RawProperties) -> RawProperties {
    fn texts(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(texts).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), texts(value))).collect())
            }
            Value::Null => Value::Null,
            scalar => as_text_value(scalar).into(),
        }
    }
    raw.iter().map(|(name, value)| (name.clone(), texts(value))).collect()
}

fn as_text_value(scalar: &Value) -> String {
    scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned)
}

/// Returns whether the value counts as not given: the result of `!Ref` of an empty parameter, or a list of such values.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_absent),
        _ => false,
    }
}

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
