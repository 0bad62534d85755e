//! A policy linter. It knows all actions of AWS, and the resources and condition keys of each.

use crate::installed_by;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A finding of the linter.
#[derive(Debug)]
pub struct Finding {
    /// The name of the document.
    pub document: String,
    /// The kind of finding.
    pub issue: String,
    /// The actions with this finding.
    pub actions: Vec<String>,
}

/// Returns all findings in these documents, which are given by name.
///
/// # Panics
///
/// The linter cannot be installed or run.
pub fn findings(documents: &BTreeMap<String, Value>) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    for (name, document) in documents {
        fs::write(folder.path().join(format!("{name}.json")), document.to_string()).unwrap();
    }
    // The exit code is 1 if the linter has findings.
    let output = Command::new(Path::new(&installed_by("python.sh")).join("bin/parliament"))
        .args(["--json", "--directory"])
        .arg(folder.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", output.status);
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| finding(&serde_json::from_str(line).unwrap())).collect()
}

fn finding(found: &Value) -> Finding {
    let path = Path::new(found["location"]["filepath"].as_str().unwrap());
    let action = |detail: &Value| detail["action"].as_str().or(detail.as_str()).unwrap_or_default().to_owned();
    Finding {
        document: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        issue: found["issue"].as_str().unwrap().to_owned(),
        actions: found["detail"].as_array().map(|details| details.iter().map(action).collect()).unwrap_or_default(),
    }
}
