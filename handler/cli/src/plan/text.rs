//! The plan as text for a terminal.

use super::{PlanView, diff};
use crate::request::NO_STACK;
use anstyle::{AnsiColor, Style};
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::{Effect, IamStep, Step};
use karpenter_prereqs_function::{Part, PlannedStage};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// The number of steps with each effect, for the last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct StepCounts {
    add: usize,
    change: usize,
    remove: usize,
}

impl PlanView<'_> {
    /// Returns the operation, the notes, the steps of each stage, the warnings and the number of steps.
    pub(super) fn text(&self) -> String {
        let Self { request, preview, diff } = self;
        let stack = request.owner.stack_id.split('/').nth(1).unwrap_or_default();
        let mut text = format!(
            "{BOLD}{} of {} {}{BOLD:#}, {}, account {}\n{DIM}{}{DIM:#}\n",
            request.event.operation.name(),
            request.owner.logical_resource_id,
            if stack == NO_STACK { "(not deployed yet)".to_owned() } else { format!("in stack {stack}") },
            request.scope.region,
            request.scope.account,
            preview.physical_resource_id,
        );
        for note in &request.notes {
            let _ = writeln!(text, "{DIM}{note}{DIM:#}");
        }
        let mut counts = StepCounts::default();
        for stage in &preview.stages {
            text.push_str(&stage_text(stage, *diff, &mut counts));
        }
        for warning in &preview.warnings {
            let _ = write!(text, "\n{WARNING}Warning:{WARNING:#} {warning}\n");
        }
        let _ = match counts {
            StepCounts { add: 0, change: 0, remove: 0 } => write!(text, "\n{BOLD}Nothing to do.{BOLD:#}\n"),
            StepCounts { add, change, remove } => {
                write!(text, "\n{BOLD}{add} to add, {change} to change, {remove} to remove.{BOLD:#}\n")
            }
        };
        text
    }
}

fn stage_text(stage: &PlannedStage, diff: bool, counts: &mut StepCounts) -> String {
    let mut text = String::new();
    if stage.plan.is_empty() {
        return text;
    }
    match stage.part {
        Part::Reconcile => {}
        Part::TearDown => text.push_str("\nThis event removes:\n"),
        Part::CleanUp => text.push_str("\nAfter this Update, CloudFormation deletes the replaced resource:\n"),
    }
    for (service, name) in [("iam", "IAM"), ("ec2", "EC2"), ("eks", "EKS"), ("kubernetes", "Kubernetes")] {
        let steps = stage.plan.steps().map(|(_, step, _)| step);
        let steps: Vec<_> = steps.filter(|step| step.service() == service).collect();
        if steps.iter().all(|step| step.effect() == Effect::Check) {
            continue;
        }
        let _ = write!(text, "\n  {BOLD}{name}{BOLD:#}\n");
        for step in steps {
            text.push_str(&step_text(step, &stage.observed, diff, counts));
        }
    }
    text
}

/// Returns the line of a step, and below it the changed statements of a policy or the changed lines of a document. Empty for a
/// step that only checks.
fn step_text(step: &Step, observed: &Observed, with_documents: bool, counts: &mut StepCounts) -> String {
    let is_new = match step {
        Step::Iam(IamStep::PutRolePolicy { name, policy_name, .. }) => {
            diff::inline_policy(observed, name, policy_name).is_none()
        }
        _ => false,
    };
    let (sign, style) = match step.effect() {
        Effect::Check => return String::new(),
        Effect::Change if !is_new => {
            counts.change += 1;
            ('~', AnsiColor::Yellow.on_default())
        }
        Effect::Add | Effect::Change => {
            counts.add += 1;
            ('+', AnsiColor::Green.on_default())
        }
        Effect::Remove => {
            counts.remove += 1;
            ('-', AnsiColor::Red.on_default())
        }
    };
    let mut text = format!("    {style}{sign}{style:#} {step}\n");
    if let Step::Iam(IamStep::PutRolePolicy { name, policy_name, document }) = step {
        for (_, line) in diff::permission_changes(diff::inline_policy(observed, name, policy_name), document) {
            let _ = writeln!(text, "        {DIM}{line}{DIM:#}");
        }
    }
    // Without `--diff`, a policy is printed as its changed statements only, and the trust policy of a new role not at all.
    let is_document = matches!(step, Step::Iam(IamStep::CreateRole { .. } | IamStep::PutRolePolicy { .. }));
    let changes_text = with_documents || !is_document;
    if let Some(diff) = changes_text.then(|| diff::of_step(step, observed)).flatten() {
        // The first two lines are the header with the name of the document, which the step names too.
        for line in diff.lines().skip(2) {
            let style = match line.as_bytes().first() {
                Some(b'+') => AnsiColor::Green.on_default(),
                Some(b'-') => AnsiColor::Red.on_default(),
                Some(b'@') => AnsiColor::Cyan.on_default(),
                _ => Style::new(),
            };
            let _ = writeln!(text, "        {style}{line}{style:#}");
        }
    }
    text
}
