//! The plan as JSON.

use super::PlanView;
use karpenter_prereqs_core::plan::writes;
use karpenter_prereqs_function::{Part, PlannedStage};
use serde_json::{Value, json};

impl PlanView<'_> {
    /// Returns one JSON object. `docs/cli.md` describes its fields.
    ///
    /// The steps of a stage are in an order in which they can be done one after the other. A step has its parameters, `summary`,
    /// `effect`, `needs` (the indexes of the steps in this stage that must be done first), `writes` (its API calls that change
    /// something), and `diff` if it changes a document or aws-auth.
    pub(super) fn json(&self) -> String {
        let Self { request, preview, .. } = self;
        let plan = json!({
            "operation": request.event.operation.name(),
            "stackId": request.owner.stack_id,
            "logicalResourceId": request.owner.logical_resource_id,
            "physicalResourceId": preview.physical_resource_id,
            "stages": preview.stages.iter().map(stage).collect::<Vec<_>>(),
            "warnings": preview.warnings,
            "notes": request.notes,
        });
        format!("{plan:#}\n")
    }
}

fn stage(stage: &PlannedStage) -> Value {
    let writes = writes(&stage.plan, &stage.observed.discovery);
    let steps = stage.plan.steps().map(|(id, step, needs)| {
        let mut fields = json!(step);
        fields["summary"] = json!(step.to_string());
        fields["effect"] = json!(step.effect());
        fields["needs"] = json!(needs);
        let calls: Vec<_> = writes.iter().filter(|(step_id, _)| *step_id == id).map(|(_, write)| write).collect();
        fields["writes"] = json!(calls);
        if let Some(diff) = super::diff::of_step(step, &stage.observed) {
            fields["diff"] = json!(diff);
        }
        fields
    });
    json!({ "part": part(stage.part), "steps": steps.collect::<Vec<_>>() })
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Reconcile => "reconcile",
        Part::TearDown => "tearDown",
        Part::CleanUp => "cleanUp",
    }
}
