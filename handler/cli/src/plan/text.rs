//! The plan for people.

use super::{Shown, diff};
use crate::wanted::NO_STACK;
use anstyle::{AnsiColor, Style};
use karpenter_prereqs_core::observed::Observed;
use karpenter_prereqs_core::plan::{Effect, IamStep, Step};
use karpenter_prereqs_function::{Part, PlannedStage};
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// How a person counts what is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    add: usize,
    change: usize,
    remove: usize,
}

impl Shown<'_> {
    pub(super) fn text(&self) -> String {
        let Self { wanted, preview, diff } = self;
        let stack = wanted.owner.stack_id.split('/').nth(1).unwrap_or_default();
        let mut text = format!(
            "{BOLD}{} of {} {}{BOLD:#}, {} of account {}\n{DIM}{}{DIM:#}\n",
            wanted.request.operation.name(),
            wanted.owner.logical_resource_id,
            if stack == NO_STACK { "without a stack yet".to_owned() } else { format!("in stack {stack}") },
            wanted.scope.region,
            wanted.scope.account,
            preview.physical_resource_id,
        );
        for note in &wanted.notes {
            let _ = writeln!(text, "{DIM}{note}{DIM:#}");
        }
        let mut tally = Tally::default();
        for stage in &preview.stages {
            text.push_str(&stage_text(stage, *diff, &mut tally));
        }
        for warning in &preview.warnings {
            let _ = write!(text, "\n{WARNING}Warning:{WARNING:#} {warning}\n");
        }
        let _ = match tally {
            Tally { add: 0, change: 0, remove: 0 } => write!(text, "\n{BOLD}Nothing to do.{BOLD:#}\n"),
            Tally { add, change, remove } => {
                write!(text, "\n{BOLD}{add} to add, {change} to change, {remove} to remove.{BOLD:#}\n")
            }
        };
        text
    }
}

fn stage_text(stage: &PlannedStage, diff: bool, tally: &mut Tally) -> String {
    let mut text = String::new();
    if stage.plan.is_empty() {
        return text;
    }
    match stage.part {
        Part::Reconcile => {}
        Part::TearDown => text.push_str("\nWhat goes:\n"),
        Part::CleanUp => text.push_str("\nAfterwards CloudFormation deletes what this replaces:\n"),
    }
    for (service, name) in [("iam", "IAM"), ("ec2", "EC2"), ("eks", "EKS"), ("kubernetes", "Kubernetes")] {
        let steps = stage.plan.steps().map(|(_, step, _)| step);
        let steps: Vec<_> = steps.filter(|step| step.service() == service).collect();
        if steps.iter().all(|step| step.effect() == Effect::Check) {
            continue;
        }
        let _ = write!(text, "\n  {BOLD}{name}{BOLD:#}\n");
        for step in steps {
            text.push_str(&step_text(step, &stage.observed, diff, tally));
        }
    }
    text
}

/// A line, and below it what changes in a text.
fn step_text(step: &Step, observed: &Observed, with_documents: bool, tally: &mut Tally) -> String {
    let is_new = match step {
        Step::Iam(IamStep::PutRolePolicy { name, policy_name, .. }) => {
            diff::inline(observed, name, policy_name).is_none()
        }
        _ => false,
    };
    let (sign, style) = match step.effect() {
        Effect::Check => return String::new(),
        Effect::Change if !is_new => {
            tally.change += 1;
            ('~', AnsiColor::Yellow.on_default())
        }
        Effect::Add | Effect::Change => {
            tally.add += 1;
            ('+', AnsiColor::Green.on_default())
        }
        Effect::Remove => {
            tally.remove += 1;
            ('-', AnsiColor::Red.on_default())
        }
    };
    let mut text = format!("    {style}{sign}{style:#} {step}\n");
    if let Step::Iam(IamStep::PutRolePolicy { name, policy_name, document }) = step {
        for (_, line) in diff::statements(diff::inline(observed, name, policy_name), document) {
            let _ = writeln!(text, "        {DIM}{line}{DIM:#}");
        }
    }
    // aws-auth and a trust policy are read line by line; a policy by what its statements allow.
    let is_document = matches!(step, Step::Iam(IamStep::CreateRole { .. } | IamStep::PutRolePolicy { .. }));
    let changes_text = with_documents || !is_document;
    if let Some(diff) = changes_text.then(|| diff::of(step, observed)).flatten() {
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
