//! An IAM simulator that evaluates conditions. It decides what a policy document allows.

use crate::installed_by;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The account of all requests.
pub const ACCOUNT: &str = "111122223333";

/// One call on one resource, with the values that IAM evaluates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// The action, as in a policy: `iam:GetRole`.
    pub action: &'static str,
    /// The ARN, or `*` for an action without resources.
    pub resource: String,
    /// The values by condition key: a text, or a list of texts.
    pub context: BTreeMap<String, Value>,
}

/// The decision of IAM on a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows the request, and none denies it.
    Allowed,
    /// No statement applies to the request.
    ImplicitlyDenied,
    /// A statement denies the request.
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

/// Returns the decision on each request under the document with the given name. One process decides on all requests, because it
/// takes a second to start.
///
/// # Panics
///
/// The simulator cannot be installed or run, or cannot judge a request, such as one for an action that does not exist.
pub fn verdicts(policies: &BTreeMap<String, Value>, requests: &[(String, Request)]) -> Vec<Verdict> {
    let queries: Vec<_> =
        requests.iter().map(|(policy, request)| Query { policy, account: ACCOUNT, request }).collect();
    let input = serde_json::json!({"policies": policies, "requests": queries}).to_string();
    let mut node = Command::new("node")
        .arg(Path::new(&installed_by("policies/simulator/install.sh")).join("simulate.js"))
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
