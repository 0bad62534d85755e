//! An IAM simulator that knows conditions, as a program: the judge of what a document allows.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The account that all requests are made in.
pub(crate) const ACCOUNT: &str = "111122223333";

/// One call on one resource, as IAM sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Request {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    /// By condition key: a text, or a list of texts.
    pub(crate) context: BTreeMap<String, Value>,
}

/// What IAM says to a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    ImplicitlyDenied,
    ExplicitlyDenied,
}

#[derive(Serialize)]
struct Asked<'a> {
    policy: &'a str,
    account: &'a str,
    #[serde(flatten)]
    request: &'a Request,
}

/// The folder that a script of the tests' installs something in, and prints.
pub(crate) fn printed_by(script: &str) -> String {
    let script = Path::new(env!("KARPENTER_PREREQS_CHECKOUT")).join("tests").join(script);
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The verdict on each request under the document that is named beside it. All are asked at once: the simulator takes
/// a second to start.
pub(crate) fn verdicts(policies: &BTreeMap<String, Value>, requests: &[(String, Request)]) -> Vec<Verdict> {
    let asked: Vec<_> = requests.iter().map(|(policy, request)| Asked { policy, account: ACCOUNT, request }).collect();
    let input = serde_json::json!({"policies": policies, "requests": asked}).to_string();
    let mut node = Command::new("node")
        .arg(Path::new(&printed_by("simulator/install.sh")).join("simulate.js"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is on the PATH");
    // All is read before anything is written, so that neither waits for the other.
    node.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the simulator could not judge; it says why above");
    let verdicts: Vec<Verdict> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts.len(), requests.len());
    verdicts
}
