//! A linter that knows which actions there are, which resources each takes, and which condition keys.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What it found: the kind of finding, and the actions that it is about.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The name of the document.
    pub(crate) of: String,
    pub(crate) issue: String,
    pub(crate) actions: Vec<String>,
}

/// Every finding in these documents, given by name.
pub(crate) fn findings(documents: &BTreeMap<String, Value>) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    for (name, document) in documents {
        fs::write(folder.path().join(format!("{name}.json")), document.to_string()).unwrap();
    }
    // It goes by its exit code: 1 when there are findings.
    let output = Command::new(Path::new(&crate::simulator::printed_by("python.sh")).join("bin/parliament"))
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
        of: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        issue: found["issue"].as_str().unwrap().to_owned(),
        actions: found["detail"].as_array().map(|details| details.iter().map(action).collect()).unwrap_or_default(),
    }
}
