//! `plan`: what an event would do, as a person or a program reads it.

mod diff;
mod json;
mod text;

pub(crate) use diff::{Grants, inline, statements};

use crate::arguments;
use crate::failure::Failure;
use crate::print;
use crate::progress::told;
use crate::wanted::{self, Wanted};
use karpenter_prereqs_core::identity::ownership::Generation;
use karpenter_prereqs_core::plan::{Effect, Warning};
use karpenter_prereqs_core::request::event::Operation;
use karpenter_prereqs_function::{Preview, preview};

/// A preview, and what it is one of.
struct Shown<'a> {
    wanted: &'a Wanted,
    /// Whether documents are shown line by line.
    diff: bool,
    preview: &'a Preview,
}

/// Prints the plan. Gives whether there is anything to do.
///
/// # Errors
/// What cannot be asked, and what the function would refuse, in its own words.
pub(crate) async fn run(asked: &arguments::Plan) -> Result<bool, Failure> {
    let wanted = wanted::of_plan(asked).await?;
    let looked = preview(&wanted.config, &wanted.request, &wanted.owner, &wanted.scope);
    let mut preview = told("reading EKS, IAM, EC2 and the Kubernetes API", looked).await.map_err(Failure::new)?;
    preview.warnings.extend(unseen_replacement(&wanted, &preview));
    let shown = Shown { wanted: &wanted, diff: asked.diff, preview: &preview };
    print(&if asked.output.json { shown.json() } else { shown.text() })?;
    let mut steps = preview.stages.iter().flat_map(|stage| stage.plan.steps());
    Ok(steps.any(|(_, step, _)| step.effect() != Effect::Check))
}

/// Returns a warning if CloudFormation deletes objects after a replacement, and the old properties are not known.
fn unseen_replacement(wanted: &Wanted, preview: &Preview) -> Option<Warning> {
    let Operation::Update { physical_resource_id: id, .. } = &wanted.request.operation else { return None };
    // Of an id that we never issued, nothing is known.
    let is_ours = Generation::from_id(id).is_some();
    (is_ours && *id != preview.physical_resource_id && !preview.has_clean_up)
        .then(|| Warning::ReplacedUnknown { id: id.clone() })
}
