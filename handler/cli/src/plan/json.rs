//! The plan for programs.

use super::Shown;
use karpenter_prereqs_core::plan::writes;
use karpenter_prereqs_function::{Part, PlannedStage};
use serde_json::{Value, json};

impl Shown<'_> {
    /// One object. Each stage has the plan's steps in an order in which they can be done one after the other: a step is
    /// its parameters, `summary`, `effect`, the places of those that it `needs`, the calls that it is (`writes`), and, where
    /// it changes a document or aws-auth, the `diff`.
    pub(super) fn json(&self) -> String {
        let Self { wanted, preview, .. } = self;
        let shown = json!({
            "operation": wanted.request.operation.name(),
            "stackId": wanted.owner.stack_id,
            "logicalResourceId": wanted.owner.logical_resource_id,
            "physicalResourceId": preview.physical_resource_id,
            "stages": preview.stages.iter().map(stage).collect::<Vec<_>>(),
            "warnings": preview.warnings,
            "notes": wanted.notes,
        });
        format!("{shown:#}\n")
    }
}

fn stage(stage: &PlannedStage) -> Value {
    let writes = writes(&stage.plan, &stage.observed.discovery);
    let steps = stage.plan.steps().map(|(id, step, needs)| {
        let mut shown = json!(step);
        shown["summary"] = json!(step.to_string());
        shown["effect"] = json!(step.effect());
        shown["needs"] = json!(needs);
        let calls: Vec<_> = writes.iter().filter(|(of, _)| *of == id).map(|(_, write)| write).collect();
        shown["writes"] = json!(calls);
        if let Some(diff) = super::diff::of(step, &stage.observed) {
            shown["diff"] = json!(diff);
        }
        shown
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
