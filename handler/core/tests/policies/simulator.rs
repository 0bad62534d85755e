//! Runs an IAM simulator that evaluates conditions. It decides what a policy document allows.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The account of all requests.
pub(crate) const ACCOUNT: &str = "111122223333";

/// One call on one resource, with the values that IAM evaluates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Request {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    /// The values by condition key: a text, or a list of texts.
    pub(crate) context: BTreeMap<String, Value>,
}

/// The decision of IAM on a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    ImplicitlyDenied,
    ExplicitlyDenied,
}

/// A request as the simulator reads it.
#[derive(Serialize)]
struct Query<'a> {
    policy: &'a str,
    account: &'a str,
    #[serde(flatten)]
    request: &'a Request,
}

/// Runs a script of the folder `tests`, which installs a tool, and returns the folder that it prints.
pub(crate) fn printed_by(script: &str) -> String {
    let script = Path::new(env!("KARPENTER_PREREQS_CHECKOUT")).join("tests").join(script);
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed", script.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns the decision on each request under the document with the given name. One process decides on all requests, because it
/// takes a second to start.
pub(crate) fn verdicts(policies: &BTreeMap<String, Value>, requests: &[(String, Request)]) -> Vec<Verdict> {
    let queries: Vec<_> =
        requests.iter().map(|(policy, request)| Query { policy, account: ACCOUNT, request }).collect();
    let input = serde_json::json!({"policies": policies, "requests": queries}).to_string();
    let mut node = Command::new("node")
        .arg(Path::new(&printed_by("simulator/install.sh")).join("simulate.js"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is on the PATH");
    // The simulator reads all input before it writes, so neither process blocks the other.
    node.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the simulator failed, with the error above");
    let verdicts: Vec<Verdict> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts.len(), requests.len());
    verdicts
}
