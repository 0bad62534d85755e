//! What must be true of every answer, by CloudFormation's own rules
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html>).

use super::generate::text;
use crate::choices::Choices;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::Generation;
use karpenter_prereqs_core::observed::{AuthenticationMode, Cluster, Observed};
use karpenter_prereqs_core::plan::{JoinMethod, Plan, ReconcilePlan, Warning};
use karpenter_prereqs_core::request::event::{Envelope, Operation, RawProperties, Request};
use karpenter_prereqs_core::response::{self, Attributes, Outcome, id_without_identity};
use serde_json::Value;

/// The most bytes of an answer.
const MOST: usize = 4096;

/// The most bytes of a `PhysicalResourceId`.
const MOST_OF_ID: usize = 1024;

/// The most bytes of the other ids as CloudFormation makes them: an answer has these as they came.
const LAWFUL: usize = 300;

/// Answers the request in every way that it can end, and judges each.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn answers(envelope: &Envelope, request: Option<&Request>, choices: &mut Choices<'_>) -> Result<(), String> {
    let given = request.and_then(|request| match &request.operation {
        Operation::Create => None,
        Operation::Update { physical_resource_id, .. } | Operation::Delete { physical_resource_id } => {
            Some(physical_resource_id.clone())
        }
    });
    let none = RawProperties::new();
    let spec = Spec::parse_lossy(request.map_or(&none, |request| &request.properties), &envelope.scope);
    let own = spec.as_ref().map(|spec| {
        Generation::of(&envelope.stack_id, &envelope.logical_resource_id, &spec.identity())
            .physical_resource_id()
            .to_owned()
    });
    let fallback =
        envelope.physical_resource_id.clone().unwrap_or_else(|| id_without_identity(&envelope.logical_resource_id));
    let id = given.or_else(|| own.clone()).unwrap_or(fallback);
    answer(envelope, &id, &Outcome::Failed(text(choices)))?;
    if choices.rarely(4) {
        at_the_limit(envelope, &id)?;
    }
    answer(envelope, &id, &Outcome::Success(None))?;
    match (&spec, &own) {
        (Some(spec), Some(own)) => answer(envelope, own, &Outcome::Success(Some(attributes(spec, choices)))),
        _ => Ok(()),
    }
}

/// Reasons that just fit, and that just do not.
fn at_the_limit(envelope: &Envelope, id: &str) -> Result<(), String> {
    let room = MOST.saturating_sub(response::body(envelope, id, &Outcome::Failed("r".to_owned())).len()) + 1;
    (room - 1..=room + 1).try_for_each(|length| answer(envelope, id, &Outcome::Failed("r".repeat(length))))
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
    let converged = ReconcilePlan {
        subnet_ids: ids("subnet", choices.pick(&[0, 2, 60, 255])),
        security_group_ids: ids("sg", choices.pick(&[0, 2, 60, 255])),
        node_access: choices.pick(&[JoinMethod::AwsAuth, JoinMethod::AccessEntry, JoinMethod::None]),
        warnings: (0..choices.below(4)).map(|_| Warning::LaunchTemplateKept { id: text(choices) }).collect(),
        plan: Plan::default(),
        is_shared: false,
    };
    Attributes::new(spec, &observed, &converged)
}

fn answer(envelope: &Envelope, id: &str, outcome: &Outcome) -> Result<(), String> {
    let body = response::body(envelope, id, outcome);
    let wrong = |what: &str| Err(format!("{what}: {} bytes: {body}", body.len()));
    if body.len() > MOST {
        return wrong("too long");
    }
    let Ok(Value::Object(answer)) = serde_json::from_str::<Value>(&body) else {
        return wrong("no object");
    };
    let field = |name: &str| answer.get(name).and_then(Value::as_str);
    let physical = field("PhysicalResourceId").unwrap_or_default();
    if physical.is_empty() || physical.len() > MOST_OF_ID {
        return wrong("a bad PhysicalResourceId");
    }
    let is_plain = |text: &str| !text.contains(|c: char| c.is_control() || c == '"' || c == '\\');
    if physical != id && is_plain(id) && (1..=MOST_OF_ID).contains(&id.len()) {
        return wrong("another PhysicalResourceId");
    }
    for (name, sent) in [
        ("StackId", &envelope.stack_id),
        ("RequestId", &envelope.request_id),
        ("LogicalResourceId", &envelope.logical_resource_id),
    ] {
        let echoed = field(name).unwrap_or_default();
        if echoed.is_empty() || (echoed != sent && is_plain(sent) && sent.len() <= LAWFUL) {
            return wrong("an id is not echoed");
        }
    }
    let (status, reason) = (field("Status"), answer.get("Reason"));
    let said =
        reason.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty() && !text.contains(char::is_control));
    let data = answer.get("Data").map(|data| data.as_object().into_iter().flatten());
    match outcome {
        Outcome::Failed(_) if status != Some("FAILED") || !said || data.is_some() => wrong("no failure"),
        Outcome::Success(_) if status != Some("SUCCESS") || reason.is_some() => wrong("no success"),
        Outcome::Success(None) if data.is_some() => wrong("attributes of nothing"),
        Outcome::Success(Some(_)) => {
            let is_flat = |value: &Value| {
                value.as_str().is_some_and(|text| !text.contains(|c: char| c.is_control() && c != '\n'))
            };
            let names = response::ATTRIBUTES.len();
            let all = data.clone().is_some_and(|data| data.count() == names);
            let flat = data.is_some_and(|mut data| data.all(|(_, value)| is_flat(value)));
            if all && flat { Ok(()) } else { wrong("bad attributes") }
        }
        _ => Ok(()),
    }
}
