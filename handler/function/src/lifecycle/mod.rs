//! One event from the envelope to the response. Every event that names a response URL gets a response.

mod guard;
mod preview;
mod reconcile;
mod stages;
mod still_wanted;
mod teardown;

pub use preview::{Part, PlannedStage, Preview, Survey, preview, survey};

use crate::apply::{Apply, Progress};
use crate::clients::aws::Clients;
use crate::clients::http::Http;
use crate::clients::kubernetes::Kubernetes;
use crate::error::Error;
use crate::error::chain::chain;
use crate::respond::{self, DeliveryError};
use crate::retry::Deadlines;
use crate::telemetry::calls::Calls;
use crate::telemetry::event::{LogEvent, OutcomeLine, RequestLine};
use crate::telemetry::log::millis;
use crate::telemetry::metrics;
use aws_config::SdkConfig;
use guard::with_deadline;
use jiff::Timestamp;
use karpenter_prereqs_core::desired::spec::Spec;
use karpenter_prereqs_core::identity::ownership::{Generation, Marker, Owner};
use karpenter_prereqs_core::plan::Plan;
use karpenter_prereqs_core::plan::bounds::Bounds;
use karpenter_prereqs_core::request::event::{Envelope, EventError, Operation, Request, unwrap_sns};
use karpenter_prereqs_core::request::response_url::InvalidResponseUrl;
use karpenter_prereqs_core::response::{self, Outcome, id_without_identity};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// How many further snapshots a stage takes after it has changed objects that other resources use too. Usually the first of them
/// shows that no other resource changed anything, and ends the stage.
const MAX_RECHECKS: usize = 3;

/// The configuration and the HTTP client of one process, for all of its events.
#[derive(Debug)]
pub struct Function {
    config: SdkConfig,
    http: Http,
    has_custom_endpoint: bool,
    deployment: Deployment,
}

/// The settings that the template passes to the function in environment variables.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// The ARN of the execution role (`EXECUTION_ROLE_ARN`), with its path, which the ARN of a session does not have. If absent,
    /// the function cannot simulate `iam:PassRole`. It then rejects each node role for which the plan needs the simulation: the
    /// stack did not create it, the instance profile holds it, and the controller policy does not pass it yet.
    pub execution_role_arn: Option<String>,
    /// The limits on what stacks may ask for (`BOUNDS`).
    pub bounds: Bounds,
}

impl Function {
    /// Returns a function that calls AWS with `config`, and sends responses with `http`. If `config` has a custom endpoint, a
    /// response may be sent to any host, because the endpoint replaces AWS. Otherwise it is sent to S3 alone.
    pub fn new(config: SdkConfig, http: Http, deployment: Deployment) -> Self {
        let has_custom_endpoint = config.endpoint_url().is_some();
        Self { config, http, has_custom_endpoint, deployment }
    }
}

/// Why CloudFormation got no response. Lambda then delivers the event again.
#[derive(Debug, thiserror::Error)]
pub enum NoResponse {
    /// The event has no `ResponseURL`.
    #[error("{}", chain(.0))]
    NoEnvelope(EventError),
    /// The URL is not a presigned URL of CloudFormation.
    #[error(transparent)]
    Url(InvalidResponseUrl),
    /// The PUT failed until the deadline.
    #[error("{}", chain(.0))]
    NotDelivered(DeliveryError),
}

/// Handles one event: reads it, runs its stages under a deadline and a panic guard, sends the response, and writes the metrics.
///
/// # Errors
/// Only if no response was delivered. A failure of the request itself is sent to CloudFormation as `FAILED`.
pub async fn handle(event: LambdaEvent<Value>, function: &Function) -> Result<(), NoResponse> {
    let (started_at, calls) = (Instant::now(), Calls::new());
    let LambdaEvent { payload, context } = event;
    let payload = unwrap_sns(payload);
    let operation = operation_name(&payload);
    let result = handle_payload(payload, context.deadline(), function, &calls).await.inspect_err(log_no_response);
    let failed = result.as_ref().is_ok_and(|succeeded| !succeeded);
    let outcome = metrics::Outcome { operation, failed, no_response: result.is_err(), duration: started_at.elapsed() };
    metrics::write(&context.env_config.function_name, outcome, &calls);
    result.map(drop)
}

/// Handles one event that was unwrapped. Returns whether CloudFormation got `SUCCESS`.
async fn handle_payload(
    payload: Value,
    lambda_deadline: SystemTime,
    function: &Function,
    calls: &Calls,
) -> Result<bool, NoResponse> {
    let started_at = Instant::now();
    let (envelope, event_error) = match Envelope::read(&payload) {
        Ok(envelope) => (envelope, None),
        Err(error) => match Envelope::read_partial(&payload) {
            Some(envelope) => (envelope, Some(error)),
            None => return Err(NoResponse::NoEnvelope(error)),
        },
    };
    if !function.has_custom_endpoint {
        envelope.response_url.check(&envelope.scope.partition).map_err(NoResponse::Url)?;
    }
    let deadlines = Deadlines::new(lambda_deadline, &envelope);
    let (id, outcome) = match event_error {
        Some(error) => (fallback_id(&envelope), failed_before_changes(&Error::Event(error))),
        None => handle_request(function, &envelope, payload, deadlines, calls).await,
    };
    let failed = match &outcome {
        Outcome::Success(_) => None,
        Outcome::Failed(reason) => Some(reason.as_str()),
    };
    let body = response::body(&envelope, &id, &outcome);
    let status = if failed.is_some() { "FAILED" } else { "SUCCESS" };
    let delivered = respond::put(&function.http, &envelope.response_url, &body, deadlines.response, calls).await;
    LogEvent::Outcome(OutcomeLine {
        status: status.to_owned(),
        reason: failed.map(str::to_owned),
        physical_resource_id: id,
        delivered: delivered.is_ok(),
        ms: millis(started_at.elapsed()),
    })
    .write();
    delivered.map(|()| failed.is_none()).map_err(NoResponse::NotDelivered)
}

/// Reads the request and runs its stages. Returns the `PhysicalResourceId` and the outcome for the response.
async fn handle_request(
    function: &Function,
    envelope: &Envelope,
    payload: Value,
    deadlines: Deadlines,
    calls: &Calls,
) -> (String, Outcome) {
    let request = match Request::read(payload) {
        Ok(request) => request,
        Err(error) => return (fallback_id(envelope), failed_before_changes(&Error::Event(error))),
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
    let failure_id = run.failure_id(&request);
    // Each reconciliation has its own guard with an earlier deadline, which leaves time to undo it. This guard covers the rest,
    // for example a teardown.
    match with_deadline(&progress, deadlines.undo, run.run_stages(&request)).await {
        Ok((id, attributes)) => (id, Outcome::Success(attributes)),
        Err(error) if progress.has_begun() => (failure_id, Outcome::Failed(error.reason())),
        Err(error) => (failure_id, failed_before_changes(&error)),
    }
}

/// One request, with what its stages use.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// The clients for calls that end before the deadline for work.
    pub(crate) clients: &'a Clients,
    pub(crate) envelope: &'a Envelope,
    pub(crate) owner: &'a Owner,
    pub(crate) operation: &'a Operation,
    pub(crate) bounds: &'a Bounds,
    pub(crate) deadlines: Deadlines,
    pub(crate) progress: &'a Progress,
}

impl Run<'_> {
    /// Returns the generation of a spec for this resource.
    pub(crate) fn generation(&self, spec: &Spec) -> Generation {
        self.owner.generation(&spec.identity())
    }

    /// Returns the `PhysicalResourceId` for a response with `FAILED`. An Update and a Delete return the id of the event. A Create
    /// returns the id of its generation, so that the Delete that follows finds the generation's objects.
    fn failure_id(&self, request: &Request) -> String {
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

    /// Returns the clients for a teardown, and for the restoration of old properties. They may call until the deadline for undo,
    /// which is after the deadline for work.
    fn undo_clients(&self) -> Clients {
        self.clients.with(self.deadlines.retries(self.deadlines.undo))
    }

    /// Logs the plan, tries its write to aws-auth as a dry run, and carries it out.
    ///
    /// `markers` are the markers of the generations that the plan is for. Without `kubernetes`, no step changes aws-auth.
    async fn apply_plan(
        &self,
        clients: &Clients,
        plan: &Plan,
        markers: &BTreeSet<Marker>,
        kubernetes: Option<&Kubernetes>,
    ) -> Result<(), Error> {
        let steps: Vec<_> = plan.steps().map(|(_, step, _)| step.to_string()).collect();
        LogEvent::Plan { steps }.write();
        let apply = Apply { clients, kubernetes, deadlines: self.deadlines, markers, progress: self.progress };
        self.progress.set("trying the write to aws-auth");
        apply.try_edit_of_aws_auth(plan).await?;
        self.progress.set("carrying out the plan");
        apply.run(plan).await
    }

    /// Fails if CloudFormation does not wait for the response any more. The date in the response URL decides. Without a date, the
    /// check passes.
    pub(crate) fn check_not_stale(&self) -> Result<(), Error> {
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

/// Returns the outcome of a failure before the first write.
fn failed_before_changes(error: &Error) -> Outcome {
    Outcome::Failed(format!("nothing was changed: {}", error.reason()))
}

/// Returns the operation of an event for the metrics, also of an event that cannot be read.
fn operation_name(payload: &Value) -> &'static str {
    match payload["RequestType"].as_str() {
        Some("Create") => "Create",
        Some("Update") => "Update",
        Some("Delete") => "Delete",
        _ => "Unknown",
    }
}

/// Returns the id of the event, or an id that stands for no generation.
fn fallback_id(envelope: &Envelope) -> String {
    envelope.physical_resource_id.clone().unwrap_or_else(|| id_without_identity(&envelope.logical_resource_id))
}

fn log_no_response(error: &NoResponse) {
    tracing::error!(%error, "CloudFormation gets no response from this run");
}
