//! `check`: what Karpenter and its nodes lack, and what to do about each finding.

mod findings;
mod remedy;

use crate::arguments;
use crate::failure::Failure;
use crate::print;
use crate::progress::told;
use crate::wanted;
use anstyle::{AnsiColor, Style};
use findings::{Area, Finding, findings};
use karpenter_prereqs_core::plan::Warning;
use karpenter_prereqs_function::survey;
use serde_json::json;
use std::fmt::Write as _;

/// Prints the findings. Gives whether there are any.
///
/// # Errors
/// What cannot be asked or read.
pub(crate) async fn run(asked: &arguments::Check) -> Result<bool, Failure> {
    let wanted = wanted::of_check(asked).await?;
    let looked = survey(&wanted.config, &wanted.request.properties, &wanted.owner, &wanted.scope);
    let (spec, converged, problems, observed) =
        told("reading EKS, IAM, EC2 and the Kubernetes API", looked).await.map_err(Failure::new)?;
    let found = findings(&spec, &converged.plan, &problems, &observed);
    print(&if asked.output.json {
        as_json(&found, &converged.warnings)
    } else {
        as_text(&spec.cluster_name, &found, &converged.warnings)
    })?;
    Ok(!found.is_empty())
}

fn as_json(found: &[Finding], warnings: &[Warning]) -> String {
    let found: Vec<_> = found
        .iter()
        .map(|Finding { area, code, message, remedy }| {
            json!({"area": area.question(), "code": code, "message": message, "remedy": remedy})
        })
        .collect();
    format!("{:#}\n", json!({ "findings": found, "warnings": warnings }))
}

fn as_text(cluster: &str, found: &[Finding], warnings: &[Warning]) -> String {
    const BOLD: Style = Style::new().bold();
    const GOOD: Style = AnsiColor::Green.on_default();
    const BAD: Style = AnsiColor::Red.on_default();
    const WARNING: Style = AnsiColor::Yellow.on_default();
    let mut text = format!("{BOLD}Karpenter's prerequisites of cluster {cluster}{BOLD:#}\n\n");
    let unknown = found.iter().any(|finding| finding.area == Area::Cluster);
    for area in Area::ALL {
        let of_area: Vec<_> = found.iter().filter(|finding| finding.area == area).collect();
        let _ = match (of_area.is_empty(), unknown) {
            (true, true) => writeln!(text, "  {WARNING}?{WARNING:#} {}: not known", area.question()),
            (true, false) => writeln!(text, "  {GOOD}✓{GOOD:#} {}", area.question()),
            (false, _) => writeln!(text, "  {BAD}✗{BAD:#} {}", area.question()),
        };
        for Finding { code, message, remedy, .. } in of_area {
            let _ = writeln!(text, "      {code}: {}", message.replace('\n', "\n          "));
            let _ = writeln!(text, "      {BOLD}→{BOLD:#} {remedy}");
        }
    }
    for warning in warnings {
        let _ = write!(text, "\n{WARNING}Warning:{WARNING:#} {warning}\n");
    }
    let _ = match found.len() {
        0 => write!(text, "\n{BOLD}Nothing is missing.{BOLD:#}\n"),
        1 => write!(text, "\n{BOLD}1 finding.{BOLD:#}\n"),
        count => write!(text, "\n{BOLD}{count} findings.{BOLD:#}\n"),
    };
    text
}
