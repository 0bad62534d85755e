//! `plan`: what an event would do, as a person or a program reads it.

mod diff;
mod json;
mod text;

pub(crate) use diff::statements;

use crate::arguments;
use crate::failure::Failure;
use crate::print;
use crate::progress::told;
use crate::wanted::{self, Wanted};
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
    let preview = told("reading EKS, IAM, EC2 and the Kubernetes API", looked).await.map_err(Failure::new)?;
    let shown = Shown { wanted: &wanted, diff: asked.diff, preview: &preview };
    print(&if asked.output.json { shown.json() } else { shown.text() })?;
    Ok(preview.stages.iter().any(|stage| !stage.plan.is_empty()))
}
