//! What must be true of the spec that properties make.

use super::Sample;
use crate::target::Fate;
use karpenter_prereqs_core::desired::spec::{NodeRole, Spec};
use karpenter_prereqs_core::identity::aws_names::Scope;
use karpenter_prereqs_core::identity::ownership::Generation;
use karpenter_prereqs_core::request::event::RawProperties;
use serde_json::Value;

const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a";

/// What became of the properties.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn judged(sample: &Sample) -> Result<Fate, String> {
    let scope = Scope::of_stack(STACK).ok_or("no scope")?;
    let raw = &sample.properties;
    let (taken, parse_lossy) = (Spec::new(raw, &scope), Spec::parse_lossy(raw, &scope));
    let is_given = |name: &str| raw.get(name).is_some_and(|value| !is_absent(value));
    let has = |name: &str| is_given(name) && !sample.bad.contains(name);
    require(parse_lossy.is_some() == has("ClusterName"), || format!("for a Delete: {parse_lossy:?}"))?;
    let excluded: Vec<&str> =
        ["NodeRoleName", "NodePolicyArns"].into_iter().filter(|name| has("NodeRoleArn") && has(name)).collect();
    let is_good = sample.bad.is_empty() && sample.unknown.is_empty() && excluded.is_empty() && has("ClusterName");
    let as_text = Spec::new(&as_cloudformation_writes(raw), &scope);
    require(as_text == taken, || format!("as text it is taken otherwise: {taken:?} {as_text:?}"))?;
    if let Some(spec) = &parse_lossy {
        limits(spec)?;
        generation(spec)?;
    }
    match taken {
        Ok(spec) => {
            require(is_good, || format!("taken: {spec:?}"))?;
            require(parse_lossy.as_ref() == Some(&spec), || format!("another for a Delete: {parse_lossy:?}"))?;
            verbatim(&spec, raw)?;
            Ok("taken")
        }
        Err(errors) => {
            let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
            require(!is_good, || format!("refused: {said:?}"))?;
            let mut named: Vec<&str> = sample.bad.iter().chain(&sample.unknown).map(String::as_str).collect();
            named.extend(&excluded);
            if !is_given("ClusterName") {
                named.push("ClusterName");
            }
            let is_named = |name: &str| said.iter().filter(|error| error.contains(&format!("`{name}`"))).count() > 0;
            require(named.iter().all(|name| is_named(name)), || format!("not all of {named:?} are in {said:?}"))?;
            require(said.len() == named.len(), || format!("{said:?} is not only about {named:?}"))?;
            Ok(if parse_lossy.is_some() { "refused, and good enough for a Delete" } else { "refused" })
        }
    }
}

/// The limits of IAM, EC2 and Kubernetes that a spec must keep, whatever it was made of.
fn limits(spec: &Spec) -> Result<(), String> {
    let is_name = |name: &str, most: usize| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        (1..=most).contains(&name.len()) && name.chars().all(is_plain)
    };
    let is_printable = |text: &str, most: usize| text.len() <= most && text.chars().all(|c| c.is_ascii_graphic());
    let made = match &spec.node_role {
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
        ("policies", made),
        ("tags", spec.tags.len() <= 48),
        ("tag key", (1..=128).contains(&spec.discovery_tag.key.chars().count())),
        ("tag value", spec.discovery_tag.value.chars().count() <= 256),
        ("note", spec.discovery_tag.marker_value().chars().count() <= 256),
        ("cluster", (1..=100).contains(&spec.cluster_name.len())),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(format!("beyond a limit, {what}: {spec:?}")),
        None => Ok(()),
    }
}

/// The generation is a function of stack, resource and identity, and its id is one that CloudFormation takes.
fn generation(spec: &Spec) -> Result<(), String> {
    let of = |logical: &str, spec: &Spec| Generation::of(STACK, logical, &spec.identity());
    let generation = of("Prereqs", spec);
    let id = generation.physical_resource_id();
    require(generation == of("Prereqs", &spec.clone()), || format!("two ids, one of them {id}"))?;
    require(of("Other", spec) != generation, || format!("one id for two resources: {id}"))?;
    let is_known = Generation::from_id(id).as_ref() == Some(&generation);
    require(is_known && id.len() < 200 && id.chars().all(|c| c.is_ascii_graphic()), || format!("a bad id: {id}"))?;
    let renamed = Spec { controller_role_name: format!("{}x", spec.controller_role_name), ..spec.clone() };
    require(of("Prereqs", &renamed) != generation, || format!("one id for two identities: {id}"))
}

/// What was given is in the spec as it was given.
fn verbatim(spec: &Spec, raw: &RawProperties) -> Result<(), String> {
    let given = |name: &str| raw.get(name).filter(|value| !is_absent(value)).map(written);
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
    let other = pairs.into_iter().find(|(name, taken)| given(name).is_some_and(|given| given != *taken));
    require(other.is_none(), || format!("not as it was given: {other:?}"))?;
    let items = |name: &str| -> Vec<String> {
        let list = match raw.get(name) {
            Some(value) if is_absent(value) => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(written).collect(),
            Some(value) => written(value).split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>(),
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
    let other = lists.into_iter().find(|(name, taken)| taken.unwrap_or_default() != items(name));
    require(other.is_none(), || format!("not as it was given: {other:?}"))
}

/// The same, as CloudFormation hands it over: every scalar as text.
fn as_cloudformation_writes(raw: &RawProperties) -> RawProperties {
    fn texts(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(texts).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), texts(value))).collect())
            }
            Value::Null => Value::Null,
            scalar => written(scalar).into(),
        }
    }
    raw.iter().map(|(name, value)| (name.clone(), texts(value))).collect()
}

fn written(scalar: &Value) -> String {
    scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned)
}

/// As good as not given: what `!Ref` of an empty parameter, or of a list of them, leaves.
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
