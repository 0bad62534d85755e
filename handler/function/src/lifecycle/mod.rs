//! The one orchestration: whatever comes in, an answer goes out.

mod guard;
mod preview;
mod reconcile;
mod stages;
mod still_wanted;
mod teardown;

pub use preview::{Part, PlannedStage, Preview, preview, survey};

use crate::apply::{Apply, Progress};
use crate::clients::aws::Clients;
use crate::clients::http::Http;
use crate::clients::kubernetes::Kubernetes;
use crate::error::Error;
use crate::error::chain::chain;
use crate::respond::{self, Undelivered};
use crate::retry::Deadlines;
use crate::telemetry::calls::Calls;
use crate::telemetry::event::{LogEvent, OutcomeLine, RequestLine};
use crate::telemetry::log::millis;
use crate::telemetry::metrics;
use aws_config::SdkConfig;
use guard::guarded;
use jiff::Timestamp;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Generation, Marker, Owner};
use karpenter_prereqs_core::plan::Plan;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::request::event::{Envelope, EventError, Operation, Request, unwrap_sns};
use karpenter_prereqs_core::request::response_url::UrlRefused;
use karpenter_prereqs_core::response::{self as answers, Outcome, id_without_identity};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// How many snapshots follow the writes to objects that others write too. One snapshot finds what they wrote meanwhile, and nearly
/// always nothing.
const LOOKS_AGAIN: usize = 3;

/// What one process calls others with.
#[derive(Debug)]
pub struct Function {
    config: SdkConfig,
    http: Http,
    custom_endpoint: bool,
    deployment: Deployment,
}

/// What the function's template tells it of itself, by environment variables.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// The ARN of its execution role, with its path, which a session's ARN lacks: `EXECUTION_ROLE_ARN`. Without it no node role
    /// is used that its stack did not create and whose profile holds it already.
    pub execution_role_arn: Option<String>,
    /// What stacks may ask for: `BOUNDS`.
    pub bounds: Bounds,
}

impl Function {
    /// AWS's services by this configuration, and the answer by this client. Where the configuration names an endpoint,
    /// AWS is stood in for, so the answer may go to any host; else only to S3.
    pub fn new(config: SdkConfig, http: Http, deployment: Deployment) -> Self {
        let custom_endpoint = config.endpoint_url().is_some();
        Self { config, http, custom_endpoint, deployment }
    }
}

/// Why CloudFormation got no answer. Lambda then delivers the event again.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// There is nowhere to answer to.
    #[error("{}", chain(.0))]
    NoEnvelope(EventError),
    /// The URL is not one of CloudFormation's.
    #[error(transparent)]
    Url(UrlRefused),
    /// S3 did not take it.
    #[error("{}", chain(.0))]
    Undelivered(Undelivered),
}

/// Serves one event: reads the envelope, does the work under a deadline and a panic guard, and puts the answer.
///
/// # Errors
/// Only when no answer could be delivered: what the work came to is in the answer.
pub async fn handle(event: LambdaEvent<Value>, function: &Function) -> Result<(), Unanswered> {
    let (begun, calls) = (Instant::now(), Calls::new());
    let LambdaEvent { payload, context } = event;
    let payload = unwrap_sns(payload);
    let operation = operation_name(&payload);
    let answered = answer(payload, context.deadline(), function, &calls).await.inspect_err(logged);
    let failed = answered.as_ref().is_ok_and(|succeeded| !succeeded);
    let outcome = metrics::Outcome { operation, failed, unanswered: answered.is_err(), duration: begun.elapsed() };
    metrics::tell(&context.env_config.function_name, outcome, &calls);
    answered.map(drop)
}

/// Does what is asked and answers; gives whether the answer was of a success.
async fn answer(payload: Value, deadline: SystemTime, function: &Function, calls: &Calls) -> Result<bool, Unanswered> {
    let begun = Instant::now();
    let (envelope, broken) = match Envelope::read(&payload) {
        Ok(envelope) => (envelope, None),
        Err(error) => match Envelope::read_partial(&payload) {
            Some(envelope) => (envelope, Some(error)),
            None => return Err(Unanswered::NoEnvelope(error)),
        },
    };
    if !function.custom_endpoint {
        envelope.response_url.check(&envelope.scope.partition).map_err(Unanswered::Url)?;
    }
    let deadlines = Deadlines::new(deadline, &envelope);
    let (id, outcome) = match broken {
        Some(error) => (fallback_id(&envelope), untouched(&Error::Event(error))),
        None => serve(function, &envelope, payload, deadlines, calls).await,
    };
    let failed = match &outcome {
        Outcome::Success(_) => None,
        Outcome::Failed(reason) => Some(reason.as_str()),
    };
    let body = answers::body(&envelope, &id, &outcome);
    let status = if failed.is_some() { "FAILED" } else { "SUCCESS" };
    let delivered = respond::put(&function.http, &envelope.response_url, &body, deadlines.response, calls).await;
    LogEvent::Outcome(OutcomeLine {
        status: status.to_owned(),
        reason: failed.map(str::to_owned),
        physical_resource_id: id,
        delivered: delivered.is_ok(),
        ms: millis(begun.elapsed()),
    })
    .write();
    delivered.map(|()| failed.is_none()).map_err(Unanswered::Undelivered)
}

/// What the request came to, and the id to answer with.
async fn serve(
    function: &Function,
    envelope: &Envelope,
    payload: Value,
    deadlines: Deadlines,
    calls: &Calls,
) -> (String, Outcome) {
    let request = match Request::read(payload) {
        Ok(request) => request,
        Err(error) => return (fallback_id(envelope), untouched(&Error::Event(error))),
    };
    LogEvent::Request(RequestLine {
        operation: request.operation.name().to_owned(),
        request_id: envelope.request_id.clone(),
        stack_id: envelope.stack_id.clone(),
        logical_resource_id: envelope.logical_resource_id.clone(),
        physical_resource_id: envelope.physical_resource_id.clone(),
        response_url: envelope.response_url.to_string(),
    })
    .write();
    let progress = Progress::default();
    let owner =
        Owner { stack_id: envelope.stack_id.clone(), logical_resource_id: envelope.logical_resource_id.clone() };
    let clients = Clients {
        execution_role_arn: function.deployment.execution_role_arn.as_deref().map(Arc::from),
        ..Clients::new(&function.config, deadlines.retries(deadlines.work), calls)
    };
    let run = Run {
        clients: &clients,
        envelope,
        owner: &owner,
        operation: &request.operation,
        bounds: &function.deployment.bounds,
        deadlines,
        progress: &progress,
    };
    let failed_id = run.id_of_failure(&request);
    // The inner guards leave time to take things back; this one is for what they cannot see.
    match guarded(&progress, deadlines.undo, run.serve(&request)).await {
        Ok((id, attributes)) => (id, Outcome::Success(attributes)),
        Err(error) if progress.has_begun() => (failed_id, Outcome::Failed(error.reason())),
        Err(error) => (failed_id, untouched(&error)),
    }
}

/// One request, and what its parts work with.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// For what must be over when the time for work is.
    pub(crate) clients: &'a Clients,
    pub(crate) envelope: &'a Envelope,
    pub(crate) owner: &'a Owner,
    pub(crate) operation: &'a Operation,
    pub(crate) bounds: &'a Bounds,
    pub(crate) deadlines: Deadlines,
    pub(crate) progress: &'a Progress,
}

impl Run<'_> {
    /// The generation of what a spec wants.
    pub(crate) fn generation(&self, spec: &Spec) -> Generation {
        self.owner.generation(&spec.identity())
    }

    /// The id that a failure is answered with: what the resource has, or what this Create would have made, so that
    /// the Delete that follows finds it.
    fn id_of_failure(&self, request: &Request) -> String {
        match self.operation {
            Operation::Update { physical_resource_id, .. } | Operation::Delete { physical_resource_id } => {
                physical_resource_id.clone()
            }
            Operation::Create => Spec::parse_lossy(&request.properties, &self.envelope.scope).map_or_else(
                || fallback_id(self.envelope),
                |spec| self.generation(&spec).physical_resource_id().to_owned(),
            ),
        }
    }

    /// For a Delete, and for what takes back or goes back after the time for work.
    fn clients_to_undo(&self) -> Clients {
        self.clients.with(self.deadlines.retries(self.deadlines.undo))
    }

    async fn carry_out(
        &self,
        clients: &Clients,
        plan: &Plan,
        markers: &BTreeSet<Marker>,
        kubernetes: Option<&Kubernetes>,
    ) -> Result<(), Error> {
        let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
        LogEvent::Plan { steps }.write();
        if let Some(kubernetes) = kubernetes {
            self.progress.set("asking the Kubernetes API for permissions");
            let reviews = plan.kubernetes_verbs().into_iter().map(|verb| kubernetes.may(verb));
            futures::future::try_join_all(reviews).await.map_err(Error::Kubernetes)?;
        }
        self.progress.set("carrying out the plan");
        let apply = Apply { clients, kubernetes, deadlines: self.deadlines, markers, progress: self.progress };
        apply.run(plan).await
    }

    /// Whether CloudFormation has given up on the event, by the event's date.
    pub(crate) fn stale(&self) -> Result<(), Error> {
        let (now, envelope) = (Timestamp::now(), self.envelope);
        match (envelope.deadline(), envelope.response_url.issued_at()) {
            (Some(deadline), Some(issued_at)) if deadline < now => Err(Error::Stale {
                age: now.duration_since(issued_at).as_secs(),
                service_timeout: envelope.service_timeout,
            }),
            _ => Ok(()),
        }
    }
}

/// What failed before the first write.
fn untouched(error: &Error) -> Outcome {
    Outcome::Failed(format!("nothing was changed: {}", error.reason()))
}

/// What an event asks for, for the figures: also of one that cannot be read.
fn operation_name(payload: &Value) -> &'static str {
    match payload["RequestType"].as_str() {
        Some("Create") => "Create",
        Some("Update") => "Update",
        Some("Delete") => "Delete",
        _ => "Unknown",
    }
}

fn fallback_id(envelope: &Envelope) -> String {
    envelope.physical_resource_id.clone().unwrap_or_else(|| id_without_identity(&envelope.logical_resource_id))
}

fn logged(error: &Unanswered) {
    tracing::error!(%error, "CloudFormation gets no response from this run");
}
