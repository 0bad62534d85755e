//! `plan`: what an event would do, as text or as JSON.

mod diff;
mod json;
mod text;

pub(crate) use diff::{PermissionChange, inline_policy, permission_changes};

use crate::arguments;
use crate::failure::Failure;
use crate::print;
use crate::progress::with_progress;
use crate::request::{self, CliRequest};
use karpenter_prereqs_core::identity::ownership::Generation;
use karpenter_prereqs_core::plan::{Effect, Warning};
use karpenter_prereqs_core::request::event::Operation;
use karpenter_prereqs_function::{Preview, preview};

/// What is printed: a preview, the request that it is for, and how to print it.
struct PlanView<'a> {
    request: &'a CliRequest,
    /// Whether policies and new documents are printed line by line too.
    diff: bool,
    preview: &'a Preview,
}

/// Prints the plan. Returns whether it has a step that changes something.
///
/// # Errors
/// Returns an error if the request is not valid, if the account cannot be read, or if a preflight check finds a problem.
pub(crate) async fn run(options: &arguments::Plan) -> Result<bool, Failure> {
    let request = request::for_plan(options).await?;
    let reading = preview(&request.config, &request.event, &request.owner, &request.scope);
    let mut preview =
        with_progress("reading EKS, IAM, EC2 and the Kubernetes API", reading).await.map_err(Failure::new)?;
    preview.warnings.extend(unknown_replacement(&request, &preview));
    let view = PlanView { request: &request, diff: options.diff, preview: &preview };
    print(&if options.output.json { view.json() } else { view.text() })?;
    let mut steps = preview.stages.iter().flat_map(|stage| stage.plan.steps());
    Ok(steps.any(|(_, step, _)| step.effect() != Effect::Check))
}

/// Returns a warning if CloudFormation deletes objects after a replacement, but the deployed properties are not known.
fn unknown_replacement(request: &CliRequest, preview: &Preview) -> Option<Warning> {
    let Operation::Update { physical_resource_id: id, .. } = &request.event.operation else { return None };
    // An id that this function did not issue stands for no objects.
    let is_ours = Generation::from_id(id).is_some();
    (is_ours && *id != preview.physical_resource_id && !preview.has_clean_up)
        .then(|| Warning::ReplacedUnknown { id: id.clone() })
}
