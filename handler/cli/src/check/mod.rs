//! `check`: what Karpenter and its nodes lack, and a remedy for each finding.

mod findings;
mod remedy;

use crate::arguments;
use crate::failure::Failure;
use crate::print;
use crate::progress::with_progress;
use crate::request;
use anstyle::{AnsiColor, Style};
use findings::{CheckArea, Finding, NOT_READ, findings};
use karpenter_prereqs_core::plan::Warning;
use karpenter_prereqs_function::survey;
use serde_json::json;
use std::fmt::Write as _;

/// Prints the findings. Returns whether there are any. Warnings are printed too, but do not count.
///
/// # Errors
/// Returns an error if the options are not valid, or if the account cannot be read.
pub(crate) async fn run(options: &arguments::Check) -> Result<bool, Failure> {
    let request = request::for_check(options).await?;
    let reading = survey(&request.config, &request.event.properties, &request.owner, &request.scope);
    let survey = with_progress("reading EKS, IAM, EC2 and the Kubernetes API", reading).await.map_err(Failure::new)?;
    let (found, warnings) = (findings(&survey), &survey.plan.warnings);
    print(&if options.output.json {
        as_json(&found, warnings)
    } else {
        as_text(&survey.spec.cluster_name, &found, warnings)
    })?;
    Ok(!found.is_empty())
}

/// Returns one JSON object. `docs/cli.md` describes its fields.
fn as_json(findings: &[Finding], warnings: &[Warning]) -> String {
    let findings: Vec<_> = findings
        .iter()
        .map(|Finding { area, code, message, remedy }| {
            json!({"area": area.title(), "code": code, "message": message, "remedy": remedy})
        })
        .collect();
    format!("{:#}\n", json!({ "findings": findings, "warnings": warnings }))
}

/// Returns one line for each area with its findings below, then the warnings and the number of findings.
fn as_text(cluster: &str, findings: &[Finding], warnings: &[Warning]) -> String {
    const BOLD: Style = Style::new().bold();
    const GOOD: Style = AnsiColor::Green.on_default();
    const BAD: Style = AnsiColor::Red.on_default();
    const WARNING: Style = AnsiColor::Yellow.on_default();
    let mut text = format!("{BOLD}Prerequisites of Karpenter for cluster {cluster}{BOLD:#}\n\n");
    // The other areas depend on the cluster. If it does not exist or is not ready, an area without findings is not confirmed.
    let is_cluster_unknown = findings.iter().any(|finding| finding.area == CheckArea::Cluster);
    for area in CheckArea::ALL {
        let of_area: Vec<_> = findings.iter().filter(|finding| finding.area == area).collect();
        let is_unknown =
            if of_area.is_empty() { is_cluster_unknown } else { of_area.iter().all(|it| it.code == NOT_READ) };
        let _ = match (is_unknown, of_area.is_empty()) {
            (true, _) => writeln!(text, "  {WARNING}?{WARNING:#} {}: not known", area.title()),
            (false, true) => writeln!(text, "  {GOOD}✓{GOOD:#} {}", area.title()),
            (false, false) => writeln!(text, "  {BAD}✗{BAD:#} {}", area.title()),
        };
        for Finding { code, message, remedy, .. } in of_area {
            let _ = writeln!(text, "      {code}: {}", message.replace('\n', "\n          "));
            if !remedy.is_empty() {
                let _ = writeln!(text, "      {BOLD}→{BOLD:#} {remedy}");
            }
        }
    }
    for warning in warnings {
        let _ = write!(text, "\n{WARNING}Warning:{WARNING:#} {warning}\n");
    }
    let _ = match findings.len() {
        0 => write!(text, "\n{BOLD}Nothing is missing.{BOLD:#}\n"),
        1 => write!(text, "\n{BOLD}1 finding.{BOLD:#}\n"),
        count => write!(text, "\n{BOLD}{count} findings.{BOLD:#}\n"),
    };
    text
}
