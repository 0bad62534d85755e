//! Checks that every response obeys CloudFormation's rules
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html>).

use super::generate::unusual_text;
use crate::choices::Choices;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Generation;
use karpenter_prereqs_core::observed::{AuthenticationMode, Cluster, Observed};
use karpenter_prereqs_core::plan::{JoinMethod, Plan, ReconcilePlan, Warning};
use karpenter_prereqs_core::request::event::{Envelope, Operation, RawProperties, Request};
use karpenter_prereqs_core::response::{self, ATTRIBUTES, Attributes, Outcome, id_without_identity};
use serde_json::Value;

/// The maximum size of a response.
const MAX_BYTES: usize = 4096;

/// The maximum size of a `PhysicalResourceId`.
const MAX_ID_BYTES: usize = 1024;

/// The maximum size of the other ids, as CloudFormation creates them. A response must repeat ids up to this size verbatim.
const MAX_ECHOED_BYTES: usize = 300;

/// Checks the response for every way in which the request can end.
///
/// # Errors
/// The first violation.
pub(super) fn check_responses(
    envelope: &Envelope,
    request: Option<&Request>,
    choices: &mut Choices<'_>,
) -> Result<(), String> {
    let from_event = request.and_then(|request| match &request.operation {
        Operation::Create => None,
        Operation::Update { physical_resource_id, .. } | Operation::Delete { physical_resource_id } => {
            Some(physical_resource_id.clone())
        }
    });
    let empty = RawProperties::new();
    let spec = Spec::parse_lossy(request.map_or(&empty, |request| &request.properties), &envelope.scope);
    let own = spec.as_ref().map(|spec| {
        Generation::of(&envelope.stack_id, &envelope.logical_resource_id, &spec.identity())
            .physical_resource_id()
            .to_owned()
    });
    let fallback =
        envelope.physical_resource_id.clone().unwrap_or_else(|| id_without_identity(&envelope.logical_resource_id));
    let id = from_event.or_else(|| own.clone()).unwrap_or(fallback);
    check_response(envelope, &id, &Outcome::Failed(unusual_text(choices)))?;
    if choices.one_in(4) {
        check_size_limit(envelope, &id)?;
    }
    check_response(envelope, &id, &Outcome::Success(None))?;
    match (&spec, &own) {
        (Some(spec), Some(own)) => check_response(envelope, own, &Outcome::Success(Some(attributes(spec, choices)))),
        _ => Ok(()),
    }
}

/// Checks reasons that are exactly as long as possible, and up to one byte longer.
fn check_size_limit(envelope: &Envelope, id: &str) -> Result<(), String> {
    let room = MAX_BYTES.saturating_sub(response::body(envelope, id, &Outcome::Failed("r".to_owned())).len()) + 1;
    (room - 1..=room + 1).try_for_each(|length| check_response(envelope, id, &Outcome::Failed("r".repeat(length))))
}

fn attributes(spec: &Spec, choices: &mut Choices<'_>) -> Attributes {
    let ids = |prefix: &str, count: usize| (0..count).map(|number| format!("{prefix}-{number:017x}")).collect();
    let cluster = Cluster {
        status: "ACTIVE".to_owned(),
        endpoint: "https://0123456789ABCDEF0123456789ABCDEF.gr7.ap-southeast-1.eks.amazonaws.com".to_owned(),
        certificate_authority: String::new(),
        issuer: Some("https://oidc.eks.ap-southeast-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF".to_owned()),
        authentication_mode: AuthenticationMode::ConfigMap,
        security_group_id: None,
    };
    let observed = Observed { cluster: choices.pick(&[Some(()), None]).map(|()| cluster), ..Observed::default() };
    let planned = ReconcilePlan {
        subnet_ids: ids("subnet", choices.pick(&[0, 2, 60, 255])),
        security_group_ids: ids("sg", choices.pick(&[0, 2, 60, 255])),
        node_access: choices.pick(&[JoinMethod::AwsAuth, JoinMethod::AccessEntry, JoinMethod::None]),
        warnings: (0..choices.below(4)).map(|_| Warning::LaunchTemplateKept { id: unusual_text(choices) }).collect(),
        plan: Plan::default(),
        needs_second_pass: false,
    };
    Attributes::new(spec, &observed, &planned)
}

fn check_response(envelope: &Envelope, id: &str, outcome: &Outcome) -> Result<(), String> {
    let body = response::body(envelope, id, outcome);
    let violation = |what: &str| Err(format!("{what}: {} bytes: {body}", body.len()));
    if body.len() > MAX_BYTES {
        return violation("too long");
    }
    let Ok(Value::Object(response)) = serde_json::from_str::<Value>(&body) else {
        return violation("not an object");
    };
    let field = |name: &str| response.get(name).and_then(Value::as_str);
    let physical = field("PhysicalResourceId").unwrap_or_default();
    if physical.is_empty() || physical.len() > MAX_ID_BYTES {
        return violation("an invalid PhysicalResourceId");
    }
    let is_plain = |text: &str| !text.contains(|c: char| c.is_control() || c == '"' || c == '\\');
    if physical != id && is_plain(id) && (1..=MAX_ID_BYTES).contains(&id.len()) {
        return violation("another PhysicalResourceId");
    }
    for (name, sent) in [
        ("StackId", &envelope.stack_id),
        ("RequestId", &envelope.request_id),
        ("LogicalResourceId", &envelope.logical_resource_id),
    ] {
        let returned = field(name).unwrap_or_default();
        if returned.is_empty() || (returned != sent && is_plain(sent) && sent.len() <= MAX_ECHOED_BYTES) {
            return violation("an id is not repeated verbatim");
        }
    }
    let (status, reason) = (field("Status"), response.get("Reason"));
    let has_reason =
        reason.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty() && !text.contains(char::is_control));
    let data = response.get("Data").map(|data| data.as_object().into_iter().flatten());
    match outcome {
        Outcome::Failed(_) if status != Some("FAILED") || !has_reason || data.is_some() => {
            violation("an invalid failure")
        }
        Outcome::Success(_) if status != Some("SUCCESS") || reason.is_some() => violation("an invalid success"),
        Outcome::Success(None) if data.is_some() => violation("unexpected attributes"),
        Outcome::Success(Some(_)) => {
            let is_flat = |value: &Value| {
                value.as_str().is_some_and(|text| !text.contains(|c: char| c.is_control() && c != '\n'))
            };
            let has_all = data.clone().is_some_and(|data| data.count() == ATTRIBUTES.len());
            let are_flat = data.is_some_and(|mut data| data.all(|(_, value)| is_flat(value)));
            if has_all && are_flat { Ok(()) } else { violation("invalid attributes") }
        }
        _ => Ok(()),
    }
}
